"""The people who decide on approvals: over the desk's pages, while its processes are killed around them."""

from __future__ import annotations

import asyncio
import html
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx2

from tests.faults.customers import AGAIN_SECONDS, TRIES, Staff
from tests.faults.decisions import APPROVAL_SECONDS, Decision
from tests.faults.plan import Conversation, Plan
from tests.faults.watch import Rows

LOOK_SECONDS = 0.2
WAITING = """
SELECT a.id::text, a.needed, c.email FROM tools_approval AS a
JOIN agents_session AS s ON s.id = a.session_id JOIN agents_customer AS c ON c.id = s.customer_id
WHERE a.status = 'pending' ORDER BY a.requested_at
"""
DIGEST = re.compile(r'name="digest" value="([0-9a-f]{64})"')
AMOUNT = re.compile(r'name="argument-amount" value="([^"]*)"')
REASON = re.compile(r'name="argument-reason"[^>]*>\s*([^<]*)</textarea>')
WHY_NOT = "The photograph shows no damage."
# What is made of the agent's words, and of its amount, by a person who changes them.
OTHER_REASON = "As agreed on the telephone."
OTHER_AMOUNT = "110.00"

Word = Literal["approve", "edit", "reject", "take_over"]
PATHS: dict[Word, str] = {"approve": "approve", "edit": "approve", "reject": "reject", "take_over": "take-over"}
# `accepted`: the desk said so. `late`: it was decided, changed or had run out. `closed`: the page offers it no more.
# `unsure`: there never was an answer.
Told = Literal["accepted", "late", "closed", "refused", "unsure"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a person was told in the end of one word on one approval; `presses` counts the lost ones, too."""

    approval_id: str
    person: str
    word: Word
    told: Told
    presses: int
    status: int = 0


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a page offers to send."""

    path: str
    data: dict[str, str]


class Deciders:
    """All who decide. `strike` kills what a decision names; it is begun when the button is pressed."""

    def __init__(
        self, plan: Plan, people: list[Staff], rows: Rows, strike: Callable[[Decision], Awaitable[None]]
    ) -> None:
        self._seed = plan.seed
        self._conversations = {conversation.email: conversation for conversation in plan.conversations}
        self._people = people
        self._rows = rows
        self._strike = strike
        self._asked: Counter[int] = Counter()
        self._seen: set[str] = set()
        self.answers: list[Answer] = []
        self.decided: Counter[str] = Counter()
        self.problems: list[str] = []

    async def run(self) -> None:
        """Look at what waits, and decide it, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for approval_id, needed, email in await self._rows.fetch(WAITING):
                    if approval_id not in self._seen:
                        self._seen.add(approval_id)
                        group.create_task(self._noting(approval_id, needed, self._conversations[email]))
                await asyncio.sleep(LOOK_SECONDS)

    async def _noting(self, approval_id: str, needed: int, conversation: Conversation) -> None:
        """A person who cannot go on is told of, and the others go on."""
        nth = self._asked[conversation.number]
        self._asked[conversation.number] += 1
        decision = conversation.decisions[nth % len(conversation.decisions)]
        self.decided[decision.verdict] += 1
        try:
            await self._decide(approval_id, needed, decision, first=conversation.number + nth)
        except (AssertionError, TimeoutError) as error:
            self.problems.append(
                f"approval {approval_id} of conversation {conversation.number}: {type(error).__name__}: {error}"
            )

    async def _decide(self, approval_id: str, needed: int, decision: Decision, *, first: int) -> None:
        await asyncio.sleep(decision.pause)
        one, other = (self._people[(first + place) % len(self._people)] for place in range(2))
        match decision.verdict:
            case "approve" | "last_moment":
                for person in [one, other][:needed]:
                    await self._together(decision, approval_id, [(person, "approve")])
            case "edit":
                await self._together(decision, approval_id, [(one, "edit")])
                if needed > 1:
                    await self._together(decision, approval_id, [(other, "approve")])
            case "reject":
                await self._together(decision, approval_id, [(one, "reject")])
            case "take_over":
                await self._together(decision, approval_id, [(one, "take_over")])
            case "both_approve":
                await self._together(decision, approval_id, [(one, "approve"), (other, "approve")])
            case "both_differ":
                await self._together(decision, approval_id, [(one, "approve"), (other, "reject")])
            case "leave":
                await asyncio.sleep(APPROVAL_SECONDS)

    async def _together(self, decision: Decision, approval_id: str, words: list[tuple[Staff, Word]]) -> None:
        """Each looks at the page first; then all press at once, and the blow falls."""
        forms = await asyncio.gather(*(look(person, approval_id, word) for person, word in words))
        presses = [
            self._press(person, approval_id, word, form) for (person, word), form in zip(words, forms, strict=True)
        ]
        struck = self._strike(decision) if any(forms) else nothing()
        await asyncio.gather(struck, *presses)

    async def _press(self, person: Staff, approval_id: str, word: Word, form: Form | None) -> None:
        """As a person does who gets no answer: looks again, and presses again where it is still open to them."""
        given: dict[str, Any] = {"approval_id": approval_id, "person": person.login, "word": word}
        for presses in range(1, TRIES + 1):
            if form is None:
                self.answers.append(Answer(**given, told="closed", presses=presses - 1))
                return
            answer = await send(person, form)
            if answer is not None:
                self.answers.append(Answer(**given, told=told(answer), presses=presses, status=answer.status_code))
                return
            await asyncio.sleep(AGAIN_SECONDS)
            form = await look(person, approval_id, word)
        self.answers.append(Answer(**given, told="unsure", presses=TRIES))


async def nothing() -> None:
    pass


async def look(person: Staff, approval_id: str, word: Word) -> Form | None:
    """The form for this word as the page shows it; None where it is not, or no longer, this person's to say."""
    path = f"/approvals/{approval_id}/{PATHS[word]}/"
    page = await person.browser.get(f"/approvals/{approval_id}/")
    assert page.status_code == 200, f"the page of {approval_id} was answered {page.status_code}"
    digest = DIGEST.search(page.text)
    if digest is None or f'action="{path}"' not in page.text:
        return None
    return Form(path=path, data={"digest": digest[1], **fields_for(word, page.text)})


def fields_for(word: Word, page: str) -> dict[str, str]:
    if word == "reject":
        return {"reason": WHY_NOT}
    if word != "edit":
        return {}
    amount, reason = AMOUNT.search(page), REASON.search(page)
    assert reason, "the page has no form for the arguments"
    changed = {"argument-reason": html.unescape(reason[1]) and OTHER_REASON}
    # Where the agent named no amount, all of it is meant.
    return {"edit": "1", **changed, "argument-amount": OTHER_AMOUNT if amount and amount[1] else ""}


async def send(person: Staff, form: Form) -> httpx2.Response | None:
    """None where the answer was lost, or was no answer."""
    try:
        answer = await person.browser.post(form.path, form.data)
    except httpx2.HTTPError:
        return None
    return answer if answer.status_code < 500 else None


def told(answer: httpx2.Response) -> Told:
    if answer.status_code == 302:
        return "accepted"
    return "late" if answer.status_code == 409 else "refused"
