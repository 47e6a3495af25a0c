"""A call that an admin makes to see whether a tool works: shown as it will be sent, then sent once.

No agent is involved: the policies are not asked and no limit counts it. It is validated, bound to the customer that
the admin names, looked up before, and sent by the target's own adapter. It is written to the log, not to the ledger,
whose rows belong to conversations and keys.
"""

from __future__ import annotations

import json
import logging
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import cache

from observability.batch import encode
from observability.database import give_back_connection
from tools.binding import Customer, visible_schema, with_bound
from tools.credentials import credential_of
from tools.errors import (
    OutcomeUnclear,
    TargetUnavailable,
    TargetUnreachable,
    ToolFailed,
    ToolRefused,
    Unreadable,
)
from tools.models import Credential, Target, Tool
from tools.owners import own_part
from tools.prechecks import look_before
from tools.schemas import check_arguments
from tools.targets.base import Call
from tools.targets.http import JSON, USUAL_HEADERS, Request, key_header, merged, request_by_route, route_of, with_query
from tools.targets.openapi import request_of
from tools.targets.registry import adapter_of

logger = logging.getLogger(__name__)
MASK = "••••••••"
SESSION = "test"
KEY_SECONDS = 24 * 3600
NOT_FOUND = 404
Kind = Credential.Kind


class SentAlready(Exception):
    """This very call was sent before; it is not sent twice."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A request for a person to read: what proves who sends it is masked. `body` is text, JSON where `is_json`."""

    method: str
    url: str
    headers: dict[str, str]
    body: str = ""
    is_json: bool = True
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """`outcome` is confirmed, failed, refused, unreachable, unreadable or unknown. `answer` is as it came; `kept` is
    what a model is given of it, where the tool says whose its results are."""

    outcome: str
    words: str
    milliseconds: int
    answer: Any = None
    kept: Any = None
    is_filtered: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    looked_up: str = ""


def call_of(tool: Tool, arguments: dict[str, Any], customer: Customer, *, key: str) -> Call:
    """As the gateway makes it. Raises `ToolRefused`."""
    check_arguments(visible_schema(tool), arguments)
    given = {**customer.values(), "session.id": SESSION}
    whole = with_bound(tool, arguments, given)
    return Call(
        tool=tool,
        arguments=whole,
        values={**whole, **given, "idempotency_key": key},
        key=key if tool.idempotency == Tool.Idempotency.KEY_HEADER else None,
        deadline=time.monotonic() + tool.deadline_ms / 1000,
    )


# -- shown


def shown_of(call: Call) -> Shown:
    """Raises `ToolRefused` where no request can be made of it."""
    target = call.tool.target
    match target.kind:
        case Target.Kind.MCP | Target.Kind.MCP_STDIO:
            return shown_mcp(call)
        case Target.Kind.AWS_LAMBDA:
            return shown_lambda(call)
        case Target.Kind.OPENAPI:
            return shown_request(target, request_of(call))
        case _:
            return shown_request(target, request_by_route(call, route_of(call)))


def shown_request(target: Target, request: Request) -> Shown:
    headers, query = masked(target)
    text = (request.body or b"").decode(errors="replace")
    is_form = request.headers.get("Content-Type", JSON) != JSON
    return Shown(
        method=request.method,
        url=with_mask(request.url, query),
        headers=merged(USUAL_HEADERS, request.headers, headers),
        body=text if is_form else indented(text),
        is_json=not is_form,
    )


def shown_mcp(call: Call) -> Shown:
    target = call.tool.target
    headers, query = masked(target)
    params: dict[str, Any] = {
        "name": call.tool.recipe.get("source_name", call.tool.name),
        "arguments": dict(call.arguments),
    }
    if call.key:
        params["_meta"] = {"tandem/idempotency-key": call.key}
    body = indented(encode({"jsonrpc": "2.0", "method": "tools/call", "params": params}))
    if target.kind == Target.Kind.MCP_STDIO:
        note = "Written to the program's standard input, within a session that is kept open."
        return Shown(method="stdio", url=shlex.join(map(str, target.command)), headers={}, body=body, note=note)
    note = "Sent within a session of the protocol, which is opened first where there is none."
    return Shown(
        method="POST",
        url=with_mask(target.base_url, query),
        headers=merged({"Content-Type": JSON}, key_header(call), headers),
        body=body,
        note=note,
    )


def shown_lambda(call: Call) -> Shown:
    settings: Mapping[str, Any] = call.tool.target.settings
    region = str(settings.get("region") or "REGION")
    # By name: who calls no function never loads the library.
    context = import_module("tools.targets.aws_lambda").context_of(call)
    host = str(settings.get("endpoint") or f"https://lambda.{region}.amazonaws.com").rstrip("/")
    return Shown(
        method="POST",
        url=f"{host}/2015-03-31/functions/{settings.get('function', '')}/invocations",
        headers=merged({"X-Amz-Client-Context": str(context)}, masked(call.tool.target)[0]),
        body=indented(encode(call.arguments)),
        note="The client context names the tool, in base64; its request id differs with each call.",
    )


def masked(target: Target) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters that the credential adds, without it; nothing is opened."""
    credential = credential_of(target)
    if credential is None:
        return {}, {}
    match credential.kind:
        case Kind.HEADER:
            return {str(credential.public.get("name", "")): MASK}, {}
        case Kind.QUERY:
            return {}, {str(credential.public.get("name", "")): MASK}
        case Kind.BASIC:
            return {"Authorization": f"Basic {MASK}"}, {}
        case Kind.SIGV4:
            return {"Authorization": f"AWS4-HMAC-SHA256 {MASK}"}, {}
        case _:
            return {"Authorization": f"Bearer {MASK}"}, {}


def with_mask(url: str, query: Mapping[str, str]) -> str:
    for name in query:
        url = with_query(url, {name: ""}) + MASK
    return url


def indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


# -- sent


def send(call: Call, user: User | AnonymousUser, *, key: str) -> Tried:
    """Sent once, whatever happens; a read may be sent again under another key. Raises `SentAlready`."""
    if not call.tool.is_read and not cache.add(f"tool-test-{call.tool.pk}-{key}", 1, KEY_SECONDS):
        raise SentAlready("This call was sent already, under the same key. Nothing was sent now.")
    logger.info("The tool %s is tried by user %s under the key %s", call.tool.key, user.pk, key)
    give_back_connection()
    began = time.monotonic()
    tried = outcome_of(call, began)
    logger.info("The tool %s was tried by user %s: %s", call.tool.key, user.pk, tried.outcome)
    return tried


def outcome_of(call: Call, began: float) -> Tried:
    tool = call.tool
    facts: dict[str, Any] = {}
    try:
        facts = look_before(call).facts
        answer = adapter_of(tool.target).send(call)
    except ToolRefused as error:
        return ended("refused", f"Nothing was sent. {error}", began, facts)
    except ToolFailed as error:
        return ended("failed", f"The backend said no ({error.status} {error.code}): {error}", began, facts)
    except (TargetUnavailable, TargetUnreachable) as error:
        return ended("unreachable", f"Nothing reached the backend: {error}.", began, facts)
    except Unreadable as error:
        return ended("unreadable", f"An answer came that cannot be used: {error}.", began, facts, look_up(call))
    except OutcomeUnclear as error:
        words = "Nothing was changed." if tool.is_read else "It is not known whether it was done."
        return ended("unknown", f"No usable answer: {error}. {words}", began, facts, look_up(call))
    milliseconds = since(began)
    kept, is_filtered = answer, False
    if tool.is_read and tool.owners:
        is_filtered = True
        try:
            kept = own_part(answer, tool.owners, call.values)
        except ToolFailed:
            kept = None
    return Tried(
        outcome="confirmed",
        words="The backend answered.",
        milliseconds=milliseconds,
        answer=answer,
        kept=kept,
        is_filtered=is_filtered,
        facts=facts,
    )


def ended(outcome: str, words: str, began: float, facts: dict[str, Any], looked_up: str = "") -> Tried:
    return Tried(outcome=outcome, words=words, milliseconds=since(began), facts=facts, looked_up=looked_up)


def since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def look_up(call: Call) -> str:
    """What the tool's look-up says of a write whose answer was lost."""
    tool = call.tool
    if tool.is_read or not tool.lookup:
        return ""
    fresh = Call(
        tool=tool,
        arguments=call.arguments,
        values=call.values,
        key=call.key,
        deadline=time.monotonic() + tool.deadline_ms / 1000,
    )
    try:
        found = adapter_of(tool.target).send_look_up(fresh)
    except ToolFailed as error:
        if error.status == NOT_FOUND:
            return "The look-up found nothing: it was not done."
        return f"The look-up failed: {error}"
    except (ToolRefused, TargetUnreachable, OutcomeUnclear) as error:
        return f"The look-up failed: {error}"
    return f"The look-up found it: it was done. {encode(found)[:500]}"
