from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.supervisor.record import AlreadyRunning, Record, began_at, end_leftovers, running_environment

ADDRESSES = {"PUBLIC_URL": "http://127.0.0.1:8000"}


def test_one_at_a_time(tmp_path: Path) -> None:
    first, second = Record(tmp_path), Record(tmp_path)
    first.claim()
    first.write(environment=ADDRESSES, pids=[])
    with pytest.raises(AlreadyRunning) as refused:
        second.claim()
    assert (refused.value.pid, refused.value.url) == (os.getpid(), "http://127.0.0.1:8000")
    first.close()
    second.claim()
    second.close()


def test_a_second_terminal_learns_the_addresses_while_it_runs(tmp_path: Path) -> None:
    assert running_environment(tmp_path) == {}
    record = Record(tmp_path)
    record.claim()
    record.write(environment=ADDRESSES, pids=[])
    assert running_environment(tmp_path) == ADDRESSES
    record.close()
    assert running_environment(tmp_path) == {}


def test_leftovers_of_a_killed_one_are_known_and_ended(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_DFL); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        killed = Record(tmp_path)
        killed.claim()
        killed.write(environment=ADDRESSES, pids=[child.pid])
        assert killed._descriptor is not None
        os.close(killed._descriptor)  # as the kernel does for a killed process; the file stays
        record = Record(tmp_path)
        record.claim()
        assert record.leftovers() == [child.pid]
        end_leftovers(record.leftovers())
        assert began_at(child.pid) is None
        record.close()
    assert record.leftovers() == []


def test_a_later_process_with_the_same_id_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text(f'{{"processes": {{"{os.getpid()}": 1.0}}}}')
    record = Record(tmp_path)
    record.claim()
    assert record.leftovers() == []
    record.close()


def test_a_broken_file_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text("{")
    record = Record(tmp_path)
    record.claim()
    assert record.leftovers() == []
    record.close()
