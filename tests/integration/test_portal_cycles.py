"""A thousand portals, from several threads, each with a real stream: nobody waits for ever."""

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs
import pytest
from tests.integration.support import SHORT, Leaks, client_for

from rtms_client import AudioParams, NetworkOptions, ReconnectPolicy, webhooks
from rtms_client.portal import Portal, PortalStream
from rtms_client.testing import ADA, AudioPacket, FakeRTMSServer, MeetingScript

pytestmark = pytest.mark.slow

CYCLES: Final = 1000
THREADS: Final = 4
WAIT_S: Final = 40
MEETING: Final = MeetingScript([AudioPacket(at_ms=0, person=ADA, data=b"frame")])


class Cycles:
    """Starts a portal, notifies it of a stream, hears a frame and closes it; again and again.

    The sockets are plain, because two TLS handshakes a cycle would take most of the time.
    """

    def __init__(self, server: FakeRTMSServer) -> None:
        self.heard: list[str] = []
        """The stream of each cycle that got its frame."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._network = NetworkOptions(
            allowed_hosts=("localhost",), proxy=False, allow_plaintext=True
        )

    def run(self, number: int) -> None:
        """Run the share of one thread."""
        dice = random.Random(number)
        for cycle in range(CYCLES // THREADS):
            self._cycle(f"stream-{number}-{cycle}", dice.choice([here, others, inside]))

    async def _add(self, stream_id: str) -> webhooks.Notification:
        stream = self._server.add_stream(MEETING, rtms_stream_id=stream_id, product_id=stream_id)
        return webhooks.parse(self._server.started_webhook(stream))

    def _cycle(self, stream_id: str, close: Callable[[Portal, PortalStream], None]) -> None:
        added = asyncio.run_coroutine_threadsafe(self._add(stream_id), self._loop)
        client = client_for(
            self._server,
            audio=AudioParams(),
            network=self._network,
            reconnect=ReconnectPolicy(),
            timeouts=attrs.evolve(SHORT, drain_s=0.01),  # for handlers that wait for the end
        )
        portal = client.in_background()
        done = threading.Event()

        @portal.on_stream
        def follow(stream: PortalStream) -> None:
            next(stream.audio())
            self.heard.append(stream.info.stream_id)
            close(portal, stream)
            done.set()

        portal.start()
        portal.notify(added.result(WAIT_S))
        assert done.wait(WAIT_S), f"{stream_id} got no frame, or was not closed"
        portal.close()
        assert not portal.running


def here(_portal: Portal, _stream: PortalStream) -> None:
    """Leave it to the thread that started the portal."""


def others(portal: Portal, stream: PortalStream) -> None:
    """Close portal and stream at the same time, each from two threads."""
    closing = [threading.Thread(target=one.close) for one in (portal, stream, portal, stream)]
    for one in closing:
        one.start()
    for one in closing:
        one.join()


def inside(portal: Portal, _stream: PortalStream) -> None:
    """Close from inside of the handler."""
    portal.close()


@pytest.mark.timeout(240)
async def test_a_thousand_cycles_from_several_threads() -> None:
    """Each cycle joins a stream of its own and gets its frame; nothing is left at the end."""
    async with FakeRTMSServer(tls=False) as server:
        leaks = Leaks()
        cycles = Cycles(server)
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(THREADS) as threads:
            await asyncio.gather(
                *(loop.run_in_executor(threads, cycles.run, number) for number in range(THREADS))
            )
        assert len(cycles.heard) == len(set(cycles.heard)) == CYCLES
        await leaks.none(collect=False)
    assert server.violations == []
