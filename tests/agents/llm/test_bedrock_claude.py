"""Claude on Bedrock: the SDK's own client, AWS's frames and errors."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest

from agents.llm.registry import close_adapters
from tests.agents.llm.rigs import ASK, BEDROCK_CLAUDE, Rig, model_before_server, row
from tests.messages_api import text
from tests.wire.frames import CONTENT_TYPE, event
from tests.wire.server import Response, running_server

MODEL = BEDROCK_CLAUDE
MARK = {"type": "ephemeral"}


@pytest.fixture(autouse=True)
def _own_adapters() -> Iterator[None]:
    """The next test has another region."""
    yield
    close_adapters()


def test_the_model_is_in_the_address_and_the_request_is_signed(one: Rig) -> None:
    one.answers = [text("Hello.")]
    one.call()
    heard = one.asked[0].heard
    assert heard.path == "/model/us.anthropic.claude-sonnet-5-5-v1:0/invoke-with-response-stream"
    assert "/eu-central-1/bedrock/aws4_request" in heard.headers["authorization"]


def test_the_prompt_is_marked_for_the_cache_where_the_row_says_so(one: Rig) -> None:
    one.answers = [text("One."), text("Two.")]
    one.call(caches_prompts=True)
    one.call(caches_prompts=False)
    marked, unmarked = (asked.body for asked in one.asked)
    assert marked["system"][0]["cache_control"] == marked["messages"][-1]["content"][-1]["cache_control"] == MARK
    assert "cache_control" not in str(unmarked)
    assert "cache_control" not in str(ASK)


def test_thoughts_are_given_back_as_they_came(one: Rig) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    said = {"type": "text", "text": "Hello."}
    one.answers = [text("Yes.")]
    one.call([*ASK, {"role": "assistant", "content": [thought, said]}, *ASK])
    assert one.asked[0].messages[1]["content"] == [thought, said]


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        ("throttlingException", "throttled"),
        ("serviceUnavailableException", "overloaded"),
        ("internalServerException", "server"),
        ("modelTimeoutException", "timeout"),
        ("validationException", "rejected"),
    ],
)
def test_an_exception_between_the_chunks_is_a_failure_of_its_kind(one: Rig, exception: str, kind: str) -> None:
    one.answers = [text("It was", error=exception)]
    failed = one.fail()
    assert (failed.kind, failed.status) == (kind, 200)
    assert "Too many requests" in str(failed)


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>not a frame at all</html>",
        event("chunk", {"bytes": "*"}),
        event("chunk", {}),
        event("chunk", {"bytes": b64encode(b"{no").decode()}),
        event("somethingNew", {}),
        b"",
    ],
)
def test_a_stream_that_cannot_be_read_is_cut(garbage: bytes) -> None:
    rig = Rig(model=row("bedrock_claude", "anthropic.claude-haiku-5-5-v1:0"))
    with running_server(lambda _: Response(content_type=CONTENT_TYPE, parts=[garbage])) as rig.model.base_url:
        assert rig.fail().kind == "cut"
        close_adapters()


def test_a_bedrock_key_may_stand_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_BEDROCK_KEY", "bedrock-key")
    rig = Rig(model=row("bedrock_claude", "anthropic.claude-haiku-5-5-v1:0", key_variable="OUR_BEDROCK_KEY"))
    with model_before_server(rig.model, rig.answer):
        rig.answers = [text("Hello.")]
        rig.call()
    assert rig.asked[0].heard.headers["authorization"] == "Bearer bedrock-key"


def test_without_credentials_it_fails_at_once(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_REGION", "sa-east-1")  # the SDK keeps the credentials that it found for a region
    close_adapters()
    failed = one.fail()
    assert (failed.kind, failed.retryable) == ("rejected", False)
    assert "credentials" in str(failed)


def test_the_environment_says_where_bedrock_is(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", one.model.base_url)
    close_adapters()
    monkeypatch.setattr(one.model, "base_url", "")
    one.answers = [text("Hello.")]
    assert one.call().text == "Hello."
