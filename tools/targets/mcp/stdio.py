"""An MCP server as a child: one JSON-RPC message a line, over its standard input and output.

Not the SDK's transport: that one gives the child more of the environment than it must have, reads lines of any length
into memory, and leaves a child behind where its parent is killed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

logger = logging.getLogger(__name__)
CHILD = Path(__file__).with_name("child.py")
LINE_BYTES = 4_000_000
LOGGED_CHARACTERS = 300
# How long it may take to end by itself when its input has ended, and again when it is asked to.
GRACE_SECONDS = 1.0
POLL_SECONDS = 0.01

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


def environment_of(added: Mapping[str, str]) -> dict[str, str]:
    """What a child gets to see: nothing of ours but where programs are and the language, and its credential."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": os.environ.get("LANG", "C.UTF-8"), **added}


@asynccontextmanager
async def running_program(
    command: Sequence[str], added: Mapping[str, str], *, name: str, on_end: Callable[[], None]
) -> AsyncIterator[Streams]:
    """Streams of messages from and to a new child, which ends with the context. `added` is what its environment has
    besides the usual, `on_end` is called when it goes first.

    Raises `OSError` where no child can be made; a program that does not exist is one that ends at once.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), *command),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=LINE_BYTES,
        env=environment_of(added),
        cwd="/",
        start_new_session=True,
    )
    incoming_end, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, outgoing_end = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_messages, process, incoming_end, on_end)
        tasks.start_soon(write_messages, process, outgoing_end)
        tasks.start_soon(log_errors, process, name)
        try:
            yield incoming, outgoing
        finally:
            with anyio.CancelScope(shield=True):
                await end(process)
            for stream in (incoming_end, incoming, outgoing, outgoing_end):
                stream.close()
            tasks.cancel_scope.cancel()


async def read_messages(
    process: Process, messages: MemoryObjectSendStream[SessionMessage | Exception], on_end: Callable[[], None]
) -> None:
    """Until the child ends or sends a line that is too long to be read."""
    assert process.stdout is not None  # noqa: S101  it was asked for
    try:
        with messages, suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while line := await process.stdout.readline():
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:  # not of the protocol: some programs print a greeting
                    continue
                await messages.send(SessionMessage(message))
    except (ValueError, OSError) as error:
        logger.warning("an MCP server's output cannot be read: %s", type(error).__name__)
    finally:
        on_end()


async def write_messages(process: Process, messages: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin is not None  # noqa: S101  it was asked for
    with messages, suppress(OSError, anyio.ClosedResourceError):
        async for message in messages:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(f"{text}\n".encode())
            await process.stdin.drain()


async def log_errors(process: Process, name: str) -> None:
    """What the child says on its standard error is for whoever reads the log, line by line and clipped."""
    assert process.stderr is not None  # noqa: S101  it was asked for
    with suppress(ValueError, OSError):
        while line := await process.stderr.readline():
            text = "".join(letter if letter.isprintable() else " " for letter in line.decode(errors="replace"))
            logger.info("%s: %s", name, text.strip()[:LOGGED_CHARACTERS])


async def end(process: Process) -> None:
    """Its input ends, then it is asked, then it is killed, and with it what it started.

    MCP 2025-11-25, Lifecycle, Shutdown, stdio.
    """
    if process.stdin is not None:
        process.stdin.close()
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        if await has_ended(process):
            break
        send_to_group(process, signal_number)
    send_to_group(process, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()


async def has_ended(process: Process) -> bool:
    """Asked again and again: `Process.wait` waits for whoever else holds the child's pipes, too."""
    loop = asyncio.get_running_loop()
    until = loop.time() + GRACE_SECONDS
    while process.returncode is None and loop.time() < until:  # noqa: ASYNC110  there is no event of this alone
        await asyncio.sleep(POLL_SECONDS)
    return process.returncode is not None


def send_to_group(process: Process, signal_number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal_number)
