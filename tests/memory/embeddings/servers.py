"""Embedding services as they speak: OpenAI's form, Voyage's, and Titan's on Bedrock, with the rules they enforce."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.wire.server import Heard, Response, running_server

KEY = "sk-very-secret-123"
SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=\w+/\d{8}/[\w-]+/bedrock/aws4_request, SignedHeaders=.+")


@dataclass(kw_only=True)
class Service:
    """What it heard, and what it answers instead of vectors: one of `first` a request, as long as there are any."""

    heard: list[Heard] = field(default_factory=list)
    first: list[Response] = field(default_factory=list)
    # The model's own; asked for fewer, it gives so many, unless it was not trained for that.
    dimensions: int = 1536
    gives_fewer: bool = True
    ignores_dimensions: bool = False

    def answer(self, heard: Heard, vectors: Callable[[Service, dict[str, Any]], Response]) -> Response:
        self.heard.append(heard)
        return self.first.pop(0) if self.first else vectors(self, heard.body)


def running_openai(service: Service) -> AbstractContextManager[str]:
    """Yields the base URL, with `/v1`."""
    return running_server(lambda heard: service.answer(heard, lambda *_: openai(service, heard)), path="/v1")


def running_voyage(service: Service) -> AbstractContextManager[str]:
    return running_server(lambda heard: service.answer(heard, lambda *_: voyage(service, heard)), path="/v1")


def running_titan(service: Service) -> AbstractContextManager[str]:
    return running_server(lambda heard: service.answer(heard, lambda *_: titan(heard)))


def openai(service: Service, heard: Heard) -> Response:
    body = heard.body
    if heard.path != "/v1/embeddings":
        return said(404, {"error": {"message": f"no such path: {heard.path}"}})
    if heard.headers.get("authorization") != f"Bearer {KEY}":
        given = heard.headers.get("authorization", "")
        return said(401, {"error": {"message": f"Incorrect API key provided: {given}", "code": "invalid_api_key"}})
    texts = body["input"]
    if not isinstance(texts, list) or not 1 <= len(texts) <= 2048 or not all(texts):
        return said(400, {"error": {"message": "'$.input' is invalid.", "type": "invalid_request_error"}})
    if "dimensions" in body and not service.gives_fewer:
        message = f"Model {body['model']!r} does not support changing its output dimensions."
        return said(400, {"error": {"message": message, "type": "BadRequestError", "code": 400}})
    count = service.dimensions if service.ignores_dimensions else body.get("dimensions", service.dimensions)
    rows = [
        {"object": "embedding", "index": index, "embedding": vector_of(text, count)} for index, text in enumerate(texts)
    ]
    rows.reverse()  # `index` says which is whose
    return said(200, {"object": "list", "data": rows, "model": body["model"], "usage": {"total_tokens": 8}})


def voyage(service: Service, heard: Heard) -> Response:
    body = heard.body
    if heard.headers.get("authorization") != f"Bearer {KEY}":
        return said(401, {"detail": "Provided API key is invalid."})
    if set(body) - {"input", "model", "input_type", "truncation", "output_dimension", "output_dtype"}:
        return said(400, {"detail": "Request body has an unknown argument."})
    asked = body.get("output_dimension", service.dimensions)
    if asked not in {256, 512, 1024, 2048}:
        return said(400, {"detail": "Value for output_dimension is not supported."})
    rows = [
        {"object": "embedding", "embedding": vector_of(text, asked), "index": index}
        for index, text in enumerate(body["input"])
    ]
    return said(200, {"object": "list", "data": rows, "model": body["model"], "usage": {"total_tokens": 8}})


def titan(heard: Heard) -> Response:
    if not SIGNATURE.fullmatch(heard.headers.get("authorization", "")):
        return refusal(403, "AccessDeniedException", "The request is not signed.")
    if heard.path != "/model/amazon.titan-embed-text-v2%3A0/invoke":
        return refusal(400, "ValidationException", "The provided model identifier is invalid.")
    body = heard.body
    if set(body) - {"inputText", "dimensions", "normalize", "embeddingTypes"}:
        return refusal(400, "ValidationException", "Malformed input request: extraneous key is not permitted.")
    if not body["inputText"] or body.get("dimensions", 1024) not in {256, 512, 1024}:
        return refusal(400, "ValidationException", "Malformed input request: expected minLength: 1.")
    vector = vector_of(body["inputText"], body.get("dimensions", 1024))
    return said(200, {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": 5})


def vector_of(text: str, count: int) -> list[float]:
    """The same text has the same beginning, whatever the count; of no particular length."""
    numbers = random.Random(text)
    return [numbers.uniform(-1, 1) for _ in range(count)]


def said(status: int, body: dict[str, Any], **more: Any) -> Response:
    return Response(content_type="application/json", parts=[json.dumps(body).encode()], status=status, **more)


def refusal(status: int, name: str, message: str) -> Response:
    headers = {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/", "x-amzn-RequestId": "6ba7b810"}
    return said(status, {"message": message}, headers=headers)
