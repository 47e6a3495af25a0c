"""AWS Lambda functions, or whatever speaks as they do, called in the form of AgentCore's gateway.

The event is the arguments, and the client context says which tool is meant:
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-add-target-lambda.html, Lambda function input
format. boto3 makes, signs and reads the messages; they travel by our own connections, with our deadlines and limits.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from observability.batch import encode
from observability.ids import uuid7
from tools.credentials import aws_keys, scrub
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, ToolRefused, Unreadable
from tools.models import Target
from tools.net.addresses import Reach
from tools.targets.answers import MAX_MESSAGE, UNCLEAR_STATUSES, check_size, read_answer, read_content
from tools.targets.base import Call
from tools.targets.http import Request, close_pools, deliver, reach_of
from tools.targets.lookups import found, look_up_of

MAX_EVENT_BYTES = 6_291_456  # Lambda quotas: the payload of a synchronous invocation
THROTTLED = 429
MESSAGE_VERSION = "1.0"
# The function was stopped, so what it did until then stays unknown. Errors of the runtime begin so, and so do those of
# a function that could not be started.
STOPPED = ("Sandbox.", "Runtime.ExitError", "Runtime.OutOfMemory", "Function.ResponseSizeTooLarge", "Extension.")
STOPPED_WORDS = ("task timed out", "runtime exited", "signal: killed")


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where a function is called, and by whom: what a client is kept for. Without keys the usual chain of AWS counts:
    the environment, the shared files, the role of the machine."""

    endpoint: str
    region: str
    access_key_id: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Limits:
    deadline: float  # time.monotonic()
    reach: Reach


# For the call that this thread is at; boto3 has no parameter for it.
limits: ContextVar[Limits] = ContextVar("limits_of_lambda_call")


class LambdaAdapter:
    def __init__(self) -> None:
        self._clients: dict[UUID, tuple[Account, Any]] = {}
        self._making = threading.Lock()

    def send(self, call: Call) -> Any:
        target = call.tool.target
        event = encode(call.arguments)
        if len(event.encode()) > MAX_EVENT_BYTES:
            raise ToolRefused("arguments_too_long", f"The arguments exceed {MAX_EVENT_BYTES} bytes.")
        token = limits.set(Limits(deadline=call.deadline, reach=reach_of(target)))
        try:
            answer = self.client_of(target).invoke(
                FunctionName=target.settings["function"],
                InvocationType="RequestResponse",
                ClientContext=context_of(call),
                Payload=event.encode(),
            )
            payload = answer["Payload"].read()
        except ClientError as error:
            raise meaning_of(error, target) from error
        except BotoCoreError as error:
            raise ToolRefused("target_unusable", f"The function cannot be called: {type(error).__name__}.") from error
        finally:
            limits.reset(token)
        return read_payload(scrub(payload.decode(errors="replace"), target), answer.get("FunctionError", ""))

    def send_look_up(self, call: Call) -> Any:
        return found(self.send(look_up_of(call)), call.tool.lookup or {})

    def close(self) -> None:
        self._clients.clear()
        close_pools()

    def client_of(self, target: Target) -> Any:
        """Kept as long as the account is the same. Raises `ToolRefused`."""
        account = account_of(target)
        with self._making:
            known = self._clients.get(target.pk)
            if known is None or known[0] != account:
                known = self._clients[target.pk] = (account, new_client(account))
            return known[1]


def account_of(target: Target) -> Account:
    keys = aws_keys(target)
    settings: Mapping[str, Any] = target.settings
    return Account(
        endpoint=str(settings.get("endpoint") or ""),
        region=str(settings.get("region") or (keys.region if keys else "")),
        access_key_id=keys.access_key_id if keys else "",
        secret=keys.secret_access_key if keys else "",
    )


def new_client(account: Account) -> Any:
    client = boto3.session.Session().client(
        "lambda",
        region_name=account.region or None,
        endpoint_url=account.endpoint or None,
        aws_access_key_id=account.access_key_id or None,
        aws_secret_access_key=account.secret or None,
        # Whether a call may be repeated is the gateway's business.
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, parameter_validation=True),
    )
    client.meta.events.register("before-send.lambda.Invoke", send_by_own_connection)
    return client


def send_by_own_connection(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """In the place of botocore's own connections, which would resolve the name again and know no deadline. What it
    raises comes out of `invoke` as it is."""
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    now = limits.get()
    answer = deliver(
        Request(method=request.method, url=request.url, headers=headers, body=request.body),
        now.reach,
        deadline=now.deadline,
    )
    return AWSResponse(request.url, answer.status, answer.headers, Body(answer.body))


class Body(io.BytesIO):
    """What botocore reads an answer from."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def context_of(call: Call) -> str:
    """The client context, of which Lambda takes 3,583 bytes. The idempotency key has no place in AgentCore's."""
    custom = {
        "bedrockAgentCoreToolName": f"{call.tool.target.name}___{call.tool.recipe.get('source_name', call.tool.name)}",
        "bedrockAgentCoreMessageVersion": MESSAGE_VERSION,
        "bedrockAgentCoreTargetId": str(call.tool.target_id),
        "bedrockAgentCoreAwsRequestId": str(uuid7()),
        **({"idempotencyKey": call.key} if call.key else {}),
    }
    return base64.b64encode(encode({"custom": custom}).encode()).decode()


# -- what came back


def meaning_of(error: ClientError, target: Target) -> Exception:
    """Of an error of the service itself, which comes before the function is called or in its place."""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code") or f"http_{status}")[:100]
    if status == THROTTLED:
        return TargetUnreachable(f"the function was not called: {code}")
    if status >= 500 or status in UNCLEAR_STATUSES or status == 0:
        return OutcomeUnclear(f"the service answered {status} {code}")
    message = scrub(str(error.response.get("Error", {}).get("Message") or code), target)
    return ToolFailed(code, message[:MAX_MESSAGE], status=status)


def read_payload(text: str, function_error: str) -> Any:
    """The JSON that the function gave. An object with `statusCode` and `body` (the form of API Gateway) is read as an
    HTTP answer, one with `content` as a tool's result.

    Raises `ToolFailed`, `OutcomeUnclear` and `Unreadable`.
    """
    try:
        payload = json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise Unreadable("the answer is not JSON") from error
    if function_error:
        raise failure_of(payload if isinstance(payload, dict) else {}, function_error)
    if isinstance(payload, dict) and isinstance(payload.get("content"), list):
        return read_content(payload)
    if isinstance(payload, dict) and isinstance(payload.get("statusCode"), int) and "body" in payload:
        body = payload["body"]
        return as_result(read_answer(payload["statusCode"], as_bytes(body)))
    return as_result(payload)


def as_bytes(body: Any) -> bytes:
    """A body that is a text may be JSON, or a text to be put into some."""
    if isinstance(body, str) and body.lstrip()[:1] in {"{", "["}:
        return body.encode(errors="replace")
    return encode(as_result(body)).encode()


def as_result(value: Any) -> Any:
    """An object or a list; anything else is put into an object."""
    result = value if isinstance(value, dict | list) else {"text" if isinstance(value, str) else "result": value}
    check_size(result)
    return result


def failure_of(problem: Mapping[str, Any], function_error: str) -> Exception:
    """`Handled` is a no; so is what the function raised, unless it was stopped or broke down on the way."""
    kind = str(problem.get("errorType") or function_error)[:100]
    message = str(problem.get("errorMessage") or "The function failed.")
    was_stopped = kind.startswith(STOPPED) or any(words in message.lower() for words in STOPPED_WORDS)
    if function_error != "Handled" and was_stopped:
        return OutcomeUnclear(f"the function was stopped: {kind}")
    return ToolFailed(kind, message[:MAX_MESSAGE], status=422)
