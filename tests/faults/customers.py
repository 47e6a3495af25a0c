"""Customers and a person of the desk, each a small browser that does over HTTP what a real one would."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Literal

import httpx2

from tests.faults.plan import Conversation
from tests.faults.scripts import Step
from tests.faults.watch import Quiet

TOKEN = re.compile(r'name="token" value="([^"]+)"')
HTTP_SECONDS = 40
# How often and how long a customer presses the button again when the desk answers with an error.
TRIES = 80
AGAIN_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
# Further than any conversation goes: the person of the desk has read everything.
ALL_SEEN = 10**15
DEMO_PERSON = "support@demo.example"
DEMO_REVIEWERS = ("reviewer@demo.example", "reviewer2@demo.example")
DEMO_PASSWORD = "tandem-demo-2026"

# `accepted`: the desk said so. `unsure`: it never answered well. `refused`: it said no.
Fate = Literal["accepted", "unsure", "refused"]


@dataclass(frozen=True, kw_only=True)
class Sent:
    text: str
    fate: Fate
    copies: int = 1
    answer: str = ""


@dataclass(kw_only=True)
class Record:
    """What came of one conversation, as the people in it saw it. Times by `time.monotonic()`."""

    conversation: Conversation
    began_at: float
    ended_at: float = 0.0
    session_id: str = ""
    sent: list[Sent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Browser:
    """Cookies of its own over connections that are shared."""

    def __init__(self, web_url: str, transport: httpx2.AsyncHTTPTransport) -> None:
        self._client = httpx2.AsyncClient(base_url=web_url, transport=transport, timeout=HTTP_SECONDS, trust_env=False)

    async def get(self, path: str) -> httpx2.Response:
        """The page in the end; asked again while there is no answer but an error."""
        for _ in range(TRIES):
            try:
                response = await self._client.get(path, follow_redirects=True)
                if response.status_code < 500:
                    return response
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(AGAIN_SECONDS)
        raise TimeoutError(f"{path} could not be read")

    async def post(self, path: str, data: dict[str, str]) -> httpx2.Response:
        """Once. Raises `httpx2.HTTPError`."""
        data = {**data, "csrfmiddlewaretoken": self._client.cookies.get("csrftoken") or ""}
        return await self._client.post(path, data=data)

    async def post_until_answered(self, path: str, data: dict[str, str]) -> httpx2.Response | None:
        """Sent again while there is no answer but an error: the very same form, as a person does it."""
        for _ in range(TRIES):
            try:
                response = await self.post(path, data)
                if response.status_code < 500:
                    return response
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(AGAIN_SECONDS)
        return None


class Staff:
    """One person of the desk, who takes over, answers and hands back; `deciders.py` is what reviewers do."""

    def __init__(self, browser: Browser, login: str = DEMO_PERSON) -> None:
        self.browser = browser
        self.login = login

    async def sign_in(self) -> None:
        await self.browser.get("/accounts/login/")
        answer = await self.browser.post("/accounts/login/", {"login": self.login, "password": DEMO_PASSWORD})
        assert answer.status_code == 302, f"the sign-in was answered {answer.status_code}"

    async def do(self, step: Step, record: Record) -> None:
        paths = {"take_over": "take-over", "hand_back": "hand-back", "answer": "write"}
        data = {"kind": "reply", "text": "".join(step.texts), "seen": str(ALL_SEEN)} if step.kind == "answer" else {}
        path = f"/inbox/{record.session_id}/{paths[step.kind]}/"
        answer = await self.browser.post_until_answered(path, data)
        if answer is None or answer.status_code != 302:
            record.notes.append(f"{step.kind} was answered {answer and answer.status_code}")


class Customer:
    """One conversation from its link to its last message."""

    def __init__(self, conversation: Conversation, link: str, browser: Browser, staff: Staff, quiet: Quiet) -> None:
        self.record = Record(conversation=conversation, began_at=time.monotonic())
        self._agent = conversation.agent
        self._link = link
        self._browser = browser
        self._staff = staff
        self._quiet = quiet

    async def converse(self) -> Record:
        token = await self._token(self._link)
        for step in self.record.conversation.steps:
            await asyncio.sleep(step.pause)
            if step.waits:
                await self._wait()
            match step.kind:
                case "say":
                    await self._say(step.texts[0], token or await self._token(), copies=step.copies)
                case "at_once":
                    await self._say_at_once(step.texts, token)
                case _ if self.record.session_id:
                    await self._staff.do(step, self.record)
                case _:
                    self.record.notes.append(f"there was no conversation for {step.kind}")
            token = ""
        await self._wait()
        self.record.ended_at = time.monotonic()
        return self.record

    async def _wait(self) -> None:
        if self.record.session_id:
            await self._quiet.wait(self.record.session_id, seconds=PATIENCE_SECONDS)

    async def _token(self, path: str = "") -> str:
        """Of a form as the page shows it: sent twice it is one message."""
        path = path or f"/chat/{self._agent}/{self.record.session_id or 'new'}/"
        page = await self._browser.get(path)
        found = TOKEN.search(page.text)
        assert found, f"no form in {path}: {page.status_code} {page.text[:200]}"
        return found[1]

    async def _say_at_once(self, texts: tuple[str, ...], token: str) -> None:
        """Several windows of one conversation: its first message opens it, so that the others have a place."""
        first, *others = texts
        if not self.record.session_id:
            await self._say(first, token)
        else:
            others = list(texts)
        if self.record.session_id:
            tokens = [await self._token() for _ in others]
            await asyncio.gather(*(self._say(text, drawn) for text, drawn in zip(others, tokens, strict=True)))

    async def _say(self, text: str, token: str, *, copies: int = 1) -> None:
        data = {"text": text, "token": token, "session": self.record.session_id}
        path = f"/chat/{self._agent}/messages/"
        answers = await asyncio.gather(*(self._browser.post_until_answered(path, data) for _ in range(copies)))
        taken = [answer for answer in answers if answer is not None and answer.status_code == 302]
        if taken:
            self.record.session_id = self.record.session_id or taken[0].headers["location"].split("/")[3]
        self.record.sent.append(sent_of(text, copies, answers, is_taken=bool(taken)))


def sent_of(text: str, copies: int, answers: list[httpx2.Response | None], *, is_taken: bool) -> Sent:
    if is_taken:
        return Sent(text=text, fate="accepted", copies=copies)
    given = [answer for answer in answers if answer is not None]
    if not given:
        return Sent(text=text, fate="unsure", copies=copies)
    return Sent(text=text, fate="refused", copies=copies, answer=f"{given[0].status_code}: {error_in(given[0].text)}")


def error_in(page: str) -> str:
    found = re.search(r'role="alert"[^>]*>(?:\s|<[^>]+>)*([^<]+)', page)
    return found[1].strip() if found else page[:100]
