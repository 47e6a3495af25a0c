"""What a browser's console says, and what of it is a complaint."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage

# What htmx says of a request that a newer one replaced; of one that failed it says another word besides.
REPLACED = ("htmx:afterRequest", "htmx:sendAbort")


def is_complaint(message: ConsoleMessage) -> bool:
    return message.type in {"error", "warning"} and not message.text.startswith(REPLACED)
