"""Leaving in the middle of a reconnect, by force or in peace: within a second, without a trace."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs
import pytest
from tests.integration.failover.support import QUICK, WAITS, Witness, steady
from tests.integration.support import (
    Leaks,
    at_most,
    client_for,
    info_of,
    media_ready,
    until,
)

from rtms_client import AudioFrame, AudioParams, RTMSClient, RTMSStream, parse_started
from rtms_client.config import NetworkOptions, ReconnectPolicy
from rtms_client.enums import MessageType
from rtms_client.events import ReconnectScheduled, StreamInterrupted
from rtms_client.exceptions import StreamLost
from rtms_client.protocol import Phase
from rtms_client.testing import FakeRTMSServer, Fault, FaultKind, FaultPlan

PATIENT: Final = ReconnectPolicy(first_delay_s=30, jitter=0)
_SLOWLY: Final = {"connect_s": 30, "handshake_s": 30}
Reached = Callable[[FakeRTMSServer, RTMSStream], object]


PHASES: Final[dict[str, tuple[ReconnectPolicy, list[Fault], Reached]]] = {
    "back-off": (PATIENT, [], lambda _, stream: stream.state is Phase.RECONNECTING_SIGNALING),
    "TLS handshake": (QUICK, [], lambda server, _: not server.connections),
    "signaling handshake": (
        QUICK,
        [Fault(FaultKind.DELAY, socket="signaling", on="received", after=1, for_s=30)],
        lambda server, _: len(server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)) == 2,
    ),
    "media handshake": (
        QUICK,
        [Fault(FaultKind.DELAY, socket="audio", on="received", after=1, for_s=30)],
        lambda server, _: len(server.received(MessageType.DATA_HAND_SHAKE_REQ)) == 2,
    ),
    "acknowledgement": (
        QUICK,
        [Fault(FaultKind.FORGET)],
        lambda server, _: len(server.received(MessageType.CLIENT_READY_ACK)) == 2,
    ),
    "closing": (
        QUICK,
        [],
        lambda server, _: len(server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)) == 2,
    ),
}


@asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """Listen where no TLS handshake is ever answered; gives the URL."""
    listener = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with listener:
        yield f"wss://localhost:{listener.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def reconnecting(name: str) -> AsyncIterator[tuple[RTMSStream, "asyncio.Task[None]", Leaks]]:
    """Give a stream in a phase of a reconnect, and the task that owns it."""
    policy, faults, reached = PHASES[name]
    for index, fault in enumerate(faults):
        if fault.on == "received" and fault.kind is FaultKind.DELAY:  # only message 1 or 3
            kind = "SIGNALING" if fault.socket == "signaling" else "DATA"
            faults[index] = attrs.evolve(fault, message=MessageType[f"{kind}_HAND_SHAKE_REQ"])
    async with mute() as url, FakeRTMSServer(steady(), fault=FaultPlan(faults)) as server:
        leaks = Leaks()
        waits = attrs.evolve(WAITS, **_SLOWLY)
        client = client_for(server, audio=AudioParams(), reconnect=policy, timeouts=waits)
        stream = client.stream(info_of(server))

        async def own() -> None:
            async with stream:
                await stream.wait_ended()

        owner = asyncio.create_task(own())
        await until(lambda: stream.state is Phase.STREAMING)
        await media_ready(server, stream)
        if name == "TLS handshake":
            stream.moved(attrs.evolve(stream.info, server_urls=(url,)))
        else:
            server.stream.drop("signaling")
        await until(lambda: reached(server, stream))
        yield stream, owner, leaks
        await asyncio.wait([owner])
        assert client.streams == {}
        await leaks.none()


@pytest.mark.parametrize("phase", PHASES)
async def test_cancelled(phase: str) -> None:
    """Cancelling the owner of a stream in any phase of a reconnect ends it at once."""
    async with reconnecting(phase) as (stream, owner, _):
        with at_most(1.0):
            owner.cancel()
            await asyncio.wait([owner])
        assert owner.cancelled()
        assert stream.state is Phase.CLOSED


@pytest.mark.parametrize("phase", PHASES)
async def test_closed(phase: str) -> None:
    """Closing a stream in any phase of a reconnect ends it at once, and normally."""
    async with reconnecting(phase) as (stream, owner, _):
        with at_most(1.0):
            await stream.close()
            await owner
        assert stream.error is None


@pytest.mark.parametrize("phase", ["back-off", "signaling handshake"])
async def test_stopped(phase: str) -> None:
    """A stopped webhook in the middle of a reconnect ends the stream at once."""
    async with reconnecting(phase) as (stream, owner, _):
        with at_most(1.0):
            stream.stopped()
            await owner
        assert stream.error is None


# --- processes ------------------------------------------------------------------------------------

_SERVER: Final = """
import asyncio, json
from rtms_client.testing import FakeRTMSServer, bulk_audio

async def main():
    async with FakeRTMSServer(bulk_audio(frames=100_000)) as server:
        print(json.dumps([server.started_webhook(), str(server.ca_file)]), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

_CLIENT: Final = """
import asyncio, json, signal, sys, threading
from rtms_client import AudioParams, NetworkOptions, RTMSClient, parse_started
from rtms_client.config import ReconnectPolicy

async def main():
    webhook, ca_file = json.loads(sys.argv[1])
    network = NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False)
    client = RTMSClient(
        "test-client-id", "test-client-secret", audio=AudioParams(), network=network,
        reconnect=ReconnectPolicy(first_delay_s=30, jitter=0),
    )
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        async with client.stream(parse_started(webhook)) as stream:
            async for item in stream:
                if type(item).__name__ in {"AudioFrame", "ReconnectScheduled"}:
                    print(type(item).__name__, flush=True)
    except asyncio.CancelledError:
        left = [one.get_name() for one in asyncio.all_tasks() if one is not task]
        left += [one.name for one in threading.enumerate() if "asyncio" not in one.name]
        print("left", *left, flush=True)

asyncio.run(main())
"""


@asynccontextmanager
async def process(program: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program in a process of its own, which does not outlive the test."""
    found = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            found.kill()
        await found.wait()


async def line(found: asyncio.subprocess.Process) -> str:
    """Return the next line that a process prints."""
    assert found.stdout is not None
    async with asyncio.timeout(10):
        return (await found.stdout.readline()).decode().strip()


async def test_server_process_is_killed() -> None:
    """A killed server is tried again until the window passes; then nothing is left."""
    async with process(_SERVER) as server:
        webhook, ca_file = json.loads(await line(server))
        leaks = Leaks()
        policy = attrs.evolve(QUICK, signaling_window_s=0.5)
        options = NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False)
        client = RTMSClient(
            "test-client-id",
            "test-client-secret",
            audio=AudioParams(),
            network=options,
            timeouts=WAITS,
            reconnect=policy,
        )
        async with client.stream(parse_started(webhook)) as stream:
            witness = Witness(stream)
            await witness.first(AudioFrame)
            os.kill(server.pid, signal.SIGKILL)
            await witness.end()
            assert isinstance(witness.error, StreamLost)
            assert len(witness.of(StreamInterrupted)) >= 1
            assert len(witness.of(ReconnectScheduled)) >= 3
        await leaks.none()


async def test_client_process_is_terminated_in_back_off() -> None:
    """SIGTERM while a stream waits for its next try ends the process cleanly, within a second."""
    async with FakeRTMSServer(steady()) as server:
        arguments = json.dumps([server.started_webhook(), str(server.ca_file)])
        async with process(_CLIENT, arguments) as client:
            assert await line(client) == "AudioFrame"
            server.stream.drop("signaling")
            assert client.stdout is not None
            async with asyncio.timeout(10):
                await client.stdout.readuntil(b"ReconnectScheduled\n")
            with at_most(1.0):
                client.terminate()
                rest = await client.stdout.read()
                assert rest.decode().splitlines()[-1] == "left MainThread"
                assert await client.wait() == 0
