"""What a turn waited for, as steps of its trace: who decided on a call, and how long it then waited for a worker."""

from __future__ import annotations

from uuid import UUID, uuid5

from django.utils import timezone

from agents.sessions import label_of
from observability.models import Span
from observability.tracing import Recorder
from tools.models import Approval

WORDS = {
    Approval.Status.APPROVED: "approved",
    Approval.Status.USED: "approved",
    Approval.Status.REJECTED: "rejected",
    Approval.Status.EXPIRED: "expired",
    Approval.Status.CANCELLED: "cancelled",
}


def record_waits(recorder: Recorder, turn_id: UUID) -> None:
    """Called by a turn that goes on. The ids are those of the approvals, so that a turn which is begun again, after its
    worker died, keeps the first record."""
    decided = Approval.objects.filter(call__turn_id=turn_id, decided_at__isnull=False)
    for approval in decided.prefetch_related("votes__user").order_by("requested_at"):
        record_wait(recorder, approval)


def record_wait(recorder: Recorder, approval: Approval) -> None:
    decided_at = approval.decided_at or timezone.now()
    votes = sorted(approval.votes.all(), key=lambda vote: vote.at)
    people, verdict = [label_of(vote.user) for vote in votes], WORDS.get(Approval.Status(approval.status), "")
    by = f" by {', '.join(people)}" if people else ""
    recorder.waited(
        Span.Kind.APPROVAL,
        approval.tool_key,
        span_id=approval.pk,
        started_at=approval.requested_at,
        ended_at=decided_at,
        attributes={
            "summary": f"{approval.label} {verdict}{by}",
            "approval": str(approval.pk),
            "label": approval.label,
            "verdict": verdict,
            "decidedBy": people,
            "reason": approval.reason,
            "tool": approval.tool_key,
            "isChanged": approval.arguments != approval.asked,
        },
    )
    recorder.waited(
        Span.Kind.WAIT,
        "worker",
        span_id=uuid5(approval.pk, "worker"),
        started_at=decided_at,
        ended_at=timezone.now(),
        attributes={"summary": "for a worker to go on", "approval": str(approval.pk)},
    )
