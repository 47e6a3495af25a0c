"""What an agent may name as its guardrail, and how such a name is read out."""

from __future__ import annotations

from guardrails.models import Guardrail, GuardrailVersion


def guardrail_choices(current: str = "") -> list[tuple[str, str]]:
    """Names with their words: the default, the newest of each, and each published version; `current` is among them."""
    default = Guardrail.objects.filter(is_default=True).first()
    rows = GuardrailVersion.objects.filter(number__isnull=False).select_related("guardrail")
    found = [("", f"The default ({default.name})" if default else "The default")]
    newest: set[str] = set()
    for version in rows.order_by("guardrail__name", "-number"):
        slug, name = version.guardrail.slug, version.guardrail.name
        if slug not in newest:
            found.append((slug, f"{name}, newest version"))
            newest.add(slug)
        found.append((f"{slug}:{version.number}", f"{name}, version {version.number}"))
    if current not in dict(found):
        found.append((current, f"{current} (it is gone)"))
    return found


def name_of(value: str) -> str:
    slug, _, number = value.partition(":")
    if not slug:
        return "The default"
    return f"{slug}, version {number}" if number else f"{slug}, newest version"
