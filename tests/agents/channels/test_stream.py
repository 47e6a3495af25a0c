from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.exceptions import BadRequest
from django.db import connection
from django.test import RequestFactory

from agents.channels import hub, stream
from agents.channels.stream import ServerEvent, desk_changes, encode, in_thread, resume_after, session_events
from agents.journal import Event, write_session
from agents.models import Session, TurnEvent
from config.postgresql.base import as_owner
from tests.factories import make_session

LONGEST = 60.0  # seconds for what comes at once on a machine that has nothing else to do


def write(session: Session, text: str) -> None:
    write_session(session.pk, events=[Event(kind=TurnEvent.Kind.TEXT, data={"text": text})])


async def as_text(events: list[TurnEvent]) -> list[ServerEvent]:
    return [ServerEvent(event="text", data=event.data["text"], seq=event.seq) for event in events]


async def read_until(chunks: AsyncIterator[bytes], *wanted: str) -> str:
    """What arrives until all of `wanted` is in it."""
    got = ""
    async with asyncio.timeout(LONGEST):
        while not all(word in got for word in wanted):
            got += (await anext(chunks)).decode()
    return got


async def until_true(check: Callable[[], object]) -> None:
    async with asyncio.timeout(LONGEST):
        while not await in_thread(check):  # noqa: ASYNC110  the database tells nobody
            await asyncio.sleep(0.02)


def events_of(session: Session, *, after: int = 0, **options: Any) -> Any:
    return aclosing(session_events(session.pk, after, as_text, **options))


# -- the format


def test_lines_of_any_end_stay_within_their_event():
    got = encode([ServerEvent(event="update", data="<p>a</p>\r\n<p>b\u2028</p>\rid: 9\n\nevent: x", seq=4)], last=4)

    assert got.decode() == (
        "event: update\ndata: <p>a</p>\ndata: <p>b\u2028</p>\ndata: id: 9\ndata: \ndata: event: x\nid: 4\n\n"
    )


def test_an_id_stands_only_after_all_that_shows_it():
    got = encode([ServerEvent(event=name, data="-", seq=seq) for name, seq in (("a", 1), ("b", 1), ("c", 2))], last=3)

    assert re.findall(r"event: \w|id: \d", got.decode()) == [
        "event: a",
        "event: b",
        "id: 1",
        "event: c",
        "id: 2",
        "id: 3",
    ]


@pytest.mark.parametrize(
    ("header", "query", "seq"), [("", "", 0), ("7", "", 7), ("", "5", 5), ("7", "5", 7), ("3", "5", 5)]
)
def test_goes_on_after_the_higher_number(header, query, seq):
    request = RequestFactory().get("/", {"after": query}, headers={"Last-Event-ID": header})

    assert resume_after(request) == seq


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "٣", str(2**63), "1 OR 1=1"])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(BadRequest):
        resume_after(RequestFactory().get("/", {"after": value}))


# -- a session's events


def test_stored_events_come_first_and_then_those_written_meanwhile(transactional_db):
    session = make_session()
    write(session, "stored")

    async def scenario() -> tuple[str, str]:
        async with events_of(session) as chunks:
            first = await read_until(chunks, "stored")
            await in_thread(write, session, "live")
            return first, await read_until(chunks, "live")

    first, second = asyncio.run(scenario())

    assert first == "retry: 2000\n\nevent: text\ndata: stored\nid: 1\n\n"
    assert second == "event: text\ndata: live\nid: 2\n\n"


def test_goes_on_after_a_number_and_is_not_told_of_other_sessions(transactional_db):
    session, other = make_session(), make_session()
    for text in ("one", "two", "three"):
        write(session, text)

    async def scenario() -> str:
        async with events_of(session, after=2) as chunks:
            got = await read_until(chunks, "three")
            await in_thread(write, other, "elsewhere")
            await in_thread(write, session, "four")
            return got + await read_until(chunks, "four")

    got = asyncio.run(scenario())

    assert "one" not in got
    assert "two" not in got
    assert "elsewhere" not in got
    assert re.findall(r"id: (\d+)", got) == ["3", "4"]


def test_more_events_than_a_batch_come_in_order(transactional_db, monkeypatch):
    monkeypatch.setattr(stream, "BATCH", 3)
    session = make_session()
    for number in range(8):
        write(session, f"text {number}.")

    async def scenario() -> str:
        async with events_of(session) as chunks:
            return await read_until(chunks, "text 7.")

    assert re.findall(r"id: (\d+)", asyncio.run(scenario())) == [str(seq) for seq in range(1, 9)]


def test_events_that_are_not_shown_count_as_read(transactional_db):
    session = make_session()
    write(session, "hidden")

    async def nothing(events: list[TurnEvent]) -> list[ServerEvent]:
        return []

    async def scenario() -> str:
        async with aclosing(session_events(session.pk, 0, nothing)) as chunks:  # type: ignore[type-var]
            return await read_until(chunks, "id: 1\n\n")

    assert "event:" not in asyncio.run(scenario())


def test_writers_at_the_same_time_lose_nothing_and_reorder_nothing(transactional_db):
    session, each = make_session(), 40

    def write_many(name: str) -> None:
        try:
            for number in range(each):
                write(session, f"{name}{number}.")
        finally:
            connection.close()

    async def scenario() -> str:
        writers = [threading.Thread(target=write_many, args=(name,)) for name in "ab"]
        async with events_of(session) as chunks:
            got = await read_until(chunks, "retry")
            for writer in writers:
                writer.start()
            got += await read_until(chunks, f"a{each - 1}.", f"b{each - 1}.")
        for writer in writers:
            writer.join()
        return got

    got = asyncio.run(scenario())

    assert re.findall(r"id: (\d+)", got) == [str(seq) for seq in range(1, 2 * each + 1)]
    assert re.findall(r"data: a(\d+)", got) == [str(number) for number in range(each)]
    assert re.findall(r"data: b(\d+)", got) == [str(number) for number in range(each)]


def test_a_quiet_stream_beats_and_ends_when_its_reader_may_no_longer_read(transactional_db, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    session = make_session()
    answers = iter([False, False, True])

    async def until() -> bool:
        return next(answers)

    async def scenario() -> bytes:
        async with asyncio.timeout(LONGEST), events_of(session, until=until) as chunks:
            return b"".join([chunk async for chunk in chunks])

    got = asyncio.run(scenario())

    assert stream.HEARTBEAT in got
    assert got.endswith(stream.END)


def test_a_busy_stream_ends_when_its_reader_may_no_longer_read(transactional_db, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.5)
    session = make_session()
    stopped = threading.Event()

    def write_on() -> None:
        try:
            while not stopped.wait(0.02):
                write(session, "more")
        finally:
            connection.close()

    async def until() -> bool:
        return True

    async def scenario() -> bytes:
        async with asyncio.timeout(LONGEST), events_of(session, until=until) as chunks:
            return b"".join([chunk async for chunk in chunks])

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        assert asyncio.run(scenario()).endswith(stream.END)
    finally:
        stopped.set()
        writer.join()


def test_a_waiting_stream_holds_no_connection(transactional_db):
    sessions = [make_session() for _ in range(40)]
    pool = connection.pool  # type: ignore[attr-defined]  # of Django's PostgreSQL backend
    connection.close()

    async def scenario() -> None:
        streams = [session_events(session.pk, 0, as_text) for session in sessions]
        for one in streams:
            assert await anext(one) == stream.RETRY
        waiting = [asyncio.ensure_future(anext(chunks)) for chunks in streams]
        await until_true(lambda: pool.get_stats()["pool_available"] == pool.get_stats()["pool_size"])
        for reading in waiting:
            reading.cancel()

    asyncio.run(scenario())


# -- the connection that listens


def test_a_lost_listen_connection_comes_back_and_nothing_is_missed(transactional_db, monkeypatch):
    monkeypatch.setattr(hub, "FIRST_DELAY_SECONDS", 0.3)
    session = make_session()

    def cut() -> int:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'tandem-listen' AND datname = current_database()"
            )
            return int(cursor.fetchone()[0])

    async def scenario() -> str:
        async with events_of(session) as chunks:
            await read_until(chunks, "retry")
            await in_thread(write, session, "before")
            await read_until(chunks, "before")
            await until_true(cut)  # as soon as LISTEN stands
            await in_thread(write, session, "while it was away")
            got = await read_until(chunks, "while it was away")
            await in_thread(write, session, "after")
            return got + await read_until(chunks, "after")

    got = asyncio.run(scenario())

    assert "id: 2\n" in got
    assert "id: 3\n" in got


def test_a_reader_that_does_not_look_is_told_to_read_all_again(db):
    async def scenario() -> hub.Changes:
        subscription = hub.Subscription()
        for _ in range(hub.MOST_NAMED + 5):
            subscription.tell(uuid4())
        return subscription.take()

    changes = asyncio.run(scenario())

    assert changes == hub.Changes(sessions=frozenset(), resync=True)


def test_a_notification_that_cannot_be_read_is_a_resync(caplog):
    assert hub.session_of("what is this") is None


def test_listens_where_the_orm_writes(db):
    given = psycopg.conninfo.conninfo_to_dict(hub.listen_dsn())

    assert given["dbname"] == connection.settings_dict["NAME"]
    assert given["application_name"] == "tandem-listen"


# -- the desk's changes


async def until_told(count: int) -> None:
    """Until the one reader of all sessions has been told of so many, whatever the database takes to say it."""
    (reader,) = hub.get_hub()._subscriptions[None]
    async with asyncio.timeout(LONGEST):
        while len(reader._sessions) < count:  # noqa: ASYNC110  a reader waits for a change, not for a number of them
            await asyncio.sleep(0.02)


def test_the_desk_hears_of_all_changed_sessions_in_one_event(transactional_db):
    sessions = [make_session() for _ in range(3)]

    async def scenario() -> tuple[str, str]:
        async with aclosing(desk_changes()) as chunks:  # type: ignore[type-var]
            first = await read_until(chunks, "changed")
            await read_until(chunks, "data: []")  # LISTEN stands
            for session in sessions:
                await in_thread(write, session, "x")
            await until_told(len(sessions))
            return first, await read_until(chunks, str(sessions[2].pk))

    first, second = asyncio.run(scenario())

    assert first == "retry: 2000\n\nevent: changed\ndata: []\n\n"
    assert second.count("event: changed") == 1
    assert all(str(session.pk) in second for session in sessions)
