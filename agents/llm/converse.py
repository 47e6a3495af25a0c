"""Models on Bedrock other than Claude (Llama, Mistral Large, Command R+) through boto3's Converse.

Read in the service's documentation and its users' reports, and met here: some models refuse tools in a stream, some
refuse text beside a tool use, most refuse the status of a tool result, all refuse a customer's words beside one.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EventStreamError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)
from botocore.parsers import ResponseParserError
from django.conf import settings
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as BodyTimeoutError

from agents.errors import ModelFailed
from agents.llm import aws
from agents.llm.base import OnText, Reply, Request
from agents.llm.connections import CONNECT_SECONDS
from agents.llm.converse_form import Quirk, converse_request, learn, read_stream, read_whole
from agents.llm.deadline import watcher, within
from agents.llm.draft import Draft
from agents.llm.failures import counted_so_far, model_failed, retry_after_of


@dataclass(kw_only=True)
class Exchange:
    """One request under way and, once it has begun, its response."""

    deadline: float
    response: HTTPResponse | None = None

    def break_off(self) -> None:
        """Wake the thread that reads the response: to it, the connection has ended."""
        if self.response is not None:
            with suppress(OSError, RuntimeError, ValueError):  # it may have ended by itself this moment
                self.response.shutdown()


class ConverseModel:
    """One client for each address; threads share its connections. Credentials are found as boto3 always finds them:
    in AWS's own variables, so `key_variable` has no meaning here."""

    def __init__(self, *, base_url: str = "", key_variable: str = "") -> None:
        config = Config(
            retries={"total_max_attempts": 1},  # the loop decides
            connect_timeout=CONNECT_SECONDS,
            max_pool_connections=settings.WORKER_CONCURRENCY,
        )
        self._client = boto3.Session().client(
            "bedrock-runtime", region_name=aws.region(), endpoint_url=aws.endpoint(base_url), config=config
        )
        self._client.meta.events.register("before-send.bedrock-runtime", self._send)
        # Of each thread: botocore takes no deadline, and hands its own requests and responses around.
        self._local = threading.local()
        self._quirks: dict[str, frozenset[Quirk]] = {}

    def close(self) -> None:
        self._client.close()

    def call(self, request: Request, on_text: OnText) -> Reply:
        draft = Draft(request, on_text)
        with counted_so_far(draft.tokens_so_far), within(request.deadline) as seconds:
            try:
                return self._converse(request, draft)
            except (ReadTimeoutError, ConnectTimeoutError, BodyTimeoutError) as error:
                raise model_failed("timeout", f"no answer within {seconds:.0f} s") from error
            except EventStreamError as error:
                raise failure_of(error, status=200) from error
            except ClientError as error:
                raise failure_of(error) from error
            except (HTTPClientError, NoConnection) as error:
                raise model_failed("connection", f"the connection failed: {error}") from error
            except (HTTPError, OSError, ResponseParserError, ParserError) as error:
                raise model_failed("cut", f"the answer cannot be read to its end: {error}") from error
            except BotoCoreError as error:
                raise model_failed("rejected", str(error)) from error

    def _converse(self, request: Request, draft: Draft) -> Reply:
        """The call, made again in another form where the model turns out to need one; learnt once a process.

        Such a refusal comes before any answer, so the draft is empty still.
        """
        while True:
            known = self._quirks.get(request.model, frozenset())
            try:
                return self._call(request, draft, known)
            except ClientError as error:
                quirk = learn(error.response["Error"])
                if quirk is None or quirk in known:
                    raise
                self._quirks[request.model] = known | {quirk}

    def _call(self, request: Request, draft: Draft, quirks: frozenset[Quirk]) -> Reply:
        body = converse_request(request, quirks)
        is_streamed = not request.tools or (request.streams_tools and Quirk.NO_TOOLS_IN_STREAM not in quirks)
        self._local.exchange = exchange = Exchange(deadline=request.deadline)
        with watcher.deadline(request.deadline, exchange.break_off):
            if not is_streamed:
                return read_whole(self._client.converse(**body), draft)
            answer = self._client.converse_stream(**body)
            with closing(answer["stream"]) as events:
                return read_stream(events, draft, request_id=answer["ResponseMetadata"].get("RequestId"))

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send it as botocore would, within the deadline, and keep the response where the watcher finds it.

        botocore's events are the one place to do so: a client's time-outs are for all its calls, and the body of an
        answer that is no stream is read before anybody sees the response. That it is a stream is said of all.
        """
        exchange: Exchange = self._local.exchange
        request.context["read_timeout"] = max(0.001, exchange.deadline - time.monotonic())
        request.stream_output = True
        response = self._client._endpoint.http_session.send(request)  # noqa: SLF001  no other way to the response
        exchange.response = response.raw
        if time.monotonic() >= exchange.deadline:  # the watcher may have come before the response did
            exchange.break_off()
        return response


def failure_of(error: ClientError, *, status: int | None = None) -> ModelFailed:
    found, metadata = error.response["Error"], error.response.get("ResponseMetadata", {})
    status = status or metadata.get("HTTPStatusCode", 500)
    return model_failed(
        # A stream names what it broke off for; its status was good.
        aws.kind_of(found.get("Code", ""), 500 if status == 200 else status),
        f"{found.get('Code')}: {found.get('Message') or error}",
        status=status,
        request_id=metadata.get("RequestId"),
        retry_after=retry_after_of(metadata.get("HTTPHeaders", {})),
    )
