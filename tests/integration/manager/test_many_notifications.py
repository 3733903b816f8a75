"""Notifications in any order, over real sockets: the streams end where a simple model says."""

import asyncio
import json
import random
from typing import TYPE_CHECKING

from tests.integration.manager.support import HELLO, add_streams, client_of
from tests.integration.support import until
from typing_extensions import override

from rtms_client.testing import FakeConnection, FakeRTMSServer, FaultHook
from rtms_client.webhooks import Notification, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtms_client.testing._server_connection import Frame

STREAMS, MOVES, COUNT = 20, 4, 1000


class Watch(FaultHook):
    """Follows the signaling connections that have said hello, by stream."""

    def __init__(self) -> None:
        self.most: int = 0
        """Connections that one stream had at the same time."""
        self._said_hello: list[tuple[str, FakeConnection]] = []

    @override
    async def accepted(self, connection: FakeConnection) -> None:
        """Let every connection in."""

    @override
    async def sending(self, connection: FakeConnection, frame: "Frame") -> "Sequence[Frame]":
        return [frame]

    @override
    async def received(self, connection: FakeConnection, data: str | bytes) -> bool:
        message = json.loads(data)
        if message["msg_type"] == HELLO:
            self._said_hello.append((message["rtms_stream_id"], connection))
        return True

    def look(self) -> dict[str, list[str]]:
        """Return the paths of the open connections of each stream."""
        self._said_hello = [(stream_id, one) for stream_id, one in self._said_hello if one.open]
        found: dict[str, list[str]] = {}
        for stream_id, one in self._said_hello:
            found.setdefault(stream_id, []).append(one.path)
        self.most = max(self.most, *map(len, found.values()), 0)
        return found


def shuffled(server: FakeRTMSServer, dice: random.Random) -> list[Notification]:
    """Return starts, moves and stops of 20 streams, many more than once, in any order."""
    fakes = add_streams(server, STREAMS)
    told: list[Notification] = []
    for move in range(MOVES):
        for fake in fakes:
            webhook = server.started_webhook(fake)
            webhook["event_ts"] += 1000 * move
            told.append(parse(webhook))
        server.move()
    told += [parse(server.stopped_webhook(fake)) for fake in fakes[::4]]
    told += dice.choices(told, k=COUNT - len(told))
    dice.shuffle(told)
    return told


async def test_1000_notifications_in_any_order_lead_to_the_state_of_the_model() -> None:
    """The newest start counts, a stop is final; no stream has two connections at any time."""
    watch = Watch()
    async with FakeRTMSServer(fault=watch) as server:
        told = shuffled(server, random.Random(20_261_128))
        kept = {f"stream-{n}": [f"/signaling?move={MOVES - 1}"] for n in range(STREAMS) if n % 4}
        async with client_of(server) as client:
            for first in range(0, COUNT, 10):
                for one in told[first : first + 10]:
                    client.notify(one)
                for _ in range(20):  # the streams connect and move while more comes
                    await asyncio.sleep(0)
                    watch.look()
            await until(lambda: watch.look() == kept and client.streams.keys() == kept.keys())
            assert client.statistics().notifications == COUNT
            assert client.statistics().moved > 0
        assert watch.most == 1
    assert server.violations == []
