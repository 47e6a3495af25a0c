"""Amazon Titan Text Embeddings V2 on Bedrock: InvokeModel through boto3, one text a request.

It gives 256, 512 or 1,024 dimensions, and nothing is said of cutting them. So 256 are asked for, "97 percent of the
accuracy" of 1,024 (https://aws.amazon.com/blogs/aws/amazon-titan-text-v2-now-available-in-amazon-bedrock-optimized-for-improving-rag),
and zeros fill them up. V1 and Cohere's models take another request, and refuse this one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from django.conf import settings
from urllib3.exceptions import HTTPError

from memory.embeddings.base import EmbeddingFailed, Vector, of_unit_length
from memory.embeddings.retries import presentable, refused, until_it_works

CONNECT_SECONDS = 5.0
ASKED = 256
# 8,192 tokens or 50,000 characters are read; even of Chinese this is hardly more.
MOST_CHARACTERS = 8_000


class TitanEmbedder:
    """Credentials, region and address are found as boto3 always finds them, in AWS's own variables; EMBEDDINGS_URL is
    another address, and EMBEDDINGS_API_KEY has no meaning. EMBEDDINGS_SECONDS are for one text."""

    is_semantic = True

    def __init__(self, model: str) -> None:
        self.name = f"bedrock:{model}"
        self._model = model
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        config = Config(
            retries={"total_max_attempts": 1},  # `until_it_works` decides
            connect_timeout=CONNECT_SECONDS,
            read_timeout=settings.EMBEDDINGS_SECONDS,
        )
        self._client = boto3.Session().client(
            "bedrock-runtime", region_name=region, endpoint_url=settings.EMBEDDINGS_URL or None, config=config
        )

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [until_it_works(partial(self._ask, text), seconds=settings.EMBEDDINGS_SECONDS) for text in texts]

    def close(self) -> None:
        self._client.close()

    def _ask(self, text: str, deadline: float) -> Vector:
        if time.monotonic() >= deadline:
            raise EmbeddingFailed("no time is left for the embedding model", retryable=True)
        body = {"inputText": presentable(text, MOST_CHARACTERS), "dimensions": ASKED, "normalize": True}
        try:
            response = self._client.invoke_model(
                modelId=self._model,
                body=orjson.dumps(body),
                contentType="application/json",
                accept="application/json",
            )
            return read(response["body"].read())
        except ClientError as error:
            raise failure_of(error) from error
        except (HTTPClientError, HTTPError, OSError) as error:
            raise EmbeddingFailed(f"the connection failed: {error}", retryable=True) from error
        except BotoCoreError as error:  # no credentials, an impossible name
            raise EmbeddingFailed(str(error), retryable=False) from error


def read(answer: bytes) -> Vector:
    try:
        return of_unit_length([float(value) for value in orjson.loads(answer)["embedding"]])
    except (ValueError, TypeError, KeyError) as error:
        raise EmbeddingFailed("the answer of the embedding model cannot be read", retryable=True) from error


def failure_of(error: ClientError) -> EmbeddingFailed:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    said = f"{error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
    return refused(status, said)
