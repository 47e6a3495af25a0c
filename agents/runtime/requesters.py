"""On whose word an agent acts."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models.functions import Lower

from agents.models import Message


def requester_of(session_id: UUID, customer_email: str) -> int | None:
    """The staff member on whose word the agent may be acting: the customer themselves, or who spoke here last. That
    person does not decide."""
    own = User.objects.alias(address=Lower("email")).filter(address=customer_email.lower(), is_active=True)
    spoke = Message.objects.filter(session_id=session_id, author=Message.Author.PERSON).order_by("-seq")
    return own.values_list("pk", flat=True).first() or spoke.values_list("user_id", flat=True).first()
