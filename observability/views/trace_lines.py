"""What the list of traces and the page of one share: rows, the panel beside the list, and what a reader may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404, HttpRequest
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from observability.masking import mask_json, mask_value, sees_all
from observability.models import Trace
from observability.trace_filter import Wanted
from observability.traces import SLOW_MS, BadQuery
from observability.waterfall import elapsed_ms, version_label

PEEK = "peek"


class DeskRequest(HttpRequest):
    htmx: HtmxDetails
    user: User


@dataclass(frozen=True, kw_only=True)
class Line:
    """A trace as a row of the list; `ms` counts on while it runs. What was said is as its reader may read it."""

    trace: Trace
    ms: int
    version: str
    said: str
    answered: str
    error: str
    # The length of a full bar: the same on every page, so that two pages can be compared.
    bar_ms: int = 2 * SLOW_MS

    @property
    def is_slow(self) -> bool:
        return self.ms > SLOW_MS

    @property
    def tokens_in(self) -> int:
        """What the model was given afresh, that is, not from the prompt cache."""
        return self.trace.input_tokens + self.trace.cache_write_tokens


def lines_of(found: list[Trace], reader: User | AnonymousUser) -> list[Line]:
    now, mask = timezone.now(), mask_for(reader)
    return [
        Line(
            trace=trace,
            ms=elapsed_ms(trace, now=now),
            version=version_label(trace.agent_version),
            said=mask(trace.input_text),
            answered=mask(trace.output_text),
            error=mask(trace.error),
        )
        for trace in found
    ]


def mask_for(reader: User | AnonymousUser, *, revealed: bool = False) -> Callable[[str], str]:
    return as_it_is if revealed or sees_all(reader) else mask_value


def mask_json_for(reader: User | AnonymousUser, *, revealed: bool = False) -> Callable[[Any], Any]:
    return as_it_is if revealed or sees_all(reader) else mask_json


def as_it_is(value: Any) -> Any:
    return value


# -- what a request says


def read_wanted(params: dict[str, str]) -> Wanted:
    """Raises `Http404` for what no page of ours links to."""
    try:
        return Wanted.read(params)
    except BadQuery as error:
        raise Http404(str(error)) from error


def params_of(request: HttpRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.GET.items()}


def params_of_page(request: DeskRequest) -> dict[str, str]:
    """Of the page on which a fragment is shown."""
    return dict(parse_qsl(urlsplit(request.htmx.current_url or "").query))


def is_peek(request: DeskRequest) -> bool:
    """Whether it is shown beside the list."""
    return bool(request.htmx) and request.htmx.target == PEEK
