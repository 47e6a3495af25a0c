from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import pytest

from agents.models import LanguageModel
from tests.agents.llm.rigs import BEDROCK_CLAUDE, CLAUDE, COMMAND, LLAMA, SERVED, Rig, model_before_server

STREAMING = {"claude": CLAUDE, "bedrock_claude": BEDROCK_CLAUDE, "converse": COMMAND, "openai": SERVED}
ALL = {**STREAMING, "converse_whole": LLAMA}


@pytest.fixture(scope="module", autouse=True)
def _aws() -> Iterator[None]:
    """Credentials for signing, and nothing of this machine's own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        yield


def served(model: LanguageModel) -> Iterator[Rig]:
    rig = Rig(model=copy(model))
    with model_before_server(rig.model, rig.answer):
        yield rig


@pytest.fixture(scope="module", params=list(ALL))
def each(request: pytest.FixtureRequest, _aws: None) -> Iterator[Rig]:
    """A client of AWS takes a quarter of a second to make, so the tests of a module share one."""
    yield from served(ALL[request.param])


@pytest.fixture(scope="module", params=list(STREAMING))
def each_streaming(request: pytest.FixtureRequest, _aws: None) -> Iterator[Rig]:
    yield from served(STREAMING[request.param])


@pytest.fixture(scope="module")
def only(request: pytest.FixtureRequest, _aws: None) -> Iterator[Rig]:
    """The way that the module names in `MODEL`."""
    yield from served(request.module.MODEL)


def emptied(rig: Rig) -> Rig:
    rig.answers, rig.asked, rig.said = [], [], []
    return rig


@pytest.fixture
def rig(each: Rig) -> Rig:
    """Each way to a model in turn, also the one that does not stream."""
    return emptied(each)


@pytest.fixture
def streaming(each_streaming: Rig) -> Rig:
    return emptied(each_streaming)


@pytest.fixture
def one(only: Rig) -> Rig:
    return emptied(only)
