"""Connections that die in silence: noticed in real time, within the configured time."""

import asyncio
import time

import attrs
import pytest
from tests.integration.failover.support import THREE_MEDIA, WAITS, scene, steady, when_joined
from tests.integration.support import until

from rtms_client import AudioFrame, MediaType
from rtms_client.config import ReconnectPolicy
from rtms_client.events import StreamInterrupted, StreamResumed
from rtms_client.exceptions import ConnectionSilent
from rtms_client.testing import NEVER, FakeRTMSServer, Fault, FaultKind, Timing

SILENCE_S = 2.5
"""More than a process may have to wait for a processor."""
LATE_S = 4.0
"""How late the machine of a test may be."""
IMPATIENT = attrs.evolve(WAITS, silence_s=SILENCE_S)
LIVELY = Timing(keep_alive_s=0.15, missed_keep_alives=100)


@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_half_open_socket(socket: str) -> None:
    """A peer that vanished without a word is noticed when nothing came for the given time."""
    plan = when_joined(Fault(FaultKind.STALL, socket=socket, at_s=0.2, for_s=SILENCE_S + 1.5))
    async with (
        FakeRTMSServer(steady(), fault=plan, timing=LIVELY, duplicates="replace") as server,
        scene(server, timeouts=IMPATIENT, reconnect=ReconnectPolicy()) as here,
    ):
        await until(here.struck)
        stalled_at = time.monotonic()
        lost = await here.witness.first(StreamInterrupted)
        assert isinstance(lost.cause, ConnectionSilent)
        assert time.monotonic() - stalled_at <= SILENCE_S + LATE_S
        await here.resumed()
        assert time.monotonic() - stalled_at <= SILENCE_S + LATE_S + 2.0


@pytest.mark.parametrize("socket", ["signaling", "transcript"])
async def test_silent_keep_alives(socket: str) -> None:
    """A server that sends neither keep-alives nor anything else on a socket counts as dead."""
    plan = when_joined(Fault(FaultKind.SILENCE, socket=socket, at_s=0.2))
    medium = {"audio": None, "transcript": THREE_MEDIA["transcript"]}
    async with (
        FakeRTMSServer(fault=plan, timing=LIVELY) as server,
        scene(server, timeouts=IMPATIENT, **medium) as here,
    ):
        await until(here.struck)
        silent_at = time.monotonic()
        lost = await here.witness.first(StreamInterrupted)
        assert lost.media == (MediaType.TRANSCRIPT if socket == "transcript" else None)
        assert time.monotonic() - silent_at <= SILENCE_S + LATE_S
        await here.witness.first(StreamResumed)


async def test_media_stand_for_keep_alives() -> None:
    """Media are signs of life: a socket on which they flow needs no keep-alives."""
    plan = when_joined(Fault(FaultKind.SILENCE, socket="audio", at_s=0.1))
    async with (
        FakeRTMSServer(steady(), fault=plan, timing=LIVELY) as server,
        scene(server, timeouts=IMPATIENT) as here,
    ):
        await until(here.struck)
        await asyncio.sleep(SILENCE_S + 0.5)
        assert here.witness.of(AudioFrame)
        assert here.witness.story() == []


async def test_server_that_answers_and_sends_nothing() -> None:
    """A server that does the handshakes and then says nothing is given up and tried again."""
    async with (
        FakeRTMSServer(timing=Timing(keep_alive_s=NEVER)) as server,
        scene(server, timeouts=IMPATIENT) as here,
    ):
        joined_at = time.monotonic()
        lost = await here.witness.first(StreamInterrupted)
        assert isinstance(lost.cause, ConnectionSilent)
        assert time.monotonic() - joined_at <= SILENCE_S + LATE_S
        await here.witness.first(StreamResumed)
        await here.witness.first(StreamInterrupted, count=2)
