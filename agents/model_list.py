"""The models as pages show them: with their prices, their state, and the agents that use them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db.models import Q
from django.utils import timezone

from agents.errors import UnknownModel
from agents.model_directory import directory, is_retired, long_date, resolve
from agents.models import Agent, AgentVersion, LanguageModel, ModelAlias
from agents.templatetags.tandem import usd
from observability.models import Price
from observability.prices import price_list, prices_in_force

# How long before its day a retirement is pointed out.
NOTICE = timedelta(days=60)

Group = tuple[str, list[tuple[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whether a model takes calls, as a badge: `tone` is good, warn, bad or empty."""

    word: str
    tone: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class ModelLine:
    """A model as a row of the list. `prices` has one row a tier, the lowest first."""

    model: LanguageModel
    standing: Standing
    prices: list[Price]
    aliases: int = 0
    agents: list[Agent] = field(default_factory=list)

    @property
    def price(self) -> Price | None:
        return self.prices[0] if self.prices else None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What somebody should know of a model that a version names; `tone` is warn or bad."""

    text: str
    tone: str = "warn"


@dataclass
class Names:
    """Which model a name belongs to, whether or not that model takes calls."""

    _models: dict[str, LanguageModel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._models = {alias.alias: alias.model for alias in ModelAlias.objects.select_related("model")}
        self._models.update({model.key: model for model in LanguageModel.objects.all()})

    def model_of(self, name: str) -> LanguageModel | None:
        return self._models.get(name)


def model_lines() -> list[ModelLine]:
    models = LanguageModel.objects.all()
    aliases = Counter(ModelAlias.objects.values_list("model_id", flat=True))
    prices, users = prices_in_force(), agents_by_model()
    return [
        ModelLine(
            model=model,
            standing=standing_of(model),
            prices=prices.get(model.key, []),
            aliases=aliases[model.pk],
            agents=users.get(model.key, []),
        )
        for model in in_reading_order(models)
    ]


def in_reading_order(models: Iterable[LanguageModel]) -> list[LanguageModel]:
    """By provider, those that take calls first."""
    providers = list(LanguageModel.Provider)
    return sorted(
        models,
        key=lambda model: (
            providers.index(LanguageModel.Provider(model.provider)),
            not model.enabled or is_retired(model),
            model.label,
        ),
    )


def standing_of(model: LanguageModel) -> Standing:
    if is_retired(model):
        return Standing(word=f"Retired {short_date(model.retires_on)}", tone="bad", icon="ban")
    if not model.enabled:
        return Standing(word="Off", tone="", icon="power")
    if retires_soon(model):
        days = (model.retires_on - timezone.now().date()).days if model.retires_on else 0
        return Standing(word=f"Retires in {days} day{'' if days == 1 else 's'}", tone="warn", icon="clock")
    until = f" until {short_date(model.retires_on)}" if model.retires_on else ""
    return Standing(word=f"On{until}", tone="good", icon="circle-check")


def short_date(day: date | None) -> str:
    return f"{day.day} {day:%b %Y}" if day else ""


def retires_soon(model: LanguageModel) -> bool:
    return model.retires_on is not None and not is_retired(model) and model.retires_on - timezone.now().date() <= NOTICE


def agents_by_model() -> dict[str, list[Agent]]:
    """By key the agents whose live version or draft names the model, as its model or as its fall-back."""
    versions = (
        AgentVersion.objects.filter(Q(state=AgentVersion.State.DRAFT) | Q(pk__in=Agent.objects.values("live_version")))
        .select_related("agent")
        .only("model", "fallback_model", "agent__name", "agent__slug")
        .order_by("agent__name")
    )
    names, users = Names(), dict[str, list[Agent]]()
    for version in versions:
        for name in (version.model, version.fallback_model):
            model = names.model_of(name)
            if model is not None and version.agent not in users.setdefault(model.key, []):
                users[model.key].append(version.agent)
    return users


def usable_lines() -> list[ModelLine]:
    """The models that take calls, with their prices."""
    prices = prices_in_force()
    usable = [model for model in LanguageModel.objects.filter(enabled=True) if not is_retired(model)]
    return [
        ModelLine(model=model, standing=standing_of(model), prices=prices.get(model.key, []))
        for model in in_reading_order(usable)
    ]


def model_choices(lines: list[ModelLine], named: str) -> list[Group]:
    """The models as choices, by provider; before them what is named now, where that is none of them."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        group = LanguageModel.Provider(line.model.provider).label
        groups.setdefault(str(group), []).append((line.model.key, words_of(line)))
    if named and named not in {line.model.key for line in lines}:
        return [("As it is now", [(named, named)]), *groups.items()]
    return list(groups.items())


def words_of(line: ModelLine) -> str:
    if line.price is None:
        return f"{line.model.label} · no known price"
    return f"{line.model.label} · {usd(line.price.input_usd)} in, {usd(line.price.output_usd)} out"


def notices_of(version: AgentVersion) -> list[Notice]:
    """What is wrong, or soon will be, with the models that a version names."""
    notices = []
    for name in dict.fromkeys(filter(None, (version.model, version.fallback_model))):
        is_fallback = name != version.model
        notices += notices_of_name(name, otherwise=words_without(version, is_fallback=is_fallback))
    return notices


def words_without(version: AgentVersion, *, is_fallback: bool) -> str:
    if is_fallback:
        return "There is no fall-back until another one is chosen."
    if version.fallback_model:
        return "The fall-back model answers."
    return "Each conversation goes to a person."


def notices_of_name(name: str, *, otherwise: str) -> list[Notice]:
    try:
        found = resolve(name)
    except UnknownModel as error:
        return [Notice(text=f"{error} {otherwise}", tone="bad")]
    notices = [Notice(text=found.warning)] if found.warning else []
    if retires_soon(found.model):
        after = successor_of(found.model)
        then = f"{after.label} answers from then on." if after else otherwise
        notices.append(Notice(text=f"{found.model.label} is retired on {long_date(found.model.retires_on)}. {then}"))
    if price_list.get(found.model.key) is None:
        notices.append(Notice(text=f"No price is known for {found.model.label}: what it costs is counted as nothing."))
    return notices


def successor_of(model: LanguageModel) -> LanguageModel | None:
    """The model that an alias of this one's key leads to, once this one takes no more calls."""
    alias = ModelAlias.objects.filter(alias=model.key).select_related("model").first()
    return alias.model if alias else None


def label_of(name: str) -> str:
    """The label of the model that a version names; empty where nothing has that key."""
    model = directory.models().get(name)
    return model.label if model else ""
