from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from agents.errors import UnknownModel
from agents.model_directory import CACHE_SECONDS, Directory, directory, resolve
from agents.model_list import Notice, model_choices, notices_of, usable_lines
from agents.models import LanguageModel, ModelAlias
from agents.versions import draft_version
from tests.factories import make_agent
from tests.kept_caches import read_once

pytestmark = pytest.mark.django_db
OLD_SONNET = "anthropic.claude-3-5-sonnet-20241022-v2:0"


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    directory.forget()
    yield
    directory.forget()


def change(key: str, **values: Any) -> LanguageModel:
    LanguageModel.objects.filter(key=key).update(**values)
    directory.forget()
    return LanguageModel.objects.get(key=key)


def in_days(days: int) -> Any:
    return timezone.now().date() + timedelta(days=days)


class TestResolve:
    def test_a_key_is_its_own_model(self) -> None:
        found = resolve("claude-sonnet-5-5")
        assert (found.model.label, found.model.provider, found.warning) == ("Claude Sonnet 5.5", "anthropic", "")

    def test_a_retired_name_leads_to_a_current_model_and_says_so(self) -> None:
        found = resolve(OLD_SONNET)
        assert found.model.key == "claude-sonnet-5-5"
        assert found.warning == f"{OLD_SONNET} was retired; Claude Sonnet 5.5 answers instead."

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-sonnet-5-5"),
            ("anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-sonnet-5-5"),
            ("claude-3-5-sonnet-latest", "claude-sonnet-5-5"),
            ("claude-3-5-haiku-latest", "claude-haiku-5-5"),
            ("meta.llama3-1-70b-instruct-v1:0", "bedrock/llama-3-3-70b"),
            ("mistral.mistral-large-2402-v1:0", "bedrock/mistral-large-3"),
            ("cohere.command-r-plus-v1:0", "cohere/command-r-plus"),
            ("global.anthropic.claude-sonnet-5-5", "bedrock/claude-sonnet-5-5"),
        ],
    )
    def test_the_names_of_former_days(self, name: str, key: str) -> None:
        found = resolve(name)
        assert found.model.key == key
        assert found.warning.startswith(f"{name} ")

    def test_nothing_bears_an_unknown_name(self) -> None:
        with pytest.raises(UnknownModel, match="There is no model named 'gpt-x'"):
            resolve("gpt-x")

    def test_a_model_that_is_switched_off_is_refused(self) -> None:
        change("claude-opus-5", enabled=False)
        with pytest.raises(UnknownModel, match=r"Claude Opus 5 \(claude-opus-5\) is switched off"):
            resolve("claude-opus-5")

    def test_a_model_is_refused_from_its_last_day_on(self) -> None:
        change("claude-opus-5", retires_on=in_days(1))
        assert resolve("claude-opus-5").warning == ""
        change("claude-opus-5", retires_on=in_days(0))
        with pytest.raises(UnknownModel, match="was retired on"):
            resolve("claude-opus-5")

    def test_an_alias_of_its_key_takes_over_on_that_day(self) -> None:
        change("claude-sonnet-4-5", retires_on=in_days(1))
        assert resolve("claude-sonnet-4-5").model.key == "claude-sonnet-4-5"
        change("claude-sonnet-4-5", retires_on=in_days(0))
        found = resolve("claude-sonnet-4-5-20250929")
        assert found.model.key == "claude-sonnet-5-5"
        assert found.warning.startswith("claude-sonnet-4-5-20250929 is only another name; Claude Sonnet 5.5")

    def test_a_name_whose_model_is_gone_says_which(self) -> None:
        change("claude-sonnet-5-5", enabled=False)
        with pytest.raises(UnknownModel, match=r"stands for Claude Sonnet 5\.5, which is switched off"):
            resolve(OLD_SONNET)

    def test_names_that_lead_in_a_circle_end(self) -> None:
        first, second = change("claude-opus-5", enabled=False), change("claude-sonnet-5", enabled=False)
        ModelAlias.objects.create(alias=first.key, model=second, reason="was retired")
        ModelAlias.objects.create(alias=second.key, model=first, reason="was retired")
        with pytest.raises(UnknownModel):
            resolve(first.key)


class TestCache:
    def test_finding_a_model_costs_no_query(self, django_assert_num_queries: Any) -> None:
        with read_once():
            resolve(OLD_SONNET)
            with django_assert_num_queries(0):
                for name in ("claude-sonnet-5-5", OLD_SONNET, "claude-haiku-5-5"):
                    resolve(name)

    def test_a_change_is_seen_after_two_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        # In this module alone: loops of other threads go by the same clock, and would sleep for days.
        monkeypatch.setattr("agents.model_directory.time", SimpleNamespace(monotonic=lambda: now[0]))
        fresh = Directory()
        fresh.resolve("claude-opus-5")
        LanguageModel.objects.filter(key="claude-opus-5").update(enabled=False)
        fresh.resolve("claude-opus-5")
        now[0] += CACHE_SECONDS + 0.1
        with pytest.raises(UnknownModel):
            fresh.resolve("claude-opus-5")

    def test_nobody_waits_while_another_thread_reads(self, django_assert_num_queries: Any) -> None:
        fresh = Directory()
        fresh.resolve("claude-opus-5")
        fresh.forget()
        with fresh._reading, django_assert_num_queries(0):
            assert fresh.resolve("claude-opus-5").model.key == "claude-opus-5"


class TestFirstModels:
    def test_streaming_with_tools_is_told_apart(self) -> None:
        streams = dict(LanguageModel.objects.filter(provider="converse").values_list("key", "streams_tools"))
        assert streams == {
            "bedrock/llama-3-3-70b": False,
            "bedrock/llama-4-maverick": False,
            "bedrock/mistral-large-3": False,
            "bedrock/command-r-plus": True,
        }

    def test_every_alias_leads_to_a_model_that_answers(self) -> None:
        for alias in ModelAlias.objects.values_list("alias", flat=True):
            resolve(alias)

    def test_every_name_of_a_version_stays_one(self) -> None:
        make_agent(model="claude-of-our-own", fallback_model="claude-mythos-5")
        with pytest.raises(UnknownModel):
            resolve("claude-of-our-own")
        migration = import_module("agents.migrations.0005_first_models")
        migration.keep_what_versions_name(apps, None)
        directory.forget()
        kept = resolve("claude-of-our-own")
        assert (kept.model.provider, kept.model.provider_model) == ("anthropic", "claude-of-our-own")
        assert kept.warning == ""
        assert resolve("claude-mythos-5").model.key == "claude-mythos-5"


class TestNotices:
    def of(self, **values: str) -> list[Notice]:
        version = draft_version(make_agent(**values))
        return notices_of(version)

    def test_a_current_model_needs_none(self) -> None:
        assert self.of(model="claude-sonnet-5-5", fallback_model="claude-haiku-5-5") == []

    def test_a_former_name(self) -> None:
        (notice,) = self.of(model=OLD_SONNET)
        assert (notice.tone, notice.text) == ("warn", f"{OLD_SONNET} was retired; Claude Sonnet 5.5 answers instead.")

    def test_an_unknown_model_and_what_becomes_of_conversations(self) -> None:
        (notice,) = self.of(model="gpt-x")
        assert notice.tone == "bad"
        assert notice.text == "There is no model named 'gpt-x'. Each conversation goes to a person."
        (notice,) = self.of(model="gpt-x", fallback_model="claude-haiku-5-5")
        assert notice.text.endswith("The fall-back model answers.")
        (notice,) = self.of(model="claude-haiku-5-5", fallback_model="gpt-x")
        assert notice.text.endswith("There is no fall-back until another one is chosen.")

    def test_a_retirement_is_pointed_out_sixty_days_before(self) -> None:
        change("claude-sonnet-4-5", retires_on=in_days(61))
        assert self.of(model="claude-sonnet-4-5") == []
        change("claude-sonnet-4-5", retires_on=in_days(60))
        (notice,) = self.of(model="claude-sonnet-4-5")
        assert notice.text.startswith("Claude Sonnet 4.5 is retired on ")
        assert notice.text.endswith("Claude Sonnet 5.5 answers from then on.")
        change("claude-opus-5", retires_on=in_days(60))
        (notice,) = self.of(model="claude-opus-5")
        assert notice.text.endswith("Each conversation goes to a person.")

    def test_a_missing_price_is_pointed_out(self) -> None:
        (notice,) = self.of(model="claude-fable-5-2")
        assert "No price is known for Claude Fable 5.2" in notice.text


class TestChoices:
    def test_they_are_grouped_and_take_calls(self) -> None:
        change("claude-opus-5", enabled=False)
        groups = dict(model_choices(usable_lines(), "claude-sonnet-5-5"))
        assert list(groups) == ["Anthropic API", "Claude on Bedrock", "Bedrock Converse", "OpenAI-compatible server"]
        keys = {key for options in groups.values() for key, _ in options}
        assert "claude-sonnet-5-5" in keys
        assert keys.isdisjoint({"claude-opus-5", "claude-mythos-5", "bedrock/command-r-plus"})

    def test_what_is_named_now_stays_a_choice(self) -> None:
        assert model_choices(usable_lines(), OLD_SONNET)[0] == ("As it is now", [(OLD_SONNET, OLD_SONNET)])
