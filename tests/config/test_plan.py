from __future__ import annotations

import socket
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.supervisor.plan import Plan, backends, desk, environment, read_plan
from config.supervisor.ports import PortRefused, free_port


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    for name in ("HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)


def plan(*, demo: bool = True) -> Plan:
    return read_plan(host=None, port=free_port("127.0.0.1", 0), demo=demo)


def test_the_demo_runs_everything_here() -> None:
    found = plan()
    assert list(backends(found)) == ["model", "shop"]
    assert list(desk(found)) == ["web", "worker", "beat"]
    assert found.scripted
    assert environment(found) == {
        "PUBLIC_URL": f"http://127.0.0.1:{found.port}",
        "STATE_DIR": str(found.state),
        "DEMO": "1",
        "DEMO_SHOP_URL": f"http://127.0.0.1:{found.shop_port}",
        "SCRIPTED_MODEL_URL": f"http://127.0.0.1:{found.model_port}",
    }


def test_without_the_demo_there_is_no_shop() -> None:
    assert list(backends(plan(demo=False))) == ["model"]


def test_demo_in_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO", "0")
    assert not plan().demo


@pytest.mark.parametrize(
    ("name", "left", "scripted"),
    [
        ("ANTHROPIC_API_KEY", ["shop"], False),
        ("ANTHROPIC_BASE_URL", ["shop"], False),
        ("SCRIPTED_MODEL_URL", ["shop"], True),
        ("DEMO_SHOP_URL", ["model"], True),
    ],
)
def test_a_real_one_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, name: str, left: list[str], scripted: bool
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    found = plan()
    assert list(backends(found)) == left
    assert found.scripted is scripted


def test_the_public_address_follows_the_port_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan().public_url.startswith("http://127.0.0.1:")
    monkeypatch.setenv("PUBLIC_URL", "https://desk.example.com")
    found = plan()
    assert environment(found)["PUBLIC_URL"] == "https://desk.example.com"
    assert found.web_url == f"http://127.0.0.1:{found.port}"


def test_every_address_may_be_listened_at() -> None:
    found = read_plan(host="0.0.0.0", port=free_port("0.0.0.0", 0), demo=False)
    assert found.public_url == found.web_url == f"http://127.0.0.1:{found.port}"


def test_a_taken_port_is_refused_and_a_taken_backend_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        monkeypatch.setattr("config.supervisor.plan.SHOP_PORT", taken)
        assert plan().shop_port != taken
        monkeypatch.setenv("PORT", str(taken))
        with pytest.raises(PortRefused):
            read_plan(host=None, port=None, demo=False)


def test_a_port_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eight")
    with pytest.raises(ImproperlyConfigured, match="PORT is 'eight'"):
        read_plan(host=None, port=None, demo=False)
