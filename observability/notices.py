"""Tells people that something happened: once per key, in the application and on the ways out that an admin has ticked.

`tell` only writes rows, in the transaction of whoever tells: what is rolled back was never told, and nobody waits for
a mail server. `observability/notice_sending.py` sends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from observability.access import Role, roles_of
from observability.ids import uuid7
from observability.models import Event, Notice, NoticesSeen, NotificationChannel

TITLE_LENGTH, TEXT_LENGTH, PATH_LENGTH, KEY_LENGTH = 200, 1000, 500, 200
DIGEST_LENGTH = 64
TEST_PREFIX = "Test: "
# How far a bell counts.
COUNT_LIMIT = 99

# Who should know, where the caller names nobody; an admin always does.
ROLES: Mapping[str, tuple[Role, ...]] = MappingProxyType(
    {
        Event.ESCALATION: (Role.SUPPORT, Role.REVIEWER),
        Event.APPROVAL: (Role.REVIEWER,),
        Event.APPROVAL_EXPIRING: (Role.REVIEWER,),
        Event.ALERT: (Role.ANALYST,),
        Event.BUDGET: (Role.ANALYST,),
        Event.ANOMALY: (Role.ANALYST,),
        Event.RUNAWAY: (Role.SUPPORT, Role.ANALYST),
        Event.TOOL_CHANGED: (),
        Event.STOP: (Role.SUPPORT, Role.REVIEWER, Role.ANALYST),
    }
)

# A row of the matrix (`observability/notice_matrix.py`) says where an event is told; one whose event begins so, that
# the application keeps quiet of it. Of an event without any row nobody has decided: the application tells it.
MUTED = "-"

# One statement: the notice unless its key is taken, and what is to be delivered of it. With no channel named, those
# that are ticked for the event.
TELL = """
WITH ticked AS (
  SELECT event, channel_id FROM observability_subscription WHERE event IN (%(event)s, %(muted)s)
), notice AS (
  INSERT INTO observability_notice (id, event, key, title, text, path, tone, roles, in_app, is_test, at)
  SELECT %(id)s::uuid, %(event)s, %(key)s, %(title)s, %(text)s, %(path)s, %(tone)s, %(roles)s::varchar[],
    %(channel)s::uuid IS NULL AND (NOT EXISTS (SELECT FROM ticked)
      OR EXISTS (SELECT FROM ticked WHERE channel_id IS NULL AND event = %(event)s)), %(is_test)s, %(at)s
  ON CONFLICT (key) DO NOTHING
  RETURNING id, in_app
), delivery AS (
  INSERT INTO observability_delivery (id, notice_id, channel_id, state, attempts, next_try_at, error, created_at)
  SELECT gen_random_uuid(), notice.id, channel.id, 'queued', 0, %(at)s, '', %(at)s
  FROM notice, observability_notificationchannel AS channel
  WHERE CASE WHEN %(channel)s::uuid IS NULL THEN channel.enabled AND channel.id IN (SELECT channel_id FROM ticked)
    ELSE channel.id = %(channel)s::uuid END
)
SELECT in_app FROM notice
"""


# -- telling
class Told(TypedDict, total=False):
    """`path` leads to what it is about, within this application. `roles` are those who see it there, and to whom a
    channel without addresses writes; with none given, those of the event."""

    text: str
    path: str
    tone: Notice.Tone
    roles: Iterable[Role]
    is_test: bool


def tell(event: Event, *, key: str, title: str, **told: Unpack[Told]) -> Notice | None:
    """Tell it, in the transaction of the caller; None where something was told under this key before.

    Texts beyond their columns are cut.
    """
    path, is_test = told.get("path", ""), told.get("is_test", False)
    roles = [str(role) for role in told.get("roles", ())]
    return insert_notice(
        Notice(
            id=uuid7(),
            event=event,
            key=key_of(key),
            title=cut((TEST_PREFIX if is_test else "") + title, TITLE_LENGTH),
            text=cut(told.get("text", ""), TEXT_LENGTH),
            path=path if len(path) <= PATH_LENGTH else "",
            tone=told.get("tone", Notice.Tone.INFO),
            roles=roles or [str(role) for role in ROLES[event]],
            is_test=is_test,
            at=timezone.now(),
        ),
        channel=None,
    )


def tell_channel(channel: NotificationChannel) -> Notice:
    """A test, to this channel alone, whether it is enabled or not."""
    notice_id = uuid7()
    notice = Notice(
        id=notice_id,
        event=Event.ALERT,
        key=f"channel-test:{notice_id}",
        title=cut(f"{TEST_PREFIX}notices arrive by {channel.name}", TITLE_LENGTH),
        text="Somebody has pressed the test button. Nothing has happened, and there is nothing to do.",
        path="/notifications/",
        roles=[],
        is_test=True,
        at=timezone.now(),
    )
    insert_notice(notice, channel=channel)
    return notice


def insert_notice(notice: Notice, *, channel: NotificationChannel | None) -> Notice | None:
    with connection.cursor() as cursor:
        cursor.execute(
            TELL,
            {
                "id": str(notice.pk),
                "event": str(notice.event),
                "muted": MUTED + notice.event,
                "key": notice.key,
                "title": notice.title,
                "text": notice.text,
                "path": notice.path,
                "tone": str(notice.tone),
                "roles": notice.roles,
                "is_test": notice.is_test,
                "at": notice.at,
                "channel": str(channel.pk) if channel else None,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    notice.in_app = row[0]
    notice._state.adding = False  # noqa: SLF001  it is a row by now
    return notice


def key_of(key: str) -> str:
    """The key within its column; of a longer one the beginning and a digest of it all."""
    if len(key) <= KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return f"{key[: KEY_LENGTH - DIGEST_LENGTH - 1]}:{digest}"


def cut(text: str, length: int) -> str:
    """As PostgreSQL takes it: without NUL and lone surrogates, which names of foreign tools may hold."""
    clean = text.replace("\x00", "").encode(errors="replace").decode()
    return clean if len(clean) <= length else clean[: length - 1] + "…"


# -- reading
def notices_for(user: User) -> QuerySet[Notice]:
    """What the bell of this person lists, newest first."""
    shown = Notice.objects.filter(in_app=True)
    own = roles_of(user)
    if Role.ADMIN not in own:
        shown = shown.filter(roles__overlap=sorted(own))
    return shown.order_by("-at", "-id")


# How many are unseen, as a subselect for a statement that asks for more: a range of the index `notice_newest`.
UNSEEN = """(SELECT count(*) FROM (SELECT FROM observability_notice AS n
    WHERE n.in_app AND n.at > coalesce(
      (SELECT seen.until FROM observability_noticesseen AS seen WHERE seen.user_id = %(user)s), %(joined)s)
    AND (%(is_admin)s OR n.roles && %(roles)s::varchar[]) LIMIT %(most_unseen)s) AS notice)"""


def unseen_params(user: User | None) -> dict[str, Any]:
    """Of `UNSEEN`. Somebody who never looked has seen what is older than their account; nobody has missed nothing."""
    own = roles_of(user) if user else frozenset()
    return {
        "user": user.pk if user else None,
        "joined": user.date_joined if user else timezone.now(),
        "is_admin": Role.ADMIN in own,
        "roles": sorted(own),
        "most_unseen": COUNT_LIMIT + 1,
    }


def count_unseen(user: User) -> int:
    """Up to one more than `COUNT_LIMIT`."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {UNSEEN}", unseen_params(user))
        return int(cursor.fetchone()[0])


def words_of_unseen(count: int) -> str:
    return f"{COUNT_LIMIT}+" if count > COUNT_LIMIT else str(count or "")


def seen_until(user: User) -> datetime:
    until = NoticesSeen.objects.filter(pk=user.pk).values_list("until", flat=True).first()
    return until or user.date_joined


def mark_seen(user: User, *, until: datetime) -> None:
    """Never back: of two pages that are open the newer one counts."""
    NoticesSeen.objects.bulk_create([NoticesSeen(user=user, until=user.date_joined)], ignore_conflicts=True)
    until = min(until, timezone.now())
    NoticesSeen.objects.filter(pk=user.pk, until__lt=until).update(until=until)
