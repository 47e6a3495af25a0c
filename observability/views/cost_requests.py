"""What a request for a page of money says."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from django_htmx.middleware import HtmxDetails

from observability.cost_range import RANGES, Wanted
from observability.traces import BadQuery


class DeskRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


def read_wanted(request: HttpRequest) -> Wanted:
    """Raises `Http404` for what no page of ours links to."""
    try:
        return Wanted.read({name: str(value) for name, value in request.GET.items()})
    except BadQuery as error:
        raise Http404(str(error)) from error


def range_links(wanted: Wanted) -> list[dict[str, object]]:
    """The spans on offer; days of one's own are chosen in a form."""
    plain = {"since": "", "until": "", "from": "", "to": ""}
    return [
        {"name": name, "url": wanted.query(range=key, **plain), "current": key == wanted.range and not wanted.since}
        for key, name in RANGES.items()
        if key != "custom"
    ]
