"""Where people are told: the matrix, the channels, and what became of each delivery. For admins."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from observability.access import Role, role_required
from observability.audit import record
from observability.models import Delivery, Event, NotificationChannel
from observability.notice_channels import OVERLAP, rotate_secret
from observability.notice_matrix import IN_APP, read_matrix, save_matrix
from observability.notice_paging import BadPlace, page_of, read_place
from observability.notice_sending import cancel, try_now
from observability.notices import ROLES, tell_channel
from observability.notification_forms import ChannelForm, words_of

INVALID = 422
Kind = NotificationChannel.Kind
State = Delivery.State
CHANNEL = "notification_channel"
STATES = {
    State.QUEUED: "Waiting",
    State.SENT: "Sent",
    State.GAVE_UP: "Given up",
    State.CANCELLED: "Cancelled",
}
# What a receiver does; `docs/notifications.md` and a test have the same.
SAMPLE = """\
import hashlib, hmac, time

def is_from_tandem(header: str, body: bytes, key: str) -> bool:
    parts = [part.split("=", 1) for part in header.split(",")]
    at = next(value for name, value in parts if name == "t")
    mark = hmac.new(key.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    is_known = any(name == "v1" and hmac.compare_digest(value, mark) for name, value in parts)
    return is_known and abs(time.time() - int(at)) < 300"""


class AdminRequest(HttpRequest):
    user: User


# -- the matrix
@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: AdminRequest) -> HttpResponse:
    channels = list(channels_with_figures())
    if request.method == "POST":
        save_ticks(request, channels)
        return redirect("observability:notifications")
    matrix = read_matrix()
    places = [(IN_APP, "In the application"), *((str(one.pk), one.name) for one in channels)]
    rows = [
        {
            "event": event,
            "label": label,
            "roles": [*ROLES[event], Role.ADMIN],
            "is_mailed": event == Event.ESCALATION,
            "boxes": [
                {"name": f"{event}.{place}", "ticked": place in matrix[event], "label": f"{label}: {name}"}
                for place, name in places
            ],
        }
        for event, label in Event.choices
    ]
    failing = [one for one in channels if one.failing_since]
    return render(request, "observability/notifications.html", {"rows": rows, "channels": channels, "failing": failing})


def channels_with_figures() -> Any:
    """With how many deliveries wait, and when the last one arrived."""
    waiting = Count("deliveries", filter=Q(deliveries__state=State.QUEUED))
    return NotificationChannel.objects.annotate(waiting=waiting, last_sent_at=Max("deliveries__sent_at"))


def save_ticks(request: AdminRequest, channels: list[NotificationChannel]) -> None:
    """The ticks of the channels that the form showed, that is, of those named in it."""
    places = [IN_APP, *(str(one.pk) for one in channels)]
    ticks = {
        event: frozenset(place for place in places if f"{event}.{place}" in request.POST) for event in Event.values
    }
    with transaction.atomic():
        before, after = save_matrix(ticks)
        if before != after:
            record(
                request.user, "notifications.change", kind="notifications", name="matrix", before=before, after=after
            )
    messages.success(request, "What is told where is saved." if before != after else "Nothing has changed.")


# -- channels
@role_required(Role.ADMIN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notification_channel_new(request: AdminRequest) -> HttpResponse:
    """The key of a new webhook stands in the answer to the post and nowhere else, so there is no redirect after it."""
    kind = request.GET.get("kind", Kind.EMAIL)
    if kind not in Kind.values:
        raise Http404(f"There is no kind {kind!r}.")
    channel = NotificationChannel(kind=kind, created_by=request.user)
    form = ChannelForm(request.POST if request.method == "POST" else None, instance=channel, kind=kind)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            key = form.save_with_key()
            note(request, "channel.add", channel, after=words_of(channel))
        messages.success(request, f"{channel.name} is made. Tick below what it is to be told.")
        return shown_once(request, channel, key) if key else redirect("observability:notifications")
    kinds = [{"name": name, "url": f"?kind={value}", "current": value == kind} for value, name in Kind.choices]
    context = {"form": form, "kinds": kinds, "kind": kind}
    template = "observability/notification_channel_new.html"
    return render(request, template, context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def notification_channel(request: AdminRequest, channel_id: UUID) -> HttpResponse:
    channel = get_object_or_404(NotificationChannel, pk=channel_id)
    shown = get_object_or_404(channels_with_figures(), pk=channel_id)
    before = words_of(channel)
    form = ChannelForm(request.POST if request.method == "POST" else None, instance=channel, kind=channel.kind)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save_with_key()
            changed = "a new address" if form.cleaned_data.get("url") else ""
            note(request, "channel.change", channel, before=before, after=words_of(channel), reason=changed)
        messages.success(request, f"{channel.name} is saved.")
        return redirect("observability:notification_channel", channel.pk)
    context = {
        "form": form,
        "channel": shown,
        "has_key": channel.kind == Kind.WEBHOOK,
        "overlap_hours": int(OVERLAP.total_seconds() // 3600),
        "deliveries": list(channel.deliveries.select_related("notice").order_by("-created_at", "-id")[:8]),
    }
    template = "observability/notification_channel.html"
    return render(request, template, context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_POST
def notification_channel_test(request: AdminRequest, channel_id: UUID) -> HttpResponse:
    channel = get_object_or_404(NotificationChannel, pk=channel_id)
    with transaction.atomic():
        notice = tell_channel(channel)
        note(request, "channel.test", channel)
    messages.success(request, f"A test is on its way by {channel.name}. Its row says what becomes of it.")
    return redirect(f"{reverse('observability:notification_deliveries')}?notice={notice.pk}")


@role_required(Role.ADMIN)
@never_cache
@require_POST
def notification_channel_rotate(request: AdminRequest, channel_id: UUID) -> HttpResponse:
    channel = get_object_or_404(NotificationChannel, pk=channel_id, kind=Kind.WEBHOOK)
    with transaction.atomic():
        key = rotate_secret(channel)
        note(request, "channel.rotate", channel)
    return shown_once(request, channel, key)


@role_required(Role.ADMIN)
@require_POST
def notification_channel_delete(request: AdminRequest, channel_id: UUID) -> HttpResponse:
    channel = get_object_or_404(NotificationChannel, pk=channel_id)
    with transaction.atomic():
        NotificationChannel.objects.filter(pk=channel_id).delete()
        note(request, "channel.delete", channel, before=words_of(channel))
    messages.success(request, f"{channel.name} is deleted, with the record of what it delivered.")
    return redirect("observability:notifications")


def shown_once(request: AdminRequest, channel: NotificationChannel, key: str) -> HttpResponse:
    context = {"channel": channel, "key": key, "sample": SAMPLE}
    return render(request, "observability/notification_key.html", context)


def note(
    request: AdminRequest,
    action: str,
    channel: NotificationChannel,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """In the record, within the transaction of what was done."""
    record(
        request.user, action, kind=CHANNEL, id=channel.pk, name=channel.name, reason=reason, before=before, after=after
    )


# -- deliveries
@role_required(Role.ADMIN)
@require_GET
def notification_deliveries(request: AdminRequest) -> HttpResponse:
    chosen = {name: request.GET.get(name, "") for name in ("state", "channel", "notice")}
    found = Delivery.objects.select_related("notice", "channel")
    if chosen["state"]:
        if chosen["state"] not in STATES:
            raise Http404("There is no such state.")
        found = found.filter(state=chosen["state"])
    try:
        for name in ("channel", "notice"):
            if chosen[name]:
                found = found.filter(**{name: UUID(chosen[name])})
        before, after = (read_place(request.GET.get(name, "")) for name in ("before", "after"))
    except (ValueError, BadPlace) as error:
        raise Http404(str(error)) from error
    page = page_of(found, "created_at", before=before, after=after)
    context = {
        "deliveries": page.rows,
        "states": [
            {"name": name, "url": query(chosen, state=value), "current": chosen["state"] == value}
            for value, name in [("", "All"), *STATES.items()]
        ],
        "channels": NotificationChannel.objects.values_list("pk", "name"),
        "chosen": chosen,
        "is_narrowed": any(chosen.values()),
        "newest": query(chosen),
        "newer": query(chosen, after=page.newer) if page.newer else "",
        "older": query(chosen, before=page.older) if page.older else "",
        "here": request.get_full_path(),
    }
    return render(request, "observability/notification_deliveries.html", context)


def query(chosen: dict[str, str], **changed: str) -> str:
    return "?" + urlencode({name: value for name, value in {**chosen, **changed}.items() if value})


@role_required(Role.ADMIN)
@require_POST
def notification_delivery_retry(request: AdminRequest, delivery_id: UUID) -> HttpResponse:
    delivery = get_object_or_404(Delivery.objects.select_related("channel", "notice"), pk=delivery_id)
    with transaction.atomic():
        done = try_now(delivery)
        if done:
            note(request, "delivery.retry", delivery.channel, reason=delivery.notice.title)
    if done:
        messages.success(request, f"It is tried once more by {delivery.channel.name}, within seconds.")
    else:
        messages.info(request, "It has arrived by now.")
    return back(request)


@role_required(Role.ADMIN)
@require_POST
def notification_delivery_cancel(request: AdminRequest, delivery_id: UUID) -> HttpResponse:
    delivery = get_object_or_404(Delivery.objects.select_related("channel", "notice"), pk=delivery_id)
    with transaction.atomic():
        done = cancel(delivery)
        if done:
            note(request, "delivery.cancel", delivery.channel, reason=delivery.notice.title)
    if done:
        messages.success(request, "It is not tried again.")
    else:
        messages.info(request, "It does not wait any more.")
    return back(request)


def back(request: AdminRequest) -> HttpResponse:
    """To the list that the button stood in."""
    there = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(there, allowed_hosts=None) and there.startswith("/notifications/")
    return redirect(there if is_ours else "observability:notification_deliveries")
