"""The rows of the ground floor."""

from observability.models.alerts import Alert, AlertRun, Anomaly
from observability.models.audit import AuditEntry
from observability.models.figures import (
    ExportMark,
    RolledUp,
    SpendingDay,
    SpendingHour,
    StepDay,
    StepHour,
    TurnDay,
    TurnHour,
)
from observability.models.money import Charge, Price, UnitPrice
from observability.models.notices import Delivery, Event, Notice, NoticesSeen, NotificationChannel, Subscription
from observability.models.queries import SavedQuery, SavedView
from observability.models.traces import Span, Trace, dollars

__all__ = [
    "Alert",
    "AlertRun",
    "Anomaly",
    "AuditEntry",
    "Charge",
    "Delivery",
    "Event",
    "ExportMark",
    "Notice",
    "NoticesSeen",
    "NotificationChannel",
    "Price",
    "RolledUp",
    "SavedQuery",
    "SavedView",
    "Span",
    "SpendingDay",
    "SpendingHour",
    "StepDay",
    "StepHour",
    "Subscription",
    "Trace",
    "TurnDay",
    "TurnHour",
    "UnitPrice",
    "dollars",
]
