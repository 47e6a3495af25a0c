"""How each state of the product looks: one tone, one icon and one word, the same on every screen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Look:
    """`tone` is good, warn, bad, info, accent or empty; a live state breathes."""

    word: str
    icon: str
    tone: str = ""
    is_live: bool = False


LOOKS = {
    # turns
    "queued": Look(word="Queued", icon="circle-dashed"),
    "running": Look(word="Running", icon="circle-dot", tone="info", is_live=True),
    "waiting": Look(word="Waiting", icon="clock", tone="warn"),
    "replied": Look(word="Replied", icon="circle-check", tone="good"),
    "escalated": Look(word="Escalated", icon="hand", tone="warn"),
    "failed": Look(word="Failed", icon="circle-x", tone="bad"),
    "silenced": Look(word="Silenced", icon="eye-off"),
    "merged": Look(word="Merged", icon="git-branch"),
    # tool calls
    "reserved": Look(word="Reserved", icon="circle-dashed"),
    "sent": Look(word="Sent", icon="arrow-up-right", tone="info", is_live=True),
    "gave_up": Look(word="Given up", icon="circle-x", tone="bad"),
    "confirmed": Look(word="Confirmed", icon="circle-check", tone="good"),
    "unknown": Look(word="Unknown", icon="triangle-alert", tone="warn"),
    "refused": Look(word="Refused", icon="ban", tone="bad"),
    # approvals
    "approval": Look(word="Needs approval", icon="lock", tone="warn"),
    "pending": Look(word="Pending", icon="clock", tone="warn"),
    "approved": Look(word="Approved", icon="shield-check", tone="good"),
    "used": Look(word="Done", icon="circle-check", tone="good"),
    "rejected": Look(word="Rejected", icon="circle-x", tone="bad"),
    "expired": Look(word="Ran out", icon="timer"),
    "cancelled": Look(word="Withdrawn", icon="undo-2"),
    # who answers a session
    "agent": Look(word="Agent", icon="bot", tone="accent"),
    "human": Look(word="Person", icon="user-round"),
    "paused": Look(word="Paused", icon="pause", tone="warn"),
    "closed": Look(word="Closed", icon="check"),
    # escalations
    "open": Look(word="Open", icon="circle-alert", tone="warn"),
    "claimed": Look(word="Claimed", icon="user-check", tone="info"),
    "resolved": Look(word="Resolved", icon="circle-check", tone="good"),
    # agents and their versions
    "active": Look(word="Active", icon="circle-check", tone="good"),
    "draft": Look(word="Draft", icon="pencil"),
    "live": Look(word="Live", icon="rocket", tone="good"),
    "published": Look(word="Published", icon="check"),
    # spans
    "ok": Look(word="OK", icon="circle-check", tone="good"),
    "error": Look(word="Error", icon="circle-x", tone="bad"),
    # alerts
    "new": Look(word="Not asked yet", icon="circle-dashed"),
    "warn": Look(word="Warning", icon="triangle-alert", tone="warn"),
    "critical": Look(word="Critical", icon="circle-alert", tone="bad"),
    "no_data": Look(word="No data", icon="circle-dashed"),
    # anomalies
    "expected": Look(word="Expected", icon="check"),
    "fixed": Look(word="Fixed", icon="wrench", tone="good"),
    # deliveries
    # verdicts and decisions
    "allow": Look(word="Allowed", icon="shield-check", tone="good"),
    "redact": Look(word="Redacted", icon="eye-off", tone="warn"),
    "block": Look(word="Blocked", icon="ban", tone="bad"),
    "escalate": Look(word="To a person", icon="hand", tone="warn"),
    "deny": Look(word="Denied", icon="ban", tone="bad"),
    "approve": Look(word="Needs approval", icon="lock", tone="warn"),
}


def look_of(state: object) -> Look:
    """The look of a state; one that is not listed is shown plainly, under its own name."""
    name = str(getattr(state, "value", state) or "")
    return LOOKS.get(name) or Look(word=name.replace("_", " ").capitalize(), icon="circle")
