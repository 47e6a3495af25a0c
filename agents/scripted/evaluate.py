"""How many customer messages end sensibly: `python -m agents.scripted.evaluate FILE.jsonl`.

Each line of the file is a JSON object with "text" and "intent". Every message opens a conversation in every world of
`worlds.py` (small in-memory order books that are this evaluation's own); tools are answered from that world, and
where a reply asks something with an obvious answer (the first order listed, the only order there is, yes) the customer
gives it. A message counts only if it ends in an outcome that `SENSIBLE` names for its intent in every world.

The file is parted by a hash of the text into a half to tune on and a half to check with, and both are reported.
"""

import argparse
import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from agents.scripted.answers import find_question
from agents.scripted.conversation import Json, Say, Use
from agents.scripted.dialogue import next_blocks
from agents.scripted.intents import read_message
from agents.scripted.replies import Question
from agents.scripted.worlds import SYSTEM, TOOLS, World, worlds_for

_MOST_STEPS = 12
_MOST_ANSWERS = 3

_ORDER_FACTS = {"order_status", "not_found", "no_orders"}
_TALK = {"small_talk"}

# What an intent may end in: kinds of reply (`replies.py`), or "escalated:<reason>". In the broken world, where every
# look-up fails, "escalated:tool_failure" is sensible for whatever needs one.
SENSIBLE: dict[str, set[str]] = {
    "track_order": _ORDER_FACTS,
    "get_refund": {
        "refunded",
        "refund_status",
        "not_delivered",
        "cancelled",
        "order_closed",
        "not_found",
        "no_orders",
        "escalated:policy_restriction",
    },
    "track_refund": {"refund_status", "no_refund", "not_found"},
    "cancel_order": {
        "cancelled",
        "cannot_cancel",
        "order_closed",
        "refunded",
        "refund_status",
        "not_found",
        "no_orders",
    },
    "change_order": {"escalated:unsupported_request", "not_found", "offer_person"},
    "change_shipping_address": {"escalated:unsupported_request", "not_found", "offer_person"},
    "payment_issue": {"escalated:unsupported_request"},
    "complaint": {"escalated:unclassified", "escalated:unsupported_request"},
    "contact_customer_service": {"escalated:customer_requested"},
    "contact_human_agent": {"escalated:customer_requested"},
    "check_refund_policy": {"policy"},
    "check_cancellation_fee": {"policy"},
    "delivery_options": {"policy"},
    "delivery_period": {"policy"} | _ORDER_FACTS,
    "shop_question": {"policy", "escalated:missing_knowledge"},
    "small_talk": _TALK,
    "robot": {"robot"},
    "nonsense": {"clarify"},
}
_NEEDS_LOOK_UP = {
    "track_order",
    "get_refund",
    "track_refund",
    "cancel_order",
    "change_order",
    "change_shipping_address",
    "delivery_period",
}


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a conversation ended in one world; `untrue` says what was claimed without a tool's word."""

    outcome: str
    untrue: str
    replies: tuple[str, ...]


def converse(text: str, world: World, today: date) -> Ending:
    """Play one conversation to its end."""
    messages: list[Json] = [{"role": "user", "content": text}]
    outcome, said, untrue = "silent", [], ""
    reason = ""
    for _answers in range(_MOST_ANSWERS + 1):
        for step in range(_MOST_STEPS):
            block = next_blocks(SYSTEM, messages, TOOLS, today)[0]
            if isinstance(block, Say):
                outcome = f"escalated:{reason}" if block.kind == "handed_over" else block.kind
                said.append(block.text)
                untrue = untrue or _untrue_claim(block, world)
                messages.append({"role": "assistant", "content": block.text})
                break
            reason = str(block.input.get("reason", "")) if block.name == "escalate_to_human" else reason
            messages += _exchange(block, f"toolu_{len(messages)}_{step}", world)
        answer = obvious_answer(said[-1] if said else "", world)
        if answer is None:
            break
        messages.append({"role": "user", "content": answer})
    return Ending(outcome=outcome, untrue=untrue, replies=tuple(said))


def obvious_answer(said: str, world: World) -> str | None:
    """What any customer would answer, or None where that is open (or where it would be a question of taste)."""
    asked = find_question(said)
    if asked is None or asked.question in (Question.OFFER_PERSON, Question.CLARIFY):
        return None
    if asked.order_id is not None:
        return "yes please"
    if asked.options:
        return "the first one"
    return world.orders[0]["order_id"] if world.orders else None


def _exchange(use: Use, use_id: str, world: World) -> list[Json]:
    result = world.answer(use.name, use.input)
    return [
        {"role": "assistant", "content": [{"type": "tool_use", "id": use_id, "name": use.name, "input": use.input}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": use_id,
                    "content": json.dumps(result),
                    "is_error": "error" in result,
                }
            ],
        },
    ]


def _untrue_claim(say: Say, world: World) -> str:
    """Claims of a refund or a cancellation that this world's books do not show."""
    if say.kind == "refunded" and not world.refunded:
        return "claims a refund"
    if say.kind == "cancelled" and not world.cancelled:
        return "claims a cancellation"
    if say.kind == "handed_over" and not world.escalated:
        return "claims a hand-over"
    return ""


def is_sensible(intent: str, ending: Ending, world: World) -> bool:
    allowed = SENSIBLE[intent] | ({"escalated:tool_failure"} if world.is_broken and intent in _NEEDS_LOOK_UP else set())
    return not ending.untrue and ending.outcome in allowed


def half_of(text: str) -> str:
    """ "tune" or "check", by a hash, so that it is the same everywhere."""
    return "tune" if hashlib.sha256(text.encode()).digest()[0] % 2 == 0 else "check"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One message's endings: `bad` maps a world's name to the outcome that was not sensible there."""

    text: str
    intent: str
    bad: dict[str, str]
    outcomes: Counter[str]


def evaluate(rows: Sequence[Json], today: date) -> list[Result]:
    """Play every message in every world. Each row has "text" and "intent"; an unknown intent raises KeyError."""
    results = []
    for row in rows:
        bad: dict[str, str] = {}
        outcomes: Counter[str] = Counter()
        for world in worlds_for(row["text"], today):
            ending = converse(row["text"], world, today)
            outcomes[ending.outcome] += 1
            if not is_sensible(row["intent"], ending, world):
                bad[world.name] = ending.untrue or ending.outcome
        results.append(Result(text=row["text"], intent=row["intent"], bad=bad, outcomes=outcomes))
    return results


def read_rows(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def table(results: Sequence[Result]) -> str:
    """Sensible share by intent, for both halves and the whole."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        for intent in (result.intent, "all"):
            for half in (half_of(result.text), "whole"):
                counts[intent][half] += 1
                counts[intent][half + " good"] += not result.bad
    lines = [f"{'intent':<26}{'tune':>16}{'check':>16}{'whole':>16}"]
    for intent in [*sorted(set(counts) - {"all"}), "all"]:
        cells = "".join(
            f"{count[half + ' good']:>4}/{count[half]:<4}{_percent(count[half + ' good'], count[half]):>7}"
            for count in [counts[intent]]
            for half in ("tune", "check", "whole")
        )
        lines.append(f"{intent:<26}{cells}")
    return "\n".join(lines)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _milliseconds(rows: Sequence[Json]) -> tuple[float, float]:
    """(mean, worst) processor time to understand one message not seen before, in milliseconds."""
    read_message.cache_clear()
    times = []
    for row in rows:
        begin = time.process_time()
        read_message(row["text"] + " ")
        times.append((time.process_time() - begin) * 1000)
    return sum(times) / len(times), max(times)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m agents.scripted.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help='JSON lines with "text" and "intent"')
    parser.add_argument("--show", choices=["tune", "check", "all"], help="list the messages that did not end sensibly")
    options = parser.parse_args()
    rows = read_rows(options.file)
    mean, worst = _milliseconds(rows)
    results = evaluate(rows, datetime.now().astimezone().date())
    played = sum(sum(result.outcomes.values()) for result in results)
    lines = [table(results), "", f"{len(rows)} messages in {played} conversations"]
    lines.append(f"understanding one message: mean {mean:.2f} ms, worst {worst:.2f} ms")
    lines += [
        f"{result.intent}: {result.text!r} -> {result.bad}"
        for result in results
        if result.bad and options.show in (half_of(result.text), "all")
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(0 if results else 1)


if __name__ == "__main__":
    main()
