"""Tags and filters of every template: icons, money, durations, times, and the components that need arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from agents.templatetags.drawing import Bar, bar_chart, span_position, sparkline_lines
from agents.templatetags.json_tree import json_html
from agents.templatetags.states import look_of
from agents.templatetags.text_diff import diff_rows

register = template.Library()

MISSING = "–"  # noqa: RUF001  an en dash, as typographers set an absent value
# What each says of itself; the first that is found counts, as later ones are named by earlier ones too.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrom", "Chrome"), ("CriOS/", "Chrome"),
            ("Safari/", "Safari"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "macOS"),
           ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip
MINUTE, HOUR, DAY, WEEK = 60, 3_600, 86_400, 604_800


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A symbol of `static/icons/sprite.svg`; with a label it speaks, without one it is decoration."""
    return icon_html(name, label)


# A page has some hundred of few kinds, and each asked anew where the static files are.
@lru_cache(maxsize=2_000)
def icon_html(name: str, label: str) -> SafeString:
    address = static("icons/sprite.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>', label, address, name
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', address, name)


@register.filter
def usd(amount: Decimal | float | str | None) -> str:
    """US dollars: cents from one dollar up, four decimals from one cent up, three significant digits below."""
    if amount is None or amount == "":
        return MISSING
    value = Decimal(str(amount))
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size == 0 or size >= 1:
        places = 2
    elif size >= Decimal("0.01"):
        places = 4
    else:
        places = min(8, 2 - size.adjusted())
    return f"{sign}${size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"


@register.filter
def duration_ms(milliseconds: float | str | None) -> str:
    """Milliseconds in the two units that matter: "840 ms", "1.24 s", "3 min 12 s", "2 h 5 min", "3 d 4 h"."""
    if milliseconds is None or milliseconds == "":
        return MISSING
    span = float(milliseconds)
    if span < 999.5:
        return f"{span:.0f} ms"
    seconds = span / 1000
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, small in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {small}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


@register.filter
def tokens(count: int | str | None) -> str:
    """A count of tokens: "1,234", "123k", "1.2M"."""
    if count is None or count == "":
        return MISSING
    count = int(count)
    if count < 100_000:
        return f"{count:,}"
    if count < 999_500:
        return f"{count / 1000:.0f}k"
    return f"{count / 1_000_000:.1f}M"


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """A `<time>` that says how long ago ("4 min"), with the instant in its title; `time.js` keeps it fresh."""
    if not moment:
        return MISSING
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(timespec="seconds"),
        moment.strftime("%d %b %Y, %H:%M:%S UTC"),
        words_ago(moment, datetime.now(UTC)),
    )


def words_ago(moment: datetime, now: datetime) -> str:
    """The words of `ago`; `static/js/time.js` has the same rule."""
    seconds = (now - moment).total_seconds()
    distance = abs(seconds)
    if distance < 45:
        return "now"
    if distance >= WEEK:
        return f"{moment.day} {moment:%b}" if moment.year == now.year else f"{moment.day} {moment:%b %Y}"
    if distance < HOUR - 30:
        words = f"{max(1, round(distance / MINUTE))} min"
    elif distance < DAY - HOUR / 2:
        words = f"{round(distance / HOUR)} h"
    else:
        words = f"{round(distance / DAY)} d"
    return words if seconds > 0 else f"in {words}"


@register.filter
def initial(name: str | None) -> str:
    """The letter of an avatar."""
    return (name or "").strip()[:1].upper() or "?"


@register.filter
def browser(user_agent: str | None) -> str:
    """The browser and the system that a User-Agent header names: "Firefox on Linux"; else its beginning."""
    text = user_agent or ""
    name = next((word for mark, word in BROWSERS if mark in text), "")
    system = next((word for mark, word in SYSTEMS if mark in text), "")
    return f"{name} on {system}" if name and system else name or text[:60] or "Unknown browser"


@register.filter
def chord(keys: str | None) -> list[str]:
    """The parts of a key chord: "g i" is ["g", "i"]."""
    return (keys or "").split()


@register.simple_tag
def state(value: object, word: str = "") -> SafeString:
    """The badge of a state (`states.LOOKS`), under its usual word or the one given."""
    look = look_of(value)
    kind = f"{look.tone} is-live" if look.is_live else look.tone
    return format_html('<span class="badge {}">{}{}</span>', kind, icon_html(look.icon, ""), word or look.word)


@register.inclusion_tag("components/verdict.html")
def verdict(outcome: object, rule: str = "") -> dict[str, object]:
    """The chip of a guardrail's or a policy's outcome, with the rule that decided it."""
    return {"look": look_of(outcome), "rule": rule}


@register.inclusion_tag("components/json.html")
def json_view(value: object, label: str = "") -> dict[str, object]:
    """A collapsible tree of any JSON value."""
    return {"tree": json_html(value), "label": label}


@register.inclusion_tag("components/diff.html")
def diff(before: str, after: str, mode: str = "split", label: str = "") -> dict[str, object]:
    """Two texts compared by line; `mode` is `split` or `unified`."""
    return {"rows": diff_rows(before, after), "mode": mode, "label": label}


@register.inclusion_tag("components/sparkline.html")
def sparkline(values: Sequence[float | None], label: str) -> dict[str, object]:
    """A line from zero; None is a gap. `label` says in words what the line shows."""
    lines, last = sparkline_lines(values)
    return {"lines": lines, "last": last, "label": label}


@register.inclusion_tag("components/bars.html")
def bars(points: Sequence[Mapping[str, Any]], title: str, unit: str = "", href: str = "") -> dict[str, object]:
    """Zero-based bars of `{"label", "value", "unfinished"?}`; `href` leads to the same figures as a table."""
    drawn: list[Bar] = bar_chart(points)
    top = max((float(point["value"] or 0) for point in points), default=0.0)
    return {"bars": drawn, "title": title, "unit": unit, "href": href, "top": top, "width": len(points) * 10}


@register.simple_tag
def span_bar(start_ms: float, duration_ms: float | None, total_ms: float) -> SafeString:
    """A span's place in its trace, in percent of `total_ms`."""
    place = span_position(start_ms, duration_ms, total_ms)
    return mark_safe(  # noqa: S308  two numbers
        '<svg class="span-bar" aria-hidden="true"><rect class="span-track" x="0" y="6" width="100%" height="2" rx="1">'
        f'</rect><rect class="span-fill" x="{place["x"]}%" y="1" width="{place["width"]}%" height="12" rx="2"></rect>'
        "</svg>"
    )
