"""Models behind HTTP and on Bedrock: requests as the services want them, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from memory.embeddings import DIMENSIONS, EmbeddingFailed, embedder, why_lexical
from memory.embeddings.base import of_unit_length
from memory.embeddings.registry import close_embedders
from tests.memory.embeddings.servers import (
    KEY,
    Service,
    refusal,
    running_openai,
    running_titan,
    running_voyage,
    said,
    vector_of,
)
from tests.wire.server import Response

TEXTS = ["Where is my parcel?", "I want my money back.", "Où est mon colis?"]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def openai(service: Service, settings: Any) -> Iterator[Any]:
    with running_openai(service) as url:
        settings.EMBEDDINGS, settings.EMBEDDINGS_URL = "openai:text-embedding-3-small", f"{url}/"
        settings.EMBEDDINGS_API_KEY = KEY
        yield embedder()


@pytest.fixture
def voyage(service: Service, settings: Any) -> Iterator[Any]:
    with running_voyage(service) as url:
        settings.EMBEDDINGS, settings.EMBEDDINGS_URL, settings.EMBEDDINGS_API_KEY = "voyage:voyage-3.5", url, KEY
        yield embedder()


@pytest.fixture
def titan(service: Service, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with running_titan(service) as url:
        settings.EMBEDDINGS, settings.EMBEDDINGS_URL = "bedrock:amazon.titan-embed-text-v2:0", url
        yield embedder()


# -- OpenAI's form
def test_openai_is_asked_for_what_is_stored(openai: Any, service: Service) -> None:
    assert (openai.name, openai.is_semantic, why_lexical()) == ("openai:text-embedding-3-small", True, "")
    assert openai.embed(TEXTS) == [of_unit_length(vector_of(text, DIMENSIONS)) for text in TEXTS]
    assert [heard.body for heard in service.heard] == [
        {"model": "text-embedding-3-small", "input": TEXTS, "encoding_format": "float", "dimensions": DIMENSIONS}
    ]
    assert openai.embed([]) == []
    assert len(service.heard) == 1


def test_a_longer_vector_is_cut_and_brought_to_length(openai: Any, service: Service) -> None:
    service.ignores_dimensions = True
    (vector,) = openai.embed(TEXTS[:1])
    assert vector == of_unit_length(vector_of(TEXTS[0], 1536)[:DIMENSIONS])
    assert sum(value * value for value in vector) == pytest.approx(1.0)


def test_a_server_that_gives_no_fewer_is_not_asked_again(openai: Any, service: Service) -> None:
    service.gives_fewer, service.dimensions = False, 256
    for _ in range(2):
        (vector,) = openai.embed(TEXTS[:1])
    assert ["dimensions" in heard.body for heard in service.heard] == [True, False, False]
    assert (len(vector), vector[256:]) == (DIMENSIONS, [0.0] * 128)


def test_a_model_that_may_not_be_cut_is_not(openai: Any, service: Service) -> None:
    service.gives_fewer, service.dimensions = False, 768
    with pytest.raises(
        EmbeddingFailed, match="gives 768 dimensions and no fewer; one of at most 384 is needed"
    ) as told:
        openai.embed(TEXTS)
    assert not told.value.retryable


def test_many_texts_go_in_parts(openai: Any, service: Service) -> None:
    texts = [f"text {number}" for number in range(130)]
    assert openai.embed(texts) == [of_unit_length(vector_of(text, DIMENSIONS)) for text in texts]
    assert [len(heard.body["input"]) for heard in service.heard] == [64, 64, 2]


def test_no_text_is_refused(openai: Any, service: Service) -> None:
    """They refuse an empty one, and one that is too long; half a surrogate pair is no JSON."""
    vectors = openai.embed(["", "  ", "word " * 100_000, "\ud83d"])
    sent = service.heard[0].body["input"]
    assert (sent[:2], len(sent[2]), sent[3]) == ([".", "."], 8_000, "?")
    assert len(vectors) == 4


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
def test_what_passes_is_tried_again(openai: Any, service: Service, status: int) -> None:
    service.first = [said(status, {"error": {"message": "no"}})]
    assert len(openai.embed(TEXTS)) == 3
    assert len(service.heard) == 2


def test_what_does_not_pass_is_told_after_three_tries(openai: Any, service: Service) -> None:
    service.first = [said(503, {"error": {"message": "overloaded"}})] * 3
    with pytest.raises(EmbeddingFailed, match="503: overloaded") as told:
        openai.embed(TEXTS)
    assert (told.value.retryable, told.value.status, len(service.heard)) == (True, 503, 3)


def test_a_wait_beyond_the_deadline_is_not_waited(openai: Any, service: Service) -> None:
    service.first = [said(429, {"error": {"message": "slow down"}}, headers={"Retry-After": "3600"})]
    with pytest.raises(EmbeddingFailed, match="429: slow down") as told:
        openai.embed(TEXTS)
    assert (told.value.retry_after, len(service.heard)) == (3600.0, 1)


def test_the_key_is_not_repeated(openai: Any, service: Service) -> None:
    service.first = [said(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})]
    with pytest.raises(EmbeddingFailed) as told:
        openai.embed(TEXTS)
    assert str(told.value) == "401: Incorrect API key provided: [key]"
    assert (told.value.retryable, len(service.heard)) == (False, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response(content_type="application/json", parts=[b'{"data": ['], cut=True), id="cut"),
        pytest.param(Response(content_type="text/html", parts=[b"<html>"]), id="no JSON"),
        pytest.param(said(200, {"data": [{"index": 0, "embedding": ["a"]}]}), id="no numbers"),
        pytest.param(said(200, {"data": [{"index": 0, "embedding": None}]}), id="no vector"),
        pytest.param(said(200, {"data": []}), id="too few"),
        pytest.param(said(200, {"error": "no"}), id="another form"),
        pytest.param(said(200, ["a"]), id="a list"),
    ],
)
def test_an_answer_that_cannot_be_read_is_asked_for_again(openai: Any, service: Service, answer: Response) -> None:
    service.first = [answer]
    assert openai.embed(TEXTS[:1]) == [of_unit_length(vector_of(TEXTS[0], DIMENSIONS))]
    assert len(service.heard) == 2


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_vector_without_a_direction_is_no_vector(value: float) -> None:
    """Its distance to anything is no number in the database."""
    with pytest.raises(EmbeddingFailed, match="without a direction"):
        of_unit_length([value] * DIMENSIONS)


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param({"delay": 30.0}, id="silent"),
        pytest.param({"parts": [b" "] * 1000, "pause": 0.1}, id="dripping"),
    ],
)
def test_time_is_limited(openai: Any, service: Service, settings: Any, slow: dict[str, Any]) -> None:
    # The connection is made before: on a busy machine the time might be up before the request is heard.
    assert openai.embed(TEXTS[:1])
    service.heard.clear()
    settings.EMBEDDINGS_SECONDS = 3
    service.first = [Response(**{"content_type": "application/json", "parts": [b"{}"], **slow})]
    with pytest.raises(EmbeddingFailed, match=r"no answer within [1-3] s|did not end in time") as told:
        openai.embed(TEXTS)
    assert (told.value.retryable, len(service.heard)) == (True, 1)


def test_a_server_that_is_not_there_is_told(settings: Any) -> None:
    settings.EMBEDDINGS, settings.EMBEDDINGS_URL = "openai:m", "http://127.0.0.1:9/v1"
    with pytest.raises(EmbeddingFailed, match="the connection failed") as told:
        embedder().embed(TEXTS)
    assert told.value.retryable


# -- Voyage
def test_voyage_is_asked_for_the_next_size(voyage: Any, service: Service) -> None:
    assert voyage.name == "voyage:voyage-3.5"
    assert voyage.embed(TEXTS) == [of_unit_length(vector_of(text, 512)) for text in TEXTS]
    assert service.heard[0].body == {
        "model": "voyage-3.5",
        "input": TEXTS,
        "truncation": True,
        "output_dimension": 512,
    }


def test_what_voyage_refuses_is_told(voyage: Any, service: Service) -> None:
    service.first = [said(400, {"detail": "Model voyage-0 is not supported."})]
    with pytest.raises(EmbeddingFailed, match="400: Model voyage-0 is not supported"):
        voyage.embed(TEXTS)


# -- Titan on Bedrock
def test_titan_is_asked_text_by_text(titan: Any, service: Service) -> None:
    assert titan.name == "bedrock:amazon.titan-embed-text-v2:0"
    assert titan.embed([*TEXTS, ""]) == [of_unit_length(vector_of(text, 256)) for text in [*TEXTS, "."]]
    assert service.heard[0].body == {"inputText": TEXTS[0], "dimensions": 256, "normalize": True}
    assert len(service.heard) == 4


def test_titan_is_asked_again_when_it_throttles(titan: Any, service: Service) -> None:
    service.first = [refusal(429, "ThrottlingException", "Too many requests"), Response(content_type="", parts=[b"x"])]
    assert len(titan.embed(TEXTS[:1])) == 1
    assert len(service.heard) == 3


def test_what_titan_refuses_is_told(titan: Any, service: Service) -> None:
    service.first = [refusal(400, "ValidationException", "The provided model identifier is invalid.")]
    with pytest.raises(EmbeddingFailed, match="400: ValidationException: The provided model") as told:
        titan.embed(TEXTS)
    assert (told.value.retryable, len(service.heard)) == (False, 1)


def test_titan_that_is_silent_is_given_up(service: Service, settings: Any, titan: Any) -> None:
    assert titan.embed(TEXTS[:1])
    settings.EMBEDDINGS_SECONDS = 1
    close_embedders()
    service.first = [Response(content_type="application/json", parts=[b"{}"], delay=30.0)]
    with pytest.raises(EmbeddingFailed, match="the connection failed") as told:
        embedder().embed(TEXTS[:1])
    assert told.value.retryable


def test_without_credentials_bedrock_is_not_asked(
    titan: Any, service: Service, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.EMBEDDINGS = "bedrock:another"
    with pytest.raises(EmbeddingFailed, match="credentials") as told:
        embedder().embed(TEXTS)
    assert (told.value.retryable, service.heard) == (False, [])
