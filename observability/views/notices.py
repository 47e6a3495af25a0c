"""What one was told: the bell, and the list behind it."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django_htmx.middleware import HtmxDetails

from observability.access import Role, has_role, staff_required
from observability.models import Event
from observability.notice_paging import BadPlace, page_of, read_place
from observability.notices import count_unseen, mark_seen, notices_for, seen_until, words_of_unseen


class DeskRequest(HttpRequest):
    htmx: HtmxDetails
    user: User


@staff_required
@require_GET
def notices(request: DeskRequest) -> HttpResponse:
    """The list. Where script runs, it says by itself that it was seen (`notices_seen`)."""
    event = request.GET.get("event", "")
    if event and event not in Event.values:
        raise Http404(f"There is no event {event!r}.")
    own = notices_for(request.user)
    shown = own.filter(event=event) if event else own
    try:
        before, after = (read_place(request.GET.get(name, "")) for name in ("before", "after"))
    except BadPlace as error:
        raise Http404(str(error)) from error
    page = page_of(shown, "at", before=before, after=after)
    until = seen_until(request.user)
    newest = page.rows[0].at if page.rows and not (before or after or event) else None
    context = {
        "lines": [{"notice": notice, "is_new": notice.at > until} for notice in page.rows],
        "events": Event.choices,
        "event": event,
        "newer": address(event, after=page.newer) if page.newer else "",
        "older": address(event, before=page.older) if page.older else "",
        "newest": address(event),
        "seen_until": newest.isoformat() if newest and newest > until else "",
        "may_configure": has_role(request.user, Role.ADMIN),
    }
    return render(request, "observability/notices.html", context)


def address(event: str, **place: str) -> str:
    given = {name: value for name, value in {"event": event, **place}.items() if value}
    return f"?{urlencode(given)}"


@staff_required
@require_POST
def notices_seen(request: DeskRequest) -> HttpResponse:
    """Up to the newest that the page showed: what has come since stays new."""
    until = parse_datetime(request.POST.get("until", ""))
    if until is None or until.tzinfo is None:
        return HttpResponseBadRequest("It is not said until when.")
    mark_seen(request.user, until=until)
    return bell(request) if request.htmx else redirect("observability:notices")


@staff_required
@never_cache
@require_GET
def notice_bell(request: DeskRequest) -> HttpResponse:
    return bell(request)


def bell(request: DeskRequest) -> HttpResponse:
    context = {"unseen": words_of_unseen(count_unseen(request.user))}
    return render(request, "observability/_notice_bell.html", context)
