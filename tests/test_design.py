"""The design system keeps its promises: contrast, colours in one place, one icon set, a strict policy, small code."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterator
from pathlib import Path

import django_htmx
import pytest
from django.apps import apps
from django.conf import settings

from agents.templatetags.states import LOOKS

STATIC = Path(settings.BASE_DIR) / "static"
TEMPLATES = Path(settings.BASE_DIR) / "templates"
HTMX = Path(django_htmx.__file__).parent / "static" / "django_htmx"
SCRIPT_BUDGET_BYTES = 60_000
TEXT_RATIO, PART_RATIO = 4.5, 3.0

TOKEN = re.compile(r"--([\w-]+):\s*light-dark\(oklch\(([^)]+)\),\s*oklch\(([^)]+)\)\)")
MEANINGS = ("good", "warn", "bad", "info", "accent")


# -- contrast, after WCAG 2.2 (relative luminance and contrast ratio) and CSS Color 4 (oklch to linear sRGB)
def read_tokens() -> dict[str, dict[str, tuple[float, float, float]]]:
    """For each theme, a token's lightness, chroma and hue."""
    themes: dict[str, dict[str, tuple[float, float, float]]] = {"light": {}, "dark": {}}
    for name, light, dark in TOKEN.findall((STATIC / "css" / "tokens.css").read_text()):
        for theme, text in (("light", light), ("dark", dark)):
            lightness, chroma, hue = (float(part) for part in text.split())
            themes[theme][name] = (lightness, chroma, hue)
    return themes


def luminance(colour: tuple[float, float, float]) -> float:
    lightness, chroma, hue = colour
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    # A colour outside sRGB is clipped by the screen.
    red, green, blue = (min(max(part, 0.0), 1.0) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def text_pairs() -> Iterator[tuple[str, str]]:
    surfaces = [f"surface-{number}" for number in range(4)]
    for text in ("text-1", "text-2", "text-3"):
        yield from ((text, surface) for surface in surfaces)
    for meaning in MEANINGS:
        yield from ((f"{meaning}-text", surface) for surface in [*surfaces[:3], f"{meaning}-fill"])
        yield from ((text, f"{meaning}-fill") for text in ("text-1", "text-2", "text-3"))
    yield from (("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-bad", "bad-solid"))


def part_pairs() -> Iterator[tuple[str, str]]:
    lines = [f"{meaning}-line" for meaning in MEANINGS] + [f"series-{number}" for number in range(1, 6)]
    for part in ["line-strong", "ring", "accent", *lines]:
        yield from ((part, f"surface-{number}") for number in range(3))
    yield from ((f"{meaning}-line", f"{meaning}-fill") for meaning in MEANINGS)


def test_luminance_of_known_colours() -> None:
    assert luminance((1, 0, 0)) == pytest.approx(1, abs=1e-3)
    assert luminance((0, 0, 0)) == pytest.approx(0, abs=1e-6)
    assert luminance((0.627955, 0.257683, 29.2339)) == pytest.approx(0.2126, abs=1e-3)  # sRGB red


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str) -> None:
    tokens = read_tokens()[theme]
    wanted = [(pair, TEXT_RATIO) for pair in text_pairs()] + [(pair, PART_RATIO) for pair in part_pairs()]
    low = [
        f"{one} on {other}: {ratio(tokens[one], tokens[other]):.2f} < {least}"
        for (one, other), least in wanted
        if ratio(tokens[one], tokens[other]) < least
    ]
    assert not low, "\n".join(low)


# -- styles
def style_sheets() -> list[Path]:
    return sorted((STATIC / "css").rglob("*.css"))


def test_colours_stand_in_the_tokens_only() -> None:
    raw = re.compile(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(|\bcolor:\s*(?:white|black|red|grey|gray)\b", re.IGNORECASE)
    found = [
        f"{sheet.name}: {match.group()}"
        for sheet in style_sheets()
        if sheet.name != "tokens.css"
        for match in raw.finditer(sheet.read_text())
    ]
    assert not found


def test_every_token_that_is_used_exists() -> None:
    texts = {sheet: sheet.read_text() for sheet in style_sheets()}
    defined = {name for text in texts.values() for name in re.findall(r"--([\w-]+):", text)}
    missing = {(sheet.name, name) for sheet, text in texts.items() for name in re.findall(r"var\(--([\w-]+)", text)}
    assert not {pair for pair in missing if pair[1] not in defined}


def test_every_style_sheet_is_in_a_layer_and_balanced() -> None:
    for sheet in style_sheets():
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        assert text.count("{") == text.count("}"), sheet.name
        assert re.match(r"\s*@layer ", text), sheet.name


# -- states
def test_every_state_has_a_look() -> None:
    """Whatever a row's status can be is shown with a word, an icon and a tone, never under its bare name."""
    states = {
        str(value)
        for app in ("agents", "tools", "observability")
        for model in apps.get_app_config(app).get_models()
        for name in {"status", "state", "controller"} & {field.name for field in model._meta.get_fields()}
        for value, _ in model._meta.get_field(name).choices or ()
    }
    assert {"silenced", "active", "unknown", "paused", "draft", "resolved"} <= states
    assert not states - LOOKS.keys()


# -- templates
def pages() -> list[Path]:
    return sorted(TEMPLATES.rglob("*.html"))


def test_nothing_inline_in_templates() -> None:
    """The policy allows scripts and styles from our own files only, and escaping is never switched off."""
    forbidden = re.compile(
        r"""\sstyle\s*=\s*["']|<style\b|\son[a-z]+\s*=\s*["']|hx-on|javascript:|\|\s*safe\b|autoescape\s+off"""
        r"""|<script(?![^>]*(?:\bsrc=|application/json))""",
        re.IGNORECASE,
    )
    found = [
        f"{page.relative_to(TEMPLATES)}: {match.group().strip()}"
        for page in pages()
        for match in forbidden.finditer(page.read_text())
    ]
    assert not found


def test_every_icon_that_is_used_exists() -> None:
    symbols = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons" / "sprite.svg").read_text()))
    used = {
        name
        for page in pages()
        for name in re.findall(r"""{%\s*icon\s+"([^"]+)"|\bicon="([^"]+)\"""", page.read_text())
        for name in name
        if name
    }
    assert used <= symbols, used - symbols
    assert {look.icon for look in LOOKS.values()} <= symbols


def test_every_component_says_its_parameters() -> None:
    silent = [
        page.name
        for page in sorted((TEMPLATES / "components").glob("*.html"))
        if not page.read_text().startswith("{% comment %}")
    ]
    assert not silent


def test_the_page_for_a_failed_server_needs_no_context() -> None:
    assert "{%" not in (TEMPLATES / "500.html").read_text()
    assert "{{" not in (TEMPLATES / "500.html").read_text()


# -- scripts
def test_scripts_are_small() -> None:
    scripts = [*(STATIC / "js").glob("*.js"), HTMX / "htmx-2.min.js", HTMX / "ext" / "hx-sse-2.min.js"]
    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < SCRIPT_BUDGET_BYTES


def test_modules_import_modules_that_exist() -> None:
    for script in (STATIC / "js").glob("*.js"):
        for name in re.findall(r"""from "\./([\w.]+)"|^import "\./([\w.]+)\"""", script.read_text(), re.MULTILINE):
            assert (STATIC / "js" / next(filter(None, name))).exists(), (script.name, name)


# -- licences
def test_what_others_made_has_its_licence_beside_it() -> None:
    listed = (STATIC / "LICENSES.md").read_text()
    for font in (STATIC / "fonts").glob("*.woff2"):
        assert font.name.split("-latin")[0].split("-")[0] in listed
    assert len(list((STATIC / "fonts").glob("OFL-*.txt"))) == 2
    assert (STATIC / "icons" / "LICENSE-Lucide.txt").exists()
