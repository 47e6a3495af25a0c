"""What a backend answered, whatever the kind of target: read, limited in size, told apart from a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from observability.batch import encode
from tools.definitions import plain_text
from tools.errors import OutcomeUnclear, ToolFailed, Unreadable

MAX_ANSWER_BYTES = 256_000
MAX_MESSAGE = 500
UNCLEAR_STATUSES = frozenset({408, 429})
NOT_FOUND = 404
REFUSED = 422  # the status of a refusal that comes without one
NOT_CARRIED = "not_carried"


def read_answer(status: int, body: bytes) -> Any:
    """The JSON of an HTTP answer. Raises `ToolFailed`, `OutcomeUnclear` and `Unreadable`."""
    if status >= 500 or status in UNCLEAR_STATUSES:
        raise OutcomeUnclear(f"the backend answered {status}")
    try:
        answer = json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        if 400 <= status < 500:
            raise ToolFailed(f"http_{status}", "The backend refused the request.", status=status) from error
        raise Unreadable("the answer is not JSON") from error
    if status >= 400:
        raise refusal(answer, status=status)
    if status >= 300:
        raise ToolFailed(f"http_{status}", "The backend redirected, which is not followed.", status=status)
    if not isinstance(answer, dict | list):
        raise Unreadable("the answer is not a JSON object")
    return answer


def refusal(answer: Any, *, status: int) -> ToolFailed:
    """From `{"error": {"code", "message"}}`, or from as much of it as there is."""
    problem = answer.get("error") if isinstance(answer, dict) else None
    problem = problem if isinstance(problem, dict) else {}
    return ToolFailed(
        str(problem.get("code", f"http_{status}"))[:100],
        str(problem.get("message", "The backend refused the request."))[:MAX_MESSAGE],
        status=status,
    )


# -- content blocks, as MCP servers and AgentCore's Lambda functions answer


def read_content(answer: Mapping[str, Any]) -> Any:
    """Of `{"content": [...], "structuredContent"?, "isError"?}` (MCP 2025-11-25, Tools, Tool Result) the structured
    part, or the text, as JSON where it is some. What is no text is named and not carried.

    Raises `ToolFailed` for an error, and `Unreadable` for too large an answer.
    """
    blocks = [block for block in answer.get("content") or [] if isinstance(block, dict)]
    text = "\n".join(part for block in blocks if (part := text_of(block)))
    structured = answer.get("structuredContent")
    if answer.get("isError") is True:
        raise refusal_of(structured if isinstance(structured, dict) else parsed(text), text)
    named = [name for block in blocks if (name := name_of(block))]
    result = structured if isinstance(structured, dict | list) else parsed(text)
    if not isinstance(result, dict | list):
        result = {"text": text}
    if named and isinstance(result, dict):
        result = {NOT_CARRIED: named, **result}
    check_size(result)
    return result


def text_of(block: Mapping[str, Any]) -> str:
    inner = block.get("resource") if block.get("type") == "resource" else block
    text = inner.get("text") if isinstance(inner, dict) else None
    return text if isinstance(text, str) else ""


def name_of(block: Mapping[str, Any]) -> str:
    """What a block that carries no text is, such as `image (image/png)`."""
    if text_of(block) or block.get("type") in (None, "text"):
        return ""
    inner = block.get("resource")
    inner = inner if isinstance(inner, dict) else block
    about = inner.get("uri") or inner.get("mimeType") or ""
    kind = plain_text(block["type"], 40)
    return f"{kind} ({plain_text(about, 200)})" if about else kind


def parsed(text: str) -> Any:
    """The value where a text is a JSON object or list, else None."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def refusal_of(problem: Any, text: str) -> ToolFailed:
    """A status beside it counts if it is one of a refusal; a code may say what only a status says otherwise."""
    about = problem.get("error", problem) if isinstance(problem, dict) else {}
    about = about if isinstance(about, dict) else {}
    code = plain_text(about.get("code") or "tool_error", 100)
    status = about.get("status")
    if not (isinstance(status, int) and 400 <= status < 500):
        status = NOT_FOUND if code.lower() in {"not_found", "notfound"} else REFUSED
    message = plain_text(about.get("message") or text or "The backend refused the request.", MAX_MESSAGE)
    return ToolFailed(code, message, status=status)


def check_size(result: Any) -> None:
    """Raises `Unreadable`."""
    if len(encode(result).encode()) > MAX_ANSWER_BYTES:
        raise Unreadable(f"the answer exceeds {MAX_ANSWER_BYTES} bytes")
