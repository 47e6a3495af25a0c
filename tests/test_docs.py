"""The documents name nothing that does not exist, and leave out no setting."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from config.testing import names_read_by_settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / name for name in ("README.md", "CHANGELOG.md", "static/LICENSES.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
CONFIGURATION = ROOT / "docs" / "configuration.md"
# `up` reads these two itself.
SETTINGS = sorted({*names_read_by_settings(), "HOST", "PORT"})

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
# A file or a folder, and perhaps a name in it: `agents/intake.py: receive`.
NAMED = re.compile(r"(?P<path>(?:\.?[\w<>-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|css|js))(?:: (?P<name>\w+))?")
# Made by a start or by a person, or a pattern and no path.
NOT_KEPT = re.compile(r"^\.state/|<|^static/$|^/")


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(prose(document)):
        if re.match(r"https?:|mailto:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (document.parent / place).resolve() if place else document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


def test_files_and_the_names_in_them_exist(document: Path) -> None:
    missing = []
    for path, name in named(document):
        found = next((place for place in (ROOT / path, document.parent / path) if place.exists()), None)
        if found is None or (name and name not in names_in(found)):
            missing.append(f"{path}: {name}" if name else path)
    assert not missing


def test_commands_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ {4}|^)make ([a-z]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())


def test_every_setting_is_explained() -> None:
    """One row each in a table, and none for a name that nothing reads."""
    text, _, others = CONFIGURATION.read_text(encoding="utf-8").partition("## Not settings of the desk")
    assert sorted(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)) == SETTINGS
    assert not set(re.findall(r"^\| `([A-Z_]+)` \|", others, re.MULTILINE)) & set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_is_the_one_in_the_code(name: str) -> None:
    """Where the code has a plain text or number."""
    default = defaults().get(name)
    if default is not None:
        row = re.search(rf"^\| `{name}` \| (.*?) \|", CONFIGURATION.read_text(encoding="utf-8"), re.MULTILINE)
        assert row is not None
        assert f"`{default}`" in row[1]


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def anchors(document: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named(document: Path) -> Iterator[tuple[str, str]]:
    for quoted in QUOTED.findall(prose(document).replace("\n", " ")):
        match = NAMED.fullmatch(quoted)
        if match and not NOT_KEPT.search(quoted):
            yield match["path"], match["name"] or ""


def names_in(path: Path) -> set[str]:
    """The functions, classes and values at the top of a module."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def defaults() -> dict[str, str]:
    text = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    found = re.findall(r'env_(?:str|int)\(\s*"([A-Z_]+)", (?:"([^"]+)"|(\d+))\s*\)', text)
    return {name: words or number for name, words, number in found if name != "EMAIL_HOST"}
