"""Plays the script of a meeting into a stream, at any speed."""

import asyncio
import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from rtms_client.enums import SessionState, StreamState

from ._meeting import (
    SLICE_MS,
    AudioPacket,
    Caption,
    Chat,
    Hangup,
    MeetingItem,
    MeetingScript,
    Person,
    Picture,
    RawMessage,
    SessionEvent,
    Speech,
    StateChange,
)
from ._server_delivery import Slices, slice_speech

if TYPE_CHECKING:
    from ._server_stream import FakeStream

__all__ = ["play", "timeline"]

_YIELD_EVERY: Final = 64


def timeline(script: MeetingScript) -> Iterator[Slices | MeetingItem]:
    """Go through a script in order of time, with speech cut into 20 ms and grouped by moment."""
    speaking: list[tuple[int, int, Person, Iterator[bytes]]] = []
    for number, item in enumerate(script):
        while speaking and speaking[0][0] < item.at_ms:
            yield from _next_slices(speaking)
        if isinstance(item, Speech):
            pieces = iter(slice_speech(item.pcm))
            heapq.heappush(speaking, (item.at_ms, number, item.person, pieces))
        else:
            yield item
    while speaking:
        yield from _next_slices(speaking)


def _next_slices(speaking: list[tuple[int, int, Person, Iterator[bytes]]]) -> Iterator[Slices]:
    at_ms = speaking[0][0]
    voices: list[tuple[Person, bytes]] = []
    while speaking and speaking[0][0] == at_ms:
        _at_ms, number, person, pieces = heapq.heappop(speaking)
        piece = next(pieces, None)
        if piece is not None:
            voices.append((person, piece))
            heapq.heappush(speaking, (at_ms + SLICE_MS, number, person, pieces))
    if voices:
        yield Slices(at_ms=at_ms, voices=voices)


async def play(stream: "FakeStream", script: MeetingScript) -> None:
    """Play a script until its end or the end of the stream.

    The outboxes of the sockets are bounded: a client that stops reading one of them holds up the
    meeting, and nothing is ever left out.
    """
    if not stream.settings.start_at_once:
        await stream.media_ready.wait()
    loop = asyncio.get_running_loop()
    started = loop.time()
    pace = stream.settings.pace
    for number, item in enumerate(timeline(script)):
        if pace is not None:
            await _until(started + item.at_ms / 1000 / pace)
        elif not (stream.media_ready.is_set() or isinstance(item, RawMessage | Hangup)):
            await stream.media_ready.wait()
        if number % _YIELD_EVERY == 0:
            await asyncio.sleep(0)
        await perform(stream, item)
        for connection in stream.crowded():
            await connection.room()
    stream.delivery.flush()
    stream.played.set()


async def _until(when: float) -> None:
    delay = when - asyncio.get_running_loop().time()
    if delay > 0:
        await asyncio.sleep(delay)


async def perform(stream: "FakeStream", item: Slices | MeetingItem) -> None:
    """Do what one item says."""
    act = _MEDIA.get(type(item))
    if act is not None:
        if not stream.paused:
            act(stream, item)
    elif isinstance(item, SessionEvent):
        stream.publish(item)
    elif isinstance(item, RawMessage):
        await stream.play_raw(item)
    elif isinstance(item, Hangup):
        await stream.hang_up(item)
    else:
        await _change_state(stream, cast("StateChange", item))


async def _change_state(stream: "FakeStream", change: StateChange) -> None:
    if isinstance(change.state, SessionState):
        stream.change_session_state(change.state, change.reason)
    elif change.state == StreamState.TERMINATED:
        await stream.terminate(change.reason)
    else:
        stream.change_state(change.state, change.reason)


_MEDIA: Final[Mapping[type, Callable[["FakeStream", Any], None]]] = {
    Slices: lambda stream, item: stream.delivery.slices(item),
    AudioPacket: lambda stream, item: stream.delivery.packet(item),
    Picture: lambda stream, item: stream.delivery.picture(item),
    Caption: lambda stream, item: stream.delivery.caption(item),
    Chat: lambda stream, item: stream.delivery.chat(item),
}
