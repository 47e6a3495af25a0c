"""The demo shop as a process of its own: how it starts, ends, and is killed."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTENS = re.compile(r"INFO demo_shop: listening on (http://127\.0\.0\.1:\d+) with 120 orders\n")


def command(database: Path, *options: str) -> list[str]:
    """On a port that is free."""
    return [sys.executable, "-m", "tools.demo_shop", "--port", "0", "--database", str(database), *options]


def address_of(process: subprocess.Popen[str]) -> str:
    """Where it serves, which is the first that it says."""
    said = process.stdout.readline()
    listens = LISTENS.fullmatch(said)
    assert listens, said
    assert httpx2.get(f"{listens[1]}/healthz", timeout=60).status_code == 200
    return listens[1]


@contextmanager
def shop_process(database: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address."""
    process = subprocess.Popen(command(database), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process, address_of(process)
    finally:
        process.kill()
        process.communicate()


def refund(client: httpx2.Client, key: str) -> httpx2.Response:
    body = {"customer": "ada@example.com", "order_id": "1042", "reason": "Torn", "amount": "0.01"}
    return client.post("/refunds", json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_in_good_order(tmp_path, signal_number):
    with (
        shop_process(tmp_path / "shop.sqlite3") as (process, url),
        httpx2.Client(base_url=url, timeout=60) as client,
    ):
        assert refund(client, "a").status_code == 201
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output == "INFO demo_shop: refund RF-000020 of EUR 0.01 for order 1042\n"
    # Closed in good order, the write-ahead log is folded in.
    assert [file.name for file in tmp_path.iterdir()] == ["shop.sqlite3"]


def start_in_vain(database: Path, *options: str) -> str:
    process = subprocess.run(
        command(database, *options), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 1
    assert process.stdout == ""
    return process.stderr


def test_a_taken_port_is_told_in_a_line(tmp_path):
    database = tmp_path / "shop.sqlite3"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        message = start_in_vain(database, "--port", str(port))
    assert message == f"demo shop: cannot listen on 127.0.0.1 port {port}: Address already in use.\n"
    assert not database.exists()


def test_an_unusable_database_is_told_in_a_line(tmp_path):
    database = tmp_path / "shop.sqlite3"
    database.write_text("not a database, but long enough to be taken for one" * 100)
    message = start_in_vain(database)
    assert message.startswith(f"demo shop: {database} cannot be used as the demo shop's database: ")
    assert message.count("\n") == 1


def test_a_killed_shop_has_kept_what_it_acknowledged_and_nothing_by_halves(tmp_path):
    """Killed in a storm of refunds, three times over; the same requests after each restart make none twice."""
    database = tmp_path / "shop.sqlite3"
    acknowledged: dict[str, str] = {}

    def storm(worker: int, url: str) -> None:
        with httpx2.Client(base_url=url, timeout=60) as client:
            for number in range(1000):
                key = f"key-{worker}-{number}"
                try:
                    response = refund(client, key)
                except httpx2.TransportError:
                    return
                assert response.status_code in {200, 201}
                made = response.json()["refund_id"]
                assert acknowledged.setdefault(key, made) == made

    for round_number in range(1, 4):
        with shop_process(database) as (process, url), ThreadPoolExecutor(4) as pool:
            storms = [pool.submit(storm, worker, url) for worker in range(4)]
            while len(acknowledged) < 40 * round_number:
                time.sleep(0.005)
            process.kill()
            process.wait()
            for result in storms:
                result.result()
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            kept = dict(connection.execute("SELECT idempotency_key, number FROM refunds WHERE order_id = '1042'"))
            (refunded,) = connection.execute("SELECT refunded_cents FROM orders WHERE order_id = '1042'").fetchone()
            count_keys = "SELECT count(*) FROM idempotency_keys WHERE idempotency_key LIKE 'key-%'"
            (keys,) = connection.execute(count_keys).fetchone()
        assert refunded == len(kept) == keys
        assert acknowledged.items() <= {key: f"RF-{number:06d}" for key, number in kept.items()}.items()
        # Requests may have been carried out without an answer: at most one a client.
        assert len(kept) - len(acknowledged) <= 4 * round_number


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_it_ends_with_its_parent(tmp_path):
    program = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    arguments = [sys.executable, "-c", program, *command(tmp_path / "shop.sqlite3", "--parent-death")]
    with subprocess.Popen(arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE) as parent:
        try:
            url = address_of(parent)
        finally:
            parent.kill()
        parent.communicate(timeout=60)  # the shop has the other end of its output for as long as it lives
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/healthz")
