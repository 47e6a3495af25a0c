from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.llm.base import Adapter
from agents.llm.failures import model_failed, retry_after_of
from agents.llm.registry import ADAPTERS, close_adapters, get_adapter
from agents.models import LanguageModel
from tests.agents.llm.rigs import row

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    close_adapters()
    yield
    close_adapters()


def test_every_provider_has_an_adapter() -> None:
    assert set(ADAPTERS) == set(LanguageModel.Provider.values)


def test_without_a_model_it_is_the_way_to_the_anthropic_api() -> None:
    assert get_adapter() is get_adapter(row("anthropic", "claude-haiku-5-5"))


def test_models_of_one_server_share_an_adapter() -> None:
    here = row("openai", "llama3.3", base_url="http://127.0.0.1:11434/v1")
    beside = row("openai", "mistral", base_url="http://127.0.0.1:11434/v1")
    elsewhere = row("openai", "llama3.3", base_url="http://127.0.0.1:8080/v1")
    assert get_adapter(here) is get_adapter(beside)
    assert get_adapter(here) is not get_adapter(elsewhere)


def test_threads_get_the_same_one() -> None:
    model = row("openai", "llama3.3", base_url="http://127.0.0.1:11434/v1")
    found: list[Adapter] = []
    threads = [threading.Thread(target=lambda: found.append(get_adapter(model))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert len(found) == 8


def test_no_sdk_is_imported_before_it_is_needed() -> None:
    code = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; django.setup(); "
        "import sys, agents.llm.registry; print({'boto3', 'anthropic', 'httpx2'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


# -- failures
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("", None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("-1", None)],
)
def test_both_forms_of_retry_after_are_read(value: str, seconds: float | None) -> None:
    assert retry_after_of({"retry-after": value}) == seconds


def test_a_failure_tells_no_key_and_no_novel() -> None:
    failed = model_failed("rejected", "the key sk-1 is wrong " + "x" * 9000, secret="sk-1")
    assert str(failed).startswith("the key [key] is wrong")
    assert len(str(failed)) == 500
