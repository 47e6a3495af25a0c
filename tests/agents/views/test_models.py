from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.errors import UnknownModel
from agents.model_directory import directory, resolve
from agents.model_list import short_date
from agents.models import LanguageModel, ModelAlias
from observability.ids import uuid7
from observability.models import Price
from observability.prices import price_list
from tests.factories import client_of, make_agent

pytestmark = pytest.mark.django_db
URL = "/models/"
HOSTILE = "<script>alert(1)</script>"
SERVER = {
    "label": "Qwen at home",
    "key": "local/qwen",
    "provider": "openai",
    "provider_model": "qwen3:32b",
    "base_url": "http://ollama:11434/v1/",
    "key_variable": "",
    "context_tokens": "32768",
    "max_output_tokens": "8192",
    "calls_tools": "on",
    "streams_tools": "on",
    "retires_on": "",
    "enabled": "on",
}
PRICE = {"above_input_tokens": "0", "input_usd": "3", "output_usd": "15", "cache_read_usd": "", "cache_write_usd": ""}


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    directory.forget()
    price_list.forget()
    yield
    directory.forget()
    price_list.forget()


@pytest.fixture
def sonnet() -> LanguageModel:
    return LanguageModel.objects.get(key="claude-sonnet-5-5")


def url_of(model: LanguageModel, rest: str = "") -> str:
    return f"/models/{model.pk}/{rest}"


def form_of(model: LanguageModel, **changed: str) -> dict[str, str]:
    """What a browser would send from the page, with some fields changed; None leaves a field out, as a cleared box."""
    values = {name: str(getattr(model, name) or "") for name in SERVER}
    boxes = {name for name in values if isinstance(getattr(model, name), bool)}
    given = {name: value for name, value in values.items() if name not in boxes or value}
    return {**given, **changed}


def today(days: int = 0) -> date:
    return timezone.now().date() + timedelta(days=days)


class TestList:
    def test_all_staff_read_it(self, support: User, reviewer: User, analyst: User, admin: User) -> None:
        for user in (support, reviewer, analyst, admin):
            response = client_of(user).get(URL)
            assert response.status_code == 200
            assert "Llama 3.3 70B" in response.content.decode()
            assert ("/models/new/" in response.content.decode()) == (user == admin)

    def test_signed_out_stranger_and_method(self, stranger: User, admin: User) -> None:
        assert Client().get(URL).status_code == 302
        assert client_of(stranger).get(URL).status_code == 403
        assert client_of(admin).post(URL).status_code == 405

    def test_prices_and_states(self, support: User) -> None:
        LanguageModel.objects.filter(key="claude-sonnet-4-5").update(retires_on=today(8))
        LanguageModel.objects.filter(key="claude-opus-5").update(retires_on=today(61))
        text = client_of(support).get(URL).content.decode()
        assert "Retires in 8 days" in text
        assert f"On until {short_date(today(61))}" in text
        assert "Retired" in text  # Command R+ left Bedrock
        assert '<span class="warn-text">Unknown</span>' in text  # the price of Fable 5.2
        assert "$0.7200" in text

    def test_a_provider_is_chosen(self, support: User) -> None:
        text = client_of(support).get(URL, {"provider": "converse"}).content.decode()
        assert "Llama 4 Maverick" in text
        assert "Claude Opus 5.5" not in text
        LanguageModel.objects.filter(provider="openai").delete()
        assert "No models here" in client_of(support).get(URL, {"provider": "openai"}).content.decode()
        assert "Claude Opus 5.5" in client_of(support).get(URL, {"provider": "nonsense"}).content.decode()

    def test_it_counts_the_agents(self, support: User, sonnet: LanguageModel) -> None:
        make_agent(name="One", model=sonnet.key)
        make_agent(name="Two", model="claude-3-5-sonnet-latest")
        make_agent(name="Three", model="claude-haiku-5-5", fallback_model=sonnet.key)
        assert f'aria-label="3 agents of {sonnet.label}"' in client_of(support).get(URL).content.decode()

    def test_more_agents_take_no_more_queries(self, support: User, django_assert_max_num_queries: Any) -> None:
        for _ in range(6):
            make_agent()
        client = client_of(support)
        with django_assert_max_num_queries(11):
            client.get(URL)


class TestNew:
    url = "/models/new/"

    def test_a_server_of_ones_own(self, admin: User) -> None:
        response = client_of(admin).post(self.url, SERVER)
        made = LanguageModel.objects.get(key="local/qwen")
        assert response["Location"] == url_of(made)
        assert (made.base_url, made.provider_model, made.caches_prompts) == (
            "http://ollama:11434/v1",
            "qwen3:32b",
            False,
        )
        assert resolve("local/qwen").model == made
        assert "No price is known" in client_of(admin).get(url_of(made)).content.decode()

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"base_url": ""}, "Say where the server is."),
            ({"base_url": "ftp://host/v1"}, "begins with http:// or https://"),
            ({"base_url": "http://"}, "begins with http:// or https://"),
            ({"base_url": "http://host:99999999/v1"}, "begins with http:// or https://"),
            ({"base_url": "http://user:secret@host/v1"}, "Only the address itself"),
            ({"key_variable": "SECRET_KEY"}, "ends in _API_KEY"),
            ({"key_variable": "ANTHROPIC_API_KEY"}, "not the key of the Anthropic API"),
            ({"key": "claude-sonnet-5-5"}, "Another model has the key"),
            ({"key": "two words"}, "Letters, digits"),
            ({"provider": "nobody"}, "nobody is not one of the available choices"),
            ({"context_tokens": "10"}, "greater than or equal to 1000"),
            ({"max_output_tokens": "40000"}, "It cannot be longer than the context."),
            ({"retires_on": "soon"}, "Enter a valid date."),
        ],
    )
    def test_bad_input_is_said_at_the_field_and_loses_nothing(
        self, admin: User, changed: dict[str, str], said: str
    ) -> None:
        response = client_of(admin).post(self.url, {**SERVER, **changed})
        assert response.status_code == 422
        assert said in response.content.decode()
        assert "Qwen at home" in response.content.decode()
        assert not LanguageModel.objects.filter(label="Qwen at home").exists()

    def test_an_address_is_for_a_server_only(self, admin: User) -> None:
        client_of(admin).post(self.url, {**SERVER, "provider": "converse", "key_variable": "SOME_API_KEY"})
        made = LanguageModel.objects.get(key="local/qwen")
        assert (made.base_url, made.key_variable) == ("", "")

    def test_only_an_admin_adds_one(self, support: User, reviewer: User, analyst: User) -> None:
        for user in (support, reviewer, analyst):
            assert client_of(user).get(self.url).status_code == 403
            assert client_of(user).post(self.url, SERVER).status_code == 403
        assert Client().post(self.url, SERVER).status_code == 302
        assert not LanguageModel.objects.filter(key="local/qwen").exists()


class TestOne:
    def test_others_read_it(self, sonnet: LanguageModel, support: User, admin: User) -> None:
        make_agent("refunds", name="Refunds desk", model="claude-3-5-sonnet-latest")
        text = client_of(support).get(url_of(sonnet)).content.decode()
        for fact in ("Refunds desk", "anthropic.claude-3-5-sonnet-20241022-v2:0", "$10.00", "In force", "128k tokens"):
            assert fact in text
        assert "Save the model" not in text
        assert "Save the model" in client_of(admin).get(url_of(sonnet)).content.decode()

    def test_an_admin_changes_it_and_the_next_call_knows(self, sonnet: LanguageModel, admin: User) -> None:
        resolve(sonnet.key)
        sent = form_of(sonnet, label="Sonnet", retires_on="2030-01-31")
        del sent["enabled"]
        response = client_of(admin).post(url_of(sonnet), sent)
        assert response.status_code == 302
        sonnet.refresh_from_db()
        assert (sonnet.label, sonnet.enabled, sonnet.retires_on) == ("Sonnet", False, date(2030, 1, 31))
        with pytest.raises(UnknownModel, match="is switched off"):
            resolve(sonnet.key)

    def test_the_key_stays(self, sonnet: LanguageModel, admin: User) -> None:
        client_of(admin).post(url_of(sonnet), form_of(sonnet, key="another", label="Sonnet"))
        sonnet.refresh_from_db()
        assert (sonnet.key, sonnet.label) == ("claude-sonnet-5-5", "Sonnet")

    def test_bad_input(self, sonnet: LanguageModel, admin: User) -> None:
        response = client_of(admin).post(url_of(sonnet), form_of(sonnet, label="", provider_model="kept by me"))
        assert response.status_code == 422
        assert "kept by me" in response.content.decode()
        assert "<h1>Claude Sonnet 5.5</h1>" in response.content.decode()

    def test_who_may(self, sonnet: LanguageModel, support: User, stranger: User, admin: User) -> None:
        assert client_of(support).post(url_of(sonnet), form_of(sonnet)).status_code == 403
        assert client_of(stranger).get(url_of(sonnet)).status_code == 403
        assert Client().get(url_of(sonnet)).status_code == 302
        assert client_of(admin).delete(url_of(sonnet)).status_code == 405
        assert client_of(admin).get(f"/models/{uuid7()}/").status_code == 404

    def test_what_comes_after_a_retirement(self, support: User) -> None:
        old = LanguageModel.objects.get(key="bedrock/command-r-plus")
        text = client_of(support).get(url_of(old)).content.decode()
        assert "was retired on 19 August 2026." in text
        assert "Command R+ at Cohere answers in its place." in text
        heir = LanguageModel.objects.get(key="cohere/command-r-plus")
        assert "takes over from Command R+ on Bedrock" in client_of(support).get(url_of(heir)).content.decode()

    def test_hostile_text_is_inert(self, admin: User) -> None:
        made = LanguageModel.objects.create(
            key="x", label=HOSTILE, provider="converse", provider_model=HOSTILE, context_tokens=1000
        )
        ModelAlias.objects.create(alias=HOSTILE, model=made, reason=HOSTILE)
        for url in (URL, url_of(made)):
            text = client_of(admin).get(url).content.decode()
            assert HOSTILE not in text
            assert "&lt;script&gt;" in text


class TestNames:
    def test_added_and_removed(self, sonnet: LanguageModel, admin: User) -> None:
        client = client_of(admin)
        response = client.post(url_of(sonnet, "names/"), {"alias": "claude-instant", "reason": "was retired"})
        assert response["Location"] == url_of(sonnet) + "#aliases"
        assert resolve("claude-instant").warning == "claude-instant was retired; Claude Sonnet 5.5 answers instead."
        client.post(url_of(sonnet, "names/remove/"), {"alias": "claude-instant"})
        with pytest.raises(UnknownModel):
            resolve("claude-instant")
        assert client.post(url_of(sonnet, "names/remove/"), {"alias": "claude-instant"}).status_code == 302

    @pytest.mark.parametrize(
        ("alias", "said"),
        [
            ("claude-3-5-sonnet-latest", "stands for Claude Sonnet 5.5 already"),
            ("claude-sonnet-5-5", "own name"),
            ("two words", "Letters, digits"),
            ("", "required"),
        ],
    )
    def test_bad_names(self, sonnet: LanguageModel, admin: User, alias: str, said: str) -> None:
        response = client_of(admin).post(url_of(sonnet, "names/"), {"alias": alias, "reason": "my own reason"})
        assert response.status_code == 422
        assert said in response.content.decode()
        assert "my own reason" in response.content.decode()

    def test_only_an_admin(self, sonnet: LanguageModel, support: User, analyst: User) -> None:
        for user in (support, analyst):
            for rest in ("names/", "names/remove/", "prices/", "prices/1/withdraw/"):
                assert client_of(user).post(url_of(sonnet, rest), {"alias": "x"}).status_code == 403
        assert Client().post(url_of(sonnet, "names/")).status_code == 302

    def test_they_are_posted(self, sonnet: LanguageModel, admin: User) -> None:
        for rest in ("names/", "names/remove/", "prices/", "prices/1/withdraw/"):
            assert client_of(admin).get(url_of(sonnet, rest)).status_code == 405


class TestPrices:
    def test_a_price_follows(self, sonnet: LanguageModel, admin: User) -> None:
        client = client_of(admin)
        response = client.post(url_of(sonnet, "prices/"), {**PRICE, "valid_from": today(3).isoformat()})
        assert response["Location"] == url_of(sonnet) + "#prices"
        made = Price.objects.get(model=sonnet.key, valid_from=today(3))
        assert (made.cache_read_usd, made.cache_write_usd) == (Decimal(3), Decimal(3))
        text = client.get(url_of(sonnet)).content.decode()
        assert "Coming" in text
        assert "In force" in text
        client.post(url_of(sonnet, f"prices/{made.pk}/withdraw/"))
        assert not Price.objects.filter(pk=made.pk).exists()

    def test_one_in_force_stays(self, sonnet: LanguageModel, admin: User) -> None:
        standing = Price.objects.get(model=sonnet.key)
        client_of(admin).post(url_of(sonnet, f"prices/{standing.pk}/withdraw/"))
        assert Price.objects.filter(pk=standing.pk).exists()

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"valid_from": "2026-01-02"}, "today at the earliest"),
            ({"valid_from": "never"}, "Enter a valid date."),
            ({"input_usd": "-1"}, "greater than or equal to 0"),
            ({"input_usd": "NaN"}, "Enter a number."),
            ({"output_usd": ""}, "required"),
            ({"above_input_tokens": "3000000000"}, "less than or equal to"),
        ],
    )
    def test_bad_prices(self, sonnet: LanguageModel, admin: User, changed: dict[str, str], said: str) -> None:
        sent = {**PRICE, "valid_from": today().isoformat(), "cache_write_usd": "3.75123", **changed}
        response = client_of(admin).post(url_of(sonnet, "prices/"), sent)
        assert response.status_code == 422
        assert said in response.content.decode()
        assert "3.75123" in response.content.decode()
        assert Price.objects.filter(model=sonnet.key).count() == 1

    def test_one_price_a_day(self, sonnet: LanguageModel, admin: User) -> None:
        client, sent = client_of(admin), {**PRICE, "valid_from": today().isoformat()}
        assert client.post(url_of(sonnet, "prices/"), sent).status_code == 302
        response = client.post(url_of(sonnet, "prices/"), sent)
        assert response.status_code == 422
        assert "from that day on already" in response.content.decode()
