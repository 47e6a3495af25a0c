"""Claude on Bedrock through the official SDK: the Messages API's events, in the frames of AWS."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
from botocore.eventstream import EventStreamBuffer, ParserError
from botocore.exceptions import BotoCoreError

from agents.errors import ModelFailed
from agents.llm import aws
from agents.llm.anthropic import AnthropicModel, message_body, read_event
from agents.llm.base import OnText, Reply, Request
from agents.llm.blocks import blocks_of
from agents.llm.connections import pool_limits
from agents.llm.failures import model_failed

MARK = {"cache_control": {"type": "ephemeral"}}
NO_CREDENTIALS = "Could not resolve AWS credentials"


class BedrockClaudeModel(AnthropicModel):
    """Signed with AWS's usual credentials, or with the Bedrock API key that `key_variable` names."""

    def _new_client(self, base_url: str) -> anthropic.AnthropicBedrock:
        return anthropic.AnthropicBedrock(
            api_key=self._key or None,
            aws_region=aws.region(),
            base_url=aws.endpoint(base_url),
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(limits=pool_limits()),
            open_telemetry=False,
        )

    def call(self, request: Request, on_text: OnText) -> Reply:
        try:
            return super().call(request, on_text)
        except BotoCoreError as error:
            raise model_failed("rejected", f"the request could not be signed: {error}") from error
        except RuntimeError as error:
            if not str(error).startswith(NO_CREDENTIALS):
                raise
            raise model_failed("rejected", "there are no AWS credentials to sign the request with") from error

    def _body_of(self, request: Request) -> dict[str, Any]:
        """As an object: the SDK takes the model out of it into the address, and adds the version of the form."""
        mark = MARK if request.caches_prompts else {}
        # Bedrock places no marks by itself: the last block of the conversation is marked here.
        *others, last = request.messages
        *blocks, last_block = blocks_of(last)
        body = {
            **message_body(request),
            "system": [{"type": "text", "text": request.system, **mark}],
            "messages": [*others, {**last, "content": [*blocks, {**last_block, **mark}]}],
        }
        return {"body": body}

    def _events_of(self, response: httpx2.Response) -> Iterator[dict[str, Any]]:
        frames = EventStreamBuffer()
        for data in response.iter_bytes():
            frames.add_data(data)
            try:
                for frame in frames:
                    yield event_of(frame)
            except ParserError as error:
                raise model_failed("cut", "the stream has a frame that cannot be read") from error

    def _request_id_of(self, response: httpx2.Response) -> str | None:
        return response.headers.get("x-amzn-requestid")

    def _kind_of(self, error: anthropic.APIStatusError) -> str:
        return aws.kind_of(error.response.headers.get("x-amzn-errortype", ""), error.status_code)


def event_of(frame: Any) -> dict[str, Any]:
    """The event of the Messages API in a frame. Raises the failure of a frame that is one."""
    if frame.headers.get(":message-type") != "event":
        raise failure_of_frame(frame)
    if frame.headers.get(":event-type") != "chunk":
        return {"type": "ping"}
    try:
        data = b64decode(read_event(frame.payload)["bytes"])
    except (KeyError, TypeError, ValueError) as error:
        raise model_failed("cut", "the stream has a chunk that cannot be read") from error
    return read_event(data)


def failure_of_frame(frame: Any) -> ModelFailed:
    name = frame.headers.get(":exception-type") or frame.headers.get(":error-code") or ""
    message = frame.headers.get(":error-message") or frame.payload.decode(errors="replace")
    return model_failed(aws.kind_of(name, 500), f"{name}: {message}", status=200)
