"""All pictures of a run on one page, a row for each page of the product."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tests.shots.camera import Shot

STYLE = """
body { margin: 24px; font: 14px/1.5 system-ui, sans-serif; color: #222; background: #eee; }
h2 { margin: 32px 0 8px; font-size: 15px; }
section > div { display: flex; gap: 12px; overflow-x: auto; align-items: start; }
img { height: 300px; background: white; border: 1px solid #bbb; }
figure { margin: 0; } figcaption { color: #555; font-size: 12px; }
"""


def write(out: Path, shots: Sequence[Shot], *, widths: Sequence[int], themes: Sequence[str]) -> Path:
    """`index.html` beside the pictures; returns its path."""
    rows = "\n".join(row(shot, widths=widths, themes=themes) for shot in shots)
    index = out / "index.html"
    index.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Pages</title><style>{STYLE}</style>'
        f"<h1>{len(shots)} pages</h1>\n{rows}\n</html>\n",
        encoding="utf-8",
    )
    return index


def row(shot: Shot, *, widths: Sequence[int], themes: Sequence[str]) -> str:
    figures = "".join(
        figure(f"{shot.name}-{width}-{theme}.png", f"{width} {theme}") for theme in themes for width in widths
    )
    viewer = escape(shot.who or "nobody signed in")
    return f"<section><h2>{escape(shot.name)} <small>{viewer}</small></h2><div>{figures}</div></section>"


def figure(name: str, caption: str) -> str:
    picture = f'<a href="{name}"><img loading="lazy" src="{name}" alt="{caption}"></a>'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
