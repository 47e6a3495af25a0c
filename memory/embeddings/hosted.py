"""Models behind HTTP: any server of OpenAI's `/embeddings` (OpenAI, vLLM, Ollama, gateways), and Voyage AI.

Fewer dimensions than a model has are asked for, and what is longer all the same is cut: OpenAI's text-embedding-3
(https://openai.com/index/new-embedding-models-and-api-updates/) and Voyage's models since voyage-3-large
(https://docs.voyageai.com/docs/embeddings) are trained for that. A server that refuses to give fewer has a model that
is not; its vectors are taken only if they are short enough.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import httpx2
import orjson
from django.conf import settings

from memory.embeddings.base import DIMENSIONS, EmbeddingFailed, Vector, of_unit_length
from memory.embeddings.retries import presentable, refused, retry_after_of, until_it_works

CONNECT_SECONDS = 5.0
# In one request: far below what any of them takes (2,048 at OpenAI, 1,000 at Voyage), so that one lasts a second.
MOST_TEXTS = 64
# The models read 8,192 tokens; even of Chinese this is hardly more.
MOST_CHARACTERS = 8_000
# 64 vectors of 4,096 dimensions in decimal digits are 6 MB.
MOST_BYTES = 32_000_000


class HttpEmbedder(ABC):
    """One client a process; threads share its connections. The key comes from EMBEDDINGS_API_KEY, and is in no
    message. EMBEDDINGS_SECONDS are for one request and its repetitions."""

    kind: ClassVar[str]
    base_url: ClassVar[str]
    is_semantic = True

    def __init__(self, model: str) -> None:
        self.name = f"{self.kind}:{model}"
        self._model = model
        self._url = f"{(settings.EMBEDDINGS_URL or self.base_url).rstrip('/')}/embeddings"
        self._key = settings.EMBEDDINGS_API_KEY
        headers = {"Content-Type": "application/json", "User-Agent": "Tandem"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._client = httpx2.Client(headers=headers)
        self._asks_for_fewer = True

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors: list[Vector] = []
        for start in range(0, len(texts), MOST_TEXTS):
            part = [presentable(text, MOST_CHARACTERS) for text in texts[start : start + MOST_TEXTS]]
            vectors += until_it_works(partial(self._ask, part), seconds=settings.EMBEDDINGS_SECONDS)
        return vectors

    def close(self) -> None:
        self._client.close()

    @abstractmethod
    def body(self, texts: list[str], *, asks_for_fewer: bool) -> dict[str, Any]:
        """The request, in the form of the service."""

    def _ask(self, texts: list[str], deadline: float) -> list[Vector]:
        asks_for_fewer = self._asks_for_fewer
        try:
            answer = self._post(self.body(texts, asks_for_fewer=asks_for_fewer), deadline)
        except EmbeddingFailed as error:
            if not asks_for_fewer or error.status not in {400, 422} or "dimension" not in str(error).lower():
                raise
            self._asks_for_fewer = False  # nor will it be asked again
            return self._ask(texts, deadline)
        return self._read(answer, len(texts))

    def _post(self, body: dict[str, Any], deadline: float) -> bytes:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise EmbeddingFailed("no time is left for the embedding model", retryable=True)
        timeout = httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            with self._client.stream("POST", self._url, content=orjson.dumps(body), timeout=timeout) as response:
                answer = read_body(response, deadline)
        except httpx2.TimeoutException as error:
            raise EmbeddingFailed(f"no answer within {seconds:.0f} s", retryable=True) from error
        except (httpx2.HTTPError, OSError) as error:
            raise EmbeddingFailed(f"the connection failed: {self._without_key(str(error))}", retryable=True) from error
        if response.status_code != 200:
            said = self._without_key(message_of(answer))
            raise refused(response.status_code, said, retry_after=retry_after_of(response.headers))
        return answer

    def _read(self, answer: bytes, count: int) -> list[Vector]:
        try:
            rows = sorted(orjson.loads(answer)["data"], key=lambda row: row["index"])
            vectors = [[float(value) for value in row["embedding"]] for row in rows]
        except (ValueError, TypeError, KeyError) as error:
            raise EmbeddingFailed("the answer of the embedding model cannot be read", retryable=True) from error
        if len(vectors) != count:
            raise EmbeddingFailed(f"{len(vectors)} vectors came for {count} texts", retryable=True)
        longest = max(len(vector) for vector in vectors)
        if longest > DIMENSIONS and not self._asks_for_fewer:
            message = f"{self._model} gives {longest} dimensions and no fewer; one of at most {DIMENSIONS} is needed"
            raise EmbeddingFailed(message, retryable=False)
        return [of_unit_length(vector) for vector in vectors]

    def _without_key(self, message: str) -> str:
        return message.replace(self._key, "[key]") if self._key else message


class OpenAIEmbedder(HttpEmbedder):
    """https://platform.openai.com/docs/api-reference/embeddings/create."""

    kind = "openai"
    base_url = "https://api.openai.com/v1"

    def body(self, texts: list[str], *, asks_for_fewer: bool) -> dict[str, Any]:
        asked = {"model": self._model, "input": texts, "encoding_format": "float"}
        return {**asked, "dimensions": DIMENSIONS} if asks_for_fewer else asked


class VoyageEmbedder(HttpEmbedder):
    """https://docs.voyageai.com/reference/embeddings-api: of 256, 512, 1,024 and 2,048 dimensions the next ones."""

    kind = "voyage"
    base_url = "https://api.voyageai.com/v1"
    dimensions = 512

    def body(self, texts: list[str], *, asks_for_fewer: bool) -> dict[str, Any]:
        asked = {"model": self._model, "input": texts, "truncation": True}
        return {**asked, "output_dimension": self.dimensions} if asks_for_fewer else asked


def read_body(response: httpx2.Response, deadline: float) -> bytes:
    """A read timeout starts anew with every piece, so the clock is looked at after each."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MOST_BYTES:
            raise EmbeddingFailed(f"the answer is longer than {MOST_BYTES} bytes", retryable=False)
        if time.monotonic() >= deadline:
            raise EmbeddingFailed("the answer did not end in time", retryable=True)
    return bytes(body)


def message_of(body: bytes) -> str:
    """In `error.message`, `error`, `message` or `detail` (Voyage's); else the body itself."""
    try:
        found = orjson.loads(body)
    except ValueError:
        return body.decode(errors="replace")
    error = found.get("error", found) if isinstance(found, dict) else found
    return str(error.get("message") or error.get("detail") or error) if isinstance(error, dict) else str(error)
