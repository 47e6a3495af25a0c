"""`{% load span_rows %}{% span_rows rows view=view url=trace_url total_ms=total_ms current=current.id %}`: the steps of
a trace, in time or as a tree. A trace may have hundreds; as a template each took five times as long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from uuid import UUID

from django import template
from django.utils.safestring import SafeString, mark_safe

from agents.templatetags.tandem import duration_ms, icon_html, span_bar, tokens, usd
from observability.waterfall import Row

register = template.Library()
FAINT = " faint"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What all rows share: `url` is the trace's, `current` the id of the row that is chosen."""

    view: str
    url: str
    total_ms: float
    current: UUID | None
    is_out_of_band: bool

    @property
    def query(self) -> str:
        return "" if self.view == "timeline" else f"&amp;view={self.view}"


@register.simple_tag
def span_rows(
    rows: Sequence[Row], view: str, url: str, total_ms: float, current: UUID | None, *, out_of_band: bool = False
) -> SafeString:
    """`out_of_band` rows come beside another answer and take the places of those with their ids."""
    page = Page(view=view, url=escape(url), total_ms=total_ms, current=current, is_out_of_band=out_of_band)
    row_of = tree_row if view == "tree" else time_row
    return mark_safe("\n".join(row_of(row, page) for row in rows))  # noqa: S308  what is not ours is escaped


def time_row(row: Row, page: Page) -> str:
    if row.kind == "gap":
        return gap_html(row, page)
    if row.kind == "after":
        return head_html(row)
    if row.kind == "policy":
        return link_html(row, page, "policy", '<span class="span-bar"></span><span></span><span></span>')
    cost = usd(row.cost) if row.cost else ""
    place = later_html(row, page) if row.is_after else span_bar(row.start_ms, row.ms, page.total_ms)
    return link_html(row, page, row.look.colour, place + cell(took(row)) + cell(cost, FAINT))


def tree_row(row: Row, page: Page) -> str:
    if row.kind == "gap":
        return ""
    if row.kind == "after":
        return head_html(row)
    if row.kind == "policy":
        return link_html(row, page, "tree policy", "<span></span>" * 4)
    inner = row.inner
    cells = [
        cell(took(row)),
        cell(duration_ms(inner.ms) if inner and inner.steps else "", FAINT),
        cell(tokens(inner.tokens) if inner and inner.tokens else "", FAINT),
        cell(usd(inner.cost) if inner and inner.cost else "", FAINT),
    ]
    return link_html(row, page, f"tree {row.look.colour}", "".join(cells))


# -- parts


def link_html(row: Row, page: Page, kind: str, cells: str) -> str:
    span = id_of(row)
    detail = f" <small>{escape(row.detail)}</small>" if row.detail else ""
    return (
        f'<a class="span-row depth-{row.depth} {kind}{state_of(row)}" href="{page.url}?span={span}{page.query}" '
        f'hx-get="{page.url}spans/{span}/"{marks_of(row, page)}><span class="span-name">{icon_of(row)}'
        f'<span class="truncate">{escape(row.name)}{detail}</span></span>{cells}</a>'
    )


def gap_html(row: Row, page: Page) -> str:
    mark = icon_html("loader-circle" if row.state == "running" else "minus", "")
    return (
        f'<div class="span-row gap depth-{row.depth}{state_of(row)}"><span class="span-name">{mark}'
        f'<span class="truncate">{escape(row.name)}</span></span>{span_bar(row.start_ms, row.ms, page.total_ms)}'
        f"{cell('' if row.ms is None else duration_ms(row.ms))}<span></span></div>"
    )


def head_html(row: Row) -> str:
    name = f'<span class="span-name"><span class="truncate">{escape(row.name)}</span></span>'
    return f'<div class="span-row after">{name}</div>'


def later_html(row: Row, page: Page) -> str:
    """In the place of a bar: how long after the turn's end it began."""
    return f'<span class="span-later">{duration_ms(max(0, row.start_ms - page.total_ms))} later</span>'


def id_of(row: Row) -> Any:
    """A policy's decision belongs to the step that it is about."""
    return row.id if row.id is not None or row.span is None else row.span.pk


def state_of(row: Row) -> str:
    if row.state in {"error", "deny"}:
        return " bad"
    return " running" if row.state == "running" else ""


def marks_of(row: Row, page: Page) -> str:
    """Of a row that can be chosen: its id, whether it is, and where it goes."""
    if row.kind == "policy":
        return ""
    chosen = ""
    if row.id == page.current:
        chosen = ' aria-current="true" autofocus' if page.is_out_of_band else ' aria-current="true"'
    place = ' hx-swap-oob="true"' if page.is_out_of_band else ""
    return f' id="row-{row.id}" data-row{chosen}{place}'


def icon_of(row: Row) -> str:
    return icon_html("circle-x", "Error") if row.state == "error" else icon_html(row.look.icon, row.look.word)


def took(row: Row) -> str:
    return "running" if row.ms is None else duration_ms(row.ms)


def cell(text: str, kind: str = "") -> str:
    """Of a text that is a number of ours."""
    return f'<span class="num{kind}">{text}</span>'
