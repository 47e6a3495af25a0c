"""A morning of notices, channels of every kind, one of which fails, and the pages that show them."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from observability.models import Delivery, Event, Notice, NotificationChannel
from observability.notice_channels import save_channel
from observability.notice_matrix import IN_APP, save_matrix
from observability.notices import tell
from tests.shots.camera import Shot

ADMIN = "admin@demo.example"
SUPPORT = "support@demo.example"
Tone = Notice.Tone
TOLD = [
    (3, Event.ESCALATION, "E-214 waits for a person: policy restriction", "", Tone.WARN, "/queue/"),
    (9, Event.APPROVAL, "A-87 wants a decision: process_refund", "", Tone.INFO, "/queue/?kind=approval"),
    (
        26,
        Event.ALERT,
        "Tool errors: critical",
        "stats count(*) by toolName is 14, above 10, over the last 15 minutes.",
        Tone.BAD,
        "/traces/?status=error",
    ),
    (
        44,
        Event.STOP,
        "Grace Hopper stopped the tool process_refund: double refunds in the shop",
        "",
        Tone.WARN,
        "/live/",
    ),
    (58, Event.STOP, "Grace Hopper lifted the stop of the tool process_refund", "", Tone.GOOD, "/live/"),
    (
        190,
        Event.BUDGET,
        "Support agent, this month: 80 % is spent",
        "$402.11 of $500.00, with nine days to go. At this pace it is spent on the 24th.",
        Tone.WARN,
        "/cost/",
    ),
    (
        300,
        Event.TOOL_CHANGED,
        "The target shop lists its tools differently",
        "It is held.",
        Tone.WARN,
        "/targets/shop/",
    ),
    (
        1500,
        Event.ANOMALY,
        "Tokens a turn are three times what they are on Mondays",
        "claude-sonnet-5-5 in the agent Support agent drives it.",
        Tone.WARN,
        "/cost/",
    ),
]


def tell_a_morning(user: User) -> None:
    now = timezone.now()
    desk = NotificationChannel(kind="email", name="Desk by e-mail", created_by=user)
    room = NotificationChannel(kind="slack", name="#support-alerts", created_by=user)
    robot = NotificationChannel(kind="webhook", name="On-call robot", created_by=user)
    old = NotificationChannel(kind="webhook", name="Last year's pager", enabled=False, created_by=user)
    save_channel(desk, url="")
    for channel, host in ((room, "hooks.slack.com"), (robot, "oncall.example.org"), (old, "pager.example.org")):
        save_channel(channel, url=f"https://{host}/services/T000/B000")
    everywhere = {IN_APP, str(robot.pk)}
    ticks = {event: frozenset({IN_APP}) for event in Event.values}
    for event in (Event.ALERT, Event.RUNAWAY, Event.STOP):
        ticks[event] = frozenset(everywhere | {str(room.pk)})
    ticks[Event.ESCALATION] = frozenset({IN_APP, str(desk.pk)})
    ticks[Event.ANOMALY] = frozenset({IN_APP, str(room.pk)})
    save_matrix(ticks)
    for minutes, event, title, text, tone, path in reversed(TOLD):
        notice = tell(event, key=f"shot:{title}", title=title, text=text, tone=tone, path=path)
        if notice is not None:
            at = now - timedelta(minutes=minutes)
            Notice.objects.filter(pk=notice.pk).update(at=at)
            Delivery.objects.filter(notice=notice).update(created_at=at, next_try_at=at)
    User.objects.update(date_joined=now - timedelta(days=400))
    settle(robot, room, desk)


def settle(robot: NotificationChannel, room: NotificationChannel, desk: NotificationChannel) -> None:
    """The robot has not answered for half an hour; the room has taken all, the desk's mail is on the way."""
    now = timezone.now()
    robot.failing_since = now - timedelta(minutes=44)
    robot.save()
    queued = Delivery.objects.filter(state=Delivery.State.QUEUED)
    queued.filter(channel=room).update(state=Delivery.State.SENT, attempts=1, status=200, sent_at=now)
    failed = "https://oncall.example.org did not answer within 10 s."
    # The schedule of the desk that is photographed must not try them.
    later = now + timedelta(minutes=15)
    queued.filter(channel=robot).update(attempts=4, error=failed, next_try_at=later)
    queued.filter(channel=desk).update(next_try_at=later)
    oldest = Delivery.objects.filter(channel=robot).order_by("created_at").first()
    if oldest is not None:
        error = "Given up after 24 hours. It answered 503. upstream connect error"
        Delivery.objects.filter(pk=oldest.pk).update(state=Delivery.State.GAVE_UP, attempts=27, status=503, error=error)


def notice_pages() -> list[Shot]:
    return [
        Shot(name="notices-bell", path="/limits/", who=SUPPORT),
        Shot(name="notices", path="/notices/", who=ADMIN, whole=True),
        Shot(name="notices-none", path="/notices/?event=runaway", who=ADMIN),
        Shot(name="notifications", path="/notifications/", who=ADMIN, whole=True),
        Shot(name="notification-deliveries", path="/notifications/deliveries/", who=ADMIN),
        Shot(name="notification-channel-new", path="/notifications/channels/new/?kind=webhook", who=ADMIN, whole=True),
        Shot(
            name="notification-channel",
            path=f"/notifications/channels/{NotificationChannel.objects.get(name='On-call robot').pk}/",
            who=ADMIN,
            whole=True,
        ),
    ]
