"""What a delivery looks like on its way: an e-mail, a signed body, a message of Slack's form."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.db.models import Q

from observability.access import Role
from observability.models import Delivery, Notice, NotificationChannel

# How long a mail server may keep a worker's thread waiting for one answer.
SMTP_SECONDS = 10
# Slack's limits for the text of a message and of one block (https://api.slack.com/reference/block-kit/blocks).
SLACK_TEXT = 2900
MARKS = {Notice.Tone.GOOD: "✓ ", Notice.Tone.WARN: "! ", Notice.Tone.BAD: "✕ "}


def link_of(notice: Notice) -> str:
    return settings.PUBLIC_URL + notice.path if notice.path else ""


# -- e-mail
def addresses_of(channel: NotificationChannel, notice: Notice) -> list[str]:
    """The channel's own, or those of the active people with the notice's roles; of one for no role, the admins'."""
    own = channel.addresses.split()
    if own:
        return sorted(set(own))
    named = Q(groups__name__in=notice.roles)
    people = named if notice.roles else Q(groups__name=Role.ADMIN) | Q(is_superuser=True)
    found = User.objects.filter(people, is_active=True).exclude(email="")
    return list(found.order_by("email").values_list("email", flat=True).distinct())


def compose_email(delivery: Delivery, addresses: Sequence[str]) -> EmailMessage:
    """The addresses are blind copies: one message, and one that is refused does not keep it from the others.

    The Message-ID is the delivery's: where a second one had to be sent, both bear the same. `Auto-Submitted` (RFC 3834)
    keeps holiday notes from answering.
    """
    notice = delivery.notice
    link = link_of(notice)
    parts = [notice.text, link, f"{notice.at:%Y-%m-%d %H:%M} UTC"]
    return EmailMessage(
        subject=" ".join(notice.title.split()),
        body="\n\n".join(part for part in parts if part) + "\n",
        bcc=list(addresses),
        connection=get_connection(timeout=SMTP_SECONDS),
        headers={
            "Message-ID": f"<delivery-{delivery.pk}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )


# -- signed webhook
def webhook_body(notice: Notice) -> bytes:
    return orjson.dumps(
        {
            "id": str(notice.pk),
            "event": notice.event,
            "title": notice.title,
            "text": notice.text,
            "url": link_of(notice),
            "tone": notice.tone,
            "at": notice.at.isoformat(),
            "test": notice.is_test,
        }
    )


def webhook_headers(delivery: Delivery, body: bytes, *, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """`Tandem-Delivery` stays the same however often it is sent."""
    return {
        "Content-Type": "application/json",
        "Tandem-Event": delivery.notice.event,
        "Tandem-Delivery": str(delivery.pk),
        "Tandem-Signature": sign(body, keys=keys, at=int(now.timestamp())),
    }


def sign(body: bytes, *, keys: Sequence[str], at: int) -> str:
    """`t=…,v1=…`: HMAC-SHA256 over "t.body", one `v1` for each key that is good. Signing the time with the body lets a
    receiver refuse what somebody has recorded and sends again later."""
    signed = str(at).encode() + b"." + body
    marks = [hmac.digest(key.encode(), signed, hashlib.sha256).hex() for key in keys]
    return ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])


# -- Slack's incoming webhooks, which others take as well
def slack_body(notice: Notice) -> bytes:
    """`text` is what a notification of the system shows, the blocks what stands in the channel."""
    title = escape(" ".join(notice.title.split()))
    mark = MARKS.get(Notice.Tone(notice.tone), "")
    lines = [f"*{mark}{title}*", escape(notice.text)]
    blocks: list[dict[str, Any]] = [section("\n".join(line for line in lines if line))]
    link = link_of(notice)
    if link:
        blocks.append(section(f"<{link}|Open in Tandem>"))
    return orjson.dumps({"text": f"{mark}{title}", "blocks": blocks})


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:SLACK_TEXT]}}


def escape(text: str) -> str:
    """The three characters that control Slack's text, so that no name of a tool becomes a mention of everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
