"""The shape of the code: files and functions that fit a screen or two, and no import hidden in a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("config", "agents", "memory", "tools", "guardrails", "observability")
SOURCES = [path for folder in (*APPS, "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
FILES = [*SOURCES, ROOT / "manage.py", ROOT / "bootstrap.py"]
WRITTEN = [path for path in FILES if "migrations" not in path.parts]
FILE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 7

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def too_long(tree: ast.AST) -> Iterator[str]:
    for function in functions(tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield f"{function.name}() has {lines} lines, more than {FUNCTION_LINES}"


def too_many_parameters(tree: ast.AST) -> Iterator[str]:
    for function in functions(tree):
        given = function.args
        names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len([name for name in names if name not in {"self", "cls"}])
        if count > PARAMETERS:
            yield f"{function.name}() takes {count} parameters, more than {PARAMETERS}"


def hidden_imports(tree: ast.AST) -> Iterator[str]:
    """Imports of our own apps in a function; Django gives `AppConfig.ready` no other place for them."""
    for function in functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            if function.name != "ready" and any(name.partition(".")[0] in APPS for name in names):
                yield f"{function.name}() imports {', '.join(names)} in line {node.lineno}"


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_keeps_to_the_ceilings(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    problems = [*too_long(tree), *(() if path.name == "manage.py" else hidden_imports(tree))]
    if "tests" not in path.relative_to(ROOT).parts:
        problems += too_many_parameters(tree)
    lines = len(text.splitlines())
    if lines > FILE_LINES:
        problems.append(f"it has {lines} lines, more than {FILE_LINES}")
    assert not problems, f"{path.relative_to(ROOT)}: {'; '.join(problems)}"
