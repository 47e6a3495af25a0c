from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from config.embedded_postgres import EmbeddedPostgres, PostgresUnavailable, account, places
from config.embedded_postgres.errors import unavailable
from tests.config.conftest import ROOT, processes_of, wait_for

HOLD = """
import sys, time
from pathlib import Path
from typing import LiteralString
from config.embedded_postgres import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), durable=False).acquire(), flush=True)
time.sleep(60)
"""


def ask(url: str, question: LiteralString) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def do(url: str, statements: LiteralString) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements)


def postmaster(state: Path) -> int:
    pid_file = (state / "postgres").resolve() / "data-18" / "postmaster.pid"
    return int(pid_file.read_text().splitlines()[0])


def test_it_has_vectors_and_its_own_rules_for_characters(server: EmbeddedPostgres) -> None:
    url = server.acquire()
    do(url, "create extension vector")
    assert ask(url, "select '[1,2]'::vector <-> '[1,3]'::vector") == 1
    assert ask(url, "select lower('ÄÖ')") == "äö"
    assert ask(url, "select current_setting('listen_addresses')") == ""


def test_nobody_signs_in_without_the_password(server: EmbeddedPostgres) -> None:
    url = server.acquire()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.replace(url.split(":")[2].split("@")[0], "guessed"))


def test_the_last_to_let_go_stops_it(state: Path, server: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(state, durable=False)
    url = server.acquire()
    assert other.acquire() == url
    assert not server.release()
    assert ask(url, "select 1") == 1
    assert other.release()
    assert wait_for(lambda: processes_of(state) == {}), "no child of `other`, so its end is not waited for"
    assert not other.release()


def test_many_first_starters_meet(state: Path) -> None:
    servers = [EmbeddedPostgres(state, durable=False) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(EmbeddedPostgres.acquire, servers))
    assert len(urls) == 1
    assert [server.release() for server in servers].count(True) == 1


def test_it_is_found_again_with_its_rows_after_being_killed(state: Path) -> None:
    server = EmbeddedPostgres(state)
    url = server.acquire()
    do(url, "create table kept (id int); insert into kept select generate_series(1, 1000)")
    assert not server.ensure_running()
    os.kill(postmaster(state), signal.SIGKILL)
    assert wait_for(server.ensure_running)
    assert ask(url, "select count(*) from kept") == 1000
    assert server.release()


def test_a_killed_holder_does_not_count(state: Path, server: EmbeddedPostgres) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(state)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        url = holder.stdout.readline().strip()
        server_pid = postmaster(state)
        holder.kill()
    assert server.acquire() == url
    assert postmaster(state) == server_pid
    assert server.release()


def test_an_interrupted_first_start_leaves_nothing_in_the_way(state: Path, server: EmbeddedPostgres) -> None:
    starter = subprocess.Popen([sys.executable, "-c", HOLD, str(state)], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert wait_for(lambda: any("initdb" in command for command in processes_of(state).values()))
    starter.kill()
    starter.wait()
    assert wait_for(lambda: not processes_of(state))
    assert not (state / "postgres" / "data-18").exists()
    assert ask(server.acquire(), "select 1") == 1


def test_a_process_id_that_a_stranger_has_now_is_no_server(state: Path, server: EmbeddedPostgres) -> None:
    server.acquire()
    pid_file = (state / "postgres").resolve() / "data-18" / "postmaster.pid"
    text = pid_file.read_text()
    server.release()
    pid_file.write_text(text.replace(text.splitlines()[0], str(os.getpid()), 1))
    shutil.chown(pid_file, pid_file.parent.owner(), pid_file.parent.group())
    assert ask(server.acquire(), "select 1") == 1


def test_a_long_path_or_one_with_blanks_gets_a_short_socket(state: Path) -> None:
    deep = state / ("a folder with a long name " * 4)
    deep.mkdir(mode=0o711)
    server = EmbeddedPostgres(deep, durable=False)
    url = server.acquire()
    assert ask(url, "select 1") == 1
    link = (deep / "postgres").resolve() / "socket"
    short = link.readlink()
    assert server.release()
    assert " " not in url
    assert server.acquire() == url
    assert server.release()
    shutil.rmtree(short)


def test_its_files_lie_where_its_user_can_reach_them(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is closed to others is not opened; what root's PostgreSQL needs lies elsewhere then."""
    outside = state / "outside"
    monkeypatch.setattr(places, "OUTSIDE", outside)
    closed = state / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "state", durable=False)
    assert ask(server.acquire(), "select 1") == 1
    home = (closed / "state" / "postgres").resolve()
    assert home.is_relative_to(outside if os.geteuid() == 0 else closed)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert server.release()


def test_a_lost_password_is_told_with_the_way_out(state: Path, server: EmbeddedPostgres) -> None:
    server.acquire()
    server.release()
    ((state / "postgres").resolve() / "password").unlink()
    with pytest.raises(PostgresUnavailable, match=r"password is missing.*to begin with an empty database"):
        server.acquire()
    assert not processes_of(state)


def test_a_server_that_does_not_start_says_why(state: Path, server: EmbeddedPostgres) -> None:
    server.acquire()
    server.release()
    with ((state / "postgres").resolve() / "data-18" / "postgresql.conf").open("a") as settings:
        settings.write("max_connections = plenty\n")
    with pytest.raises(PostgresUnavailable, match=r"did not start .*contains errors"):
        server.acquire()


def test_where_users_cannot_be_made_nobody_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SYSTEM_USER", "no-such-user")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert account._system_user().pw_name == "nobody"


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    output = 'creating files\ninitdb: error: could not write file "x": No space left on device\nremoving files\n'
    assert "the disk is full" in str(unavailable("PostgreSQL could not make its database", output, tmp_path))


def test_the_state_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PostgresUnavailable, match="cannot be made in"):
        EmbeddedPostgres(tmp_path / "file" / "state").acquire()
