"""The cards of the overview: one number each, what it is made of, what it was before, and the list that it opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from agents.dashboard import Dashboard, Figures
from agents.dashboard_people import SAMPLE, Waits
from agents.resolution import Kind, silence
from agents.templatetags.tandem import MISSING, duration_ms, tokens, usd


@dataclass(frozen=True, kw_only=True)
class Card:
    """`help` is its definition in a sentence; `before` the same number of the range before, or empty."""

    label: str
    value: str
    note: str
    href: str
    help: str
    before: str = ""


def percent(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.1f}%" if 0 < value < 10 else f"{value:.0f}%"


def compared(board: Dashboard, said: Callable[[Figures], str]) -> str:
    text = said(board.before) if board.before else ""
    return "" if text.startswith(MISSING) else text


def conversation_cards(board: Dashboard) -> list[Card]:
    now, wanted = board.outcomes, board.wanted
    hours = f"{silence().total_seconds() / 3600:.0f} h"
    return [
        Card(
            label="Conversations",
            value=tokens(now.begun),
            note=f"{tokens(board.latency.turns)} turns of agents",
            href=wanted.conversations(Kind.BEGUN),
            help="Begun in this time.",
            before=compared(board, lambda each: tokens(each.outcomes.begun)),
        ),
        Card(
            label="Resolved",
            value=tokens(now.resolved),
            note=f"{tokens(now.confirmed)} confirmed, {tokens(now.assumed)} assumed",
            href=wanted.conversations("resolved"),
            help=f"Confirmed: closed as solved by a person, or the customer said so. Assumed: the agent alone answered "
            f"and nothing came back for {hours}.",
            before=compared(board, lambda each: tokens(each.outcomes.resolved)),
        ),
        Card(
            label="By the agent alone",
            value=percent(now.alone_percent),
            note=f"of {tokens(now.ended)} that ended",
            href=wanted.conversations("ended"),
            help="Of the conversations that were solved, assumed solved, closed unsolved or handed over in this time, "
            "those that were solved, or assumed to be, without a person.",
            before=compared(board, lambda each: percent(each.outcomes.alone_percent)),
        ),
        Card(
            label="Handed over",
            value=tokens(now.handed_over),
            note=f"{tokens(now.by_people)} solved with a person",
            href=wanted.conversations(Kind.HANDED_OVER),
            help="A person had the word for the first time: the agent gave it, or a person took it.",
            before=compared(board, lambda each: tokens(each.outcomes.handed_over)),
        ),
        Card(
            label="Reopened",
            value=tokens(now.reopened),
            note="within 7 days",
            href=wanted.conversations(Kind.REOPENED),
            help="The customer wrote again within seven days after it was resolved, here or in a new conversation "
            "with the same agent. Kept since this version.",
            before=compared(board, lambda each: tokens(each.outcomes.reopened)),
        ),
    ]


def waits_card(label: str, waits: Waits, href: str, text: str, before: str) -> Card:
    of = f"the newest {tokens(waits.count)}" if waits.count >= SAMPLE else tokens(waits.count)
    return Card(
        label=label,
        value=duration_ms(waits.middle_ms),
        note=f"90 of 100 within {duration_ms(waits.high_ms)}, of {of}" if waits.count else "none yet",
        href=href,
        help=text,
        before=before,
    )


def speed_cards(board: Dashboard) -> list[Card]:
    wanted = board.wanted
    return [
        waits_card(
            "First answer by an agent",
            board.by_agent,
            wanted.conversations(Kind.BEGUN),
            "Median time from a conversation's beginning to the agent's first message; of the newest thousand begun.",
            compared(board, lambda each: duration_ms(each.by_agent.middle_ms)),
        ),
        waits_card(
            "First answer by a person",
            board.by_people,
            wanted.conversations(Kind.HANDED_OVER),
            "Median time from the hand-over to a person's first message; of the newest thousand handed over.",
            compared(board, lambda each: duration_ms(each.by_people.middle_ms)),
        ),
        Card(
            label="Median turn",
            value=duration_ms(board.latency.p50_ms),
            note=f"95 of 100 within {duration_ms(board.latency.p95_ms)}" if board.latency.turns else "none yet",
            href=wanted.traces(sort="duration"),
            help="From the begin to the end of an agent's turn, waits for approval not counted; within 5%.",
            before=compared(board, lambda each: duration_ms(latency_before(each))),
        ),
    ]


def latency_before(figures: Figures) -> float | None:
    return figures.latency.p50_ms


def work_cards(board: Dashboard) -> list[Card]:
    wanted, seen, decided = board.wanted, board.violations, board.decisions
    judged = f"{percent(seen.wrong_percent)} false alarms of {tokens(seen.judged)} judged"
    agent = {"agent": str(wanted.agent_id)} if wanted.agent_id else {}
    more = {"triage": "open", "range": wanted.range, **agent}
    return [
        Card(
            label="Approvals waiting",
            value=tokens(board.approvals_waiting),
            note="now",
            href=f"{reverse('agents:queue')}?show=open&reason=approval",
            help="Asked for and not decided.",
        ),
        Card(
            label="Approvals decided",
            value=tokens(decided.count),
            note=f"median {duration_ms(decided.middle_ms)}, 95 of 100 within {duration_ms(decided.high_ms)}"
            if decided.count
            else "none yet",
            href=reverse("agents:approval_history"),
            help="Approved or rejected by a person in this time, and how long that took from the request on.",
            before=compared(board, lambda each: tokens(each.decisions.count)),
        ),
        Card(
            label="Violations",
            value=tokens(seen.seen),
            note=f"{tokens(seen.open)} open" + (f", {judged}" if seen.judged else ""),
            href=f"{reverse('guardrails:violations')}?{urlencode(more)}",
            help="What guardrails saw. False alarms are a share of those that somebody has judged.",
            before=compared(board, lambda each: tokens(each.violations.seen)),
        ),
        Card(
            label="Tool calls",
            value=tokens(board.tool_calls),
            note=f"{percent(board.tool_errors_percent)} failed, 95 of 100 within {duration_ms(board.tools_p95_ms)}"
            if board.tool_calls
            else "none yet",
            href=wanted.traces(q="tool_calls:>0"),
            help="Calls of tools by agents, and the share that ended in an error. Of all channels.",
        ),
    ]


def cost_cards(board: Dashboard) -> list[Card]:
    """For those who may see what things cost."""
    wanted = board.wanted
    agent = {"agent": str(wanted.agent_id)} if wanted.agent_id else {}
    channel = {"channel": wanted.channel} if wanted.channel else {}
    range_of_cost = {"24h": "today"}.get(wanted.range, wanted.range)
    href = f"{reverse('observability:cost')}?{urlencode({'range': range_of_cost, **agent, **channel})}"
    return [
        Card(
            label="Cost",
            value=usd(board.usd),
            note="all charges of this time",
            href=href,
            help="The sum of the charges, whatever became of the conversation.",
            before=compared(board, lambda each: usd(each.usd)),
        ),
        Card(
            label="Cost per resolution",
            value=usd(board.usd_per_resolution),
            note=f"{tokens(board.outcomes.resolved)} resolved",
            href=href,
            help="The cost of this time by the conversations that were resolved in it, confirmed and assumed.",
            before=compared(board, lambda each: usd(each.usd_per_resolution)),
        ),
    ]
