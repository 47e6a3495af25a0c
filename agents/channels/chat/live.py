"""What a customer's open page is sent while the conversation goes on."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from agents.channels.chat.conversation import read_live, read_new_items
from agents.channels.chat.identity import ChatIdentity
from agents.channels.chat.pages import standing_of, talk_context
from agents.channels.stream import ServerEvent, in_thread
from agents.models import Session, TurnEvent

AS_IT_STANDS = ["controller", "closed_at", "solved_at", "waiting_since", "preview_author"]


class Updates:
    """One reader's stream of `update` events: new entries for the thread, and what stands below it as it is now."""

    def __init__(self, request: HttpRequest, identity: ChatIdentity, session: Session) -> None:
        self._request = request
        self._identity = identity
        self._session = session
        self._shown = ("", "")

    async def render(self, events: list[TurnEvent]) -> list[ServerEvent]:
        html = await in_thread(self._html_of, events)
        return [ServerEvent(event="update", data=html, seq=events[-1].seq)]

    async def is_over(self) -> bool:
        return self._identity.is_expired

    def _html_of(self, events: list[TurnEvent]) -> str:
        session = self._session
        session.refresh_from_db(fields=AS_IT_STANDS)
        told = (str(session.controller), str(standing_of(session)))
        context = {
            **talk_context(session.agent.slug, self._identity, session),
            "agent": session.agent,
            "items": read_new_items(session, events),
            "live": read_live(session.pk),
            "is_update": True,
            # Who answers is sent only when it changed: its button may just be under the pointer.
            "is_told_who": told != self._shown,
        }
        self._shown = told
        return render_to_string("agents/chat.html#chat-update", context, request=self._request)
