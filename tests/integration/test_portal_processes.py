"""The client in a background thread, in whole programs: Ctrl-C, exit, fork."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import Final

import pytest
from tests.integration.support import until

from rtms_client import StopReason
from rtms_client.testing import FakeRTMSServer, FakeStream

EPOCH_MS: Final = 1790000000000


async def speak(stream: FakeStream, numbers: range) -> None:
    """Send audio whose first byte and time tell its number."""
    for number in numbers:
        await stream.send_audio(bytes([number % 256]), timestamp_ms=EPOCH_MS + number)


PROGRAM = """
import os, signal, sys, threading, time
from rtms_client import AudioParams, NetworkOptions, RTMSClient, parse_started
from rtms_client.exceptions import InvalidState

client = RTMSClient(
    "test-client-id", "test-client-secret", audio=AudioParams(),
    network=NetworkOptions(allowed_hosts=("localhost",), ca_file=sys.argv[1], proxy=False),
)
started = parse_started(sys.stdin.buffer.read())
"""
PROGRAMS: Final = {
    "interrupt": """
with client.in_background() as portal, portal.stream(started) as stream:
    frames = stream.audio()
    for number in range(2):
        try:
            print("waiting", flush=True)
            for frame in frames:
                print(frame.data[0], flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
print("closed", stream.state.value, [t.name for t in threading.enumerate() if t.name[:4] == "rtms"])
""",
    "exit without closing": """
portal = client.in_background().start()
handling = threading.Event()

@portal.on_stream
def handle(stream):
    print("waiting", flush=True)
    handling.set()
    for frame in stream.audio():
        pass
    print("handler ended", flush=True)

portal.notify(started)
sys.stdin.close()
handling.wait()
""",
    "exit while a callback works": """
came = threading.Event()
client.on_audio(lambda frame, stream: came.set())
portal = client.in_background().start()
portal.stream(started).__enter__()
print("waiting", flush=True)
came.wait()
""",
    "exception": """
with client.in_background() as portal, portal.stream(started) as stream:
    print("waiting", flush=True)
    raise SystemExit(3)
""",
    "fork": """
portal = client.in_background().start()
stream = portal.stream(started)
stream.__enter__()
frames = stream.audio()
print("waiting", flush=True)
held = threading.Event()
def hold():
    with portal._thread._gate:
        held.set()
        time.sleep(0.3)
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if not child:
    for use in (
        lambda: portal.notify(started), portal.start, lambda: next(frames),
        lambda: stream.granted, stream.wait_ended, lambda: portal.drain(1),
    ):
        try:
            use()
        except InvalidState as error:
            print(error.state, flush=True)
    portal.close()
    del frames
    sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), portal.running, flush=True)
stream.close()
portal.close()
""",
}


class Program:
    """A program in a process of its own, whose output is read line by line."""

    def __init__(self, name: str, server: FakeRTMSServer) -> None:
        self._name = name
        self._server = server

    async def __aenter__(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM + PROGRAMS[self._name],
            self._server.ca_file,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        body = self._server.started_body("test-secret-token").body
        self._process.stdin.write(body)
        self._process.stdin.close()
        return self._process

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:  # pragma: no cover  # only when a test failed
            self._process.kill()
        await self._process.wait()


async def line(process: asyncio.subprocess.Process) -> str:
    """Read a line of output."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()


async def rest(process: asyncio.subprocess.Process) -> list[str]:
    """Read the output until the end, and wait for it."""
    assert process.stdout is not None
    output = await asyncio.wait_for(process.stdout.read(), 30)
    await asyncio.wait_for(process.wait(), 30)
    return output.decode().splitlines()


async def test_keyboard_interrupt() -> None:
    """Ctrl-C ends a loop that waits, loses nothing, and the context closes as always."""
    async with FakeRTMSServer() as server, Program("interrupt", server) as process:
        assert await line(process) == "waiting"
        await until(lambda: any(one.ready for one in server.stream.media))
        await speak(server.stream, range(1))
        assert await line(process) == "0"
        process.send_signal(signal.SIGINT)
        assert await line(process) == "interrupted"
        assert await line(process) == "waiting"
        await speak(server.stream, range(1, 3))
        assert [await line(process), await line(process)] == ["1", "2"]
        process.send_signal(signal.SIGINT)
        assert await rest(process) == ["interrupted", "closed closed []"]
        assert process.returncode == 0
        await until(lambda: server.stream.stop_reason)
        assert server.stream.stop_reason == StopReason.RECEIVER_REQUEST_CLOSE


async def test_exit_without_closing() -> None:
    """A program that forgets its portal still says goodbye and ends."""
    async with FakeRTMSServer() as server, Program("exit without closing", server) as process:
        assert await line(process) == "waiting"
        await rest(process)
        assert process.returncode == 0
        assert server.stream.stop_reason == StopReason.RECEIVER_REQUEST_CLOSE


async def test_exit_while_a_callback_works() -> None:
    """A program ends although frames go on coming to a plain function."""
    async with FakeRTMSServer() as server:
        async with Program("exit while a callback works", server) as process:
            assert await line(process) == "waiting"
            await until(lambda: any(one.ready for one in server.stream.media))
            number = 0
            async with asyncio.timeout(20):
                while process.returncode is None:
                    with contextlib.suppress(RuntimeError):  # the program has said goodbye
                        await speak(server.stream, range(number, number + 1))
                    number += 1
                    await asyncio.sleep(0.01)
        assert process.returncode == 0


async def test_exception_in_the_block() -> None:
    """The block ends the stream and lets the exception through."""
    async with FakeRTMSServer() as server, Program("exception", server) as process:
        assert await rest(process) == ["waiting"]
        assert process.returncode == 3
        assert server.stream.stop_reason == StopReason.RECEIVER_REQUEST_CLOSE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_fork() -> None:
    """In a forked child every method refuses, and the parent goes on."""
    async with FakeRTMSServer() as server, Program("fork", server) as process:
        assert await rest(process) == ["waiting", *["FORKED"] * 6, "5 True"]
        assert process.returncode == 0
