"""The connections of one stream: numbers, closing, and the times they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtms_client import exceptions as ex
from rtms_client._wire.codec import JsonCodec
from rtms_client.config import Timeouts
from rtms_client.enums import MediaType
from rtms_client.protocol import Action, Close, LinkInput, LinkState, Open, Send
from rtms_client.protocol.connections import Connections

if TYPE_CHECKING:
    from rtms_client.protocol.links import Link

TIMEOUTS = Timeouts(connect_s=10.0, handshake_s=7.0, silence_s=65.0)


class Switchboard:
    """Connections and what they ask of the shell."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.all = Connections(self.actions, JsonCodec(), TIMEOUTS)

    def open(self, media: MediaType | None, now: float = 0.0) -> Link:
        """Begin to open a connection, and return it."""
        self.all.open(media, "wss://zoom.us/x", now)
        opened = self.actions[-1]
        assert isinstance(opened, Open)
        link = self.all.get(opened.connection)
        assert link is not None
        return link

    def ready(self, media: MediaType | None, now: float = 0.0) -> Link:
        """Return a connection in use, last heard at a time."""
        link = self.open(media, now)
        link.machine.feed(LinkInput.OPENED)
        link.machine.feed(LinkInput.ACCEPTED)
        link.deadline, link.heard = None, now
        self.actions.clear()
        return link


@pytest.fixture
def board() -> Switchboard:
    """Return connections of which there are none yet."""
    return Switchboard()


def test_nothing_is_open(board: Switchboard) -> None:
    """At first there is nothing."""
    assert board.all.signaling is None
    assert board.all.media() == []
    assert board.all.get(1) is None
    assert board.all.expired(1e9) == []
    assert board.all.deadlines() == []


def test_open(board: Switchboard) -> None:
    """A connection gets a number, a name and a time limit."""
    link = board.open(None, 5.0)
    audio = board.open(MediaType.AUDIO, 6.0)
    assert board.actions == [
        Open(1, "signaling", "wss://zoom.us/x"),
        Open(2, "audio", "wss://zoom.us/x"),
    ]
    assert link.machine.state is LinkState.CONNECTING
    assert board.all.signaling is link
    assert board.all.media() == [audio]
    assert board.all.deadlines() == [15.0, 16.0]
    assert audio.began == 6.0


def test_numbers_are_never_used_again(board: Switchboard) -> None:
    """What is still heard of a connection that was given up is void."""
    first = board.open(None)
    board.all.forget(first)
    second = board.open(None)
    assert (first.number, second.number) == (1, 2)
    assert board.all.get(1) is None
    assert board.all.get(2) is second


def test_send(board: Switchboard) -> None:
    """Messages are encoded and carry number and name of their connection."""
    board.all.send(board.ready(MediaType.AUDIO), {"msg_type": 13})
    assert board.actions == [Send(1, "audio", b'{"msg_type":13}')]


def test_forget(board: Switchboard) -> None:
    """A connection that is gone needs no closing."""
    link, audio = board.ready(None), board.ready(MediaType.AUDIO)
    board.all.forget(audio)
    board.all.forget(link)
    assert board.all.get(link.number) is None
    assert board.all.signaling is None
    assert board.actions == []


def test_close(board: Switchboard) -> None:
    """A connection is closed normally, or because its time is up."""
    board.all.close(board.ready(MediaType.AUDIO))
    board.all.close(board.ready(MediaType.VIDEO), expired=True)
    assert board.actions == [Close(2, 1001, "time-out")]
    assert board.all.media() == []


def test_close_all(board: Switchboard) -> None:
    """Media are closed before signaling."""
    board.ready(None)
    board.ready(MediaType.AUDIO)
    board.ready(MediaType.VIDEO)
    board.all.close_all()
    assert board.actions == [Close(2, 1000, ""), Close(3, 1000, ""), Close(1, 1000, "")]
    assert board.all.deadlines() == []


def test_expired(board: Switchboard) -> None:
    """A connection expires when it is not there in time, or silent for too long."""
    signaling = board.ready(None, 100.0)
    audio = board.open(MediaType.AUDIO, 100.0)
    assert board.all.expired(109.9) == []
    assert board.all.expired(110.0) == [audio]
    assert board.all.expired(165.0) == [signaling, audio]
    assert isinstance(board.all.expiry(audio), ex.ConnectTimeout)
    silent = board.all.expiry(signaling)
    assert isinstance(silent, ex.ConnectionSilent)
    assert silent.silence_s == 65.0


# --- doubt ---------------------------------------------------------------------------------------


def test_doubt(board: Switchboard) -> None:
    """A connection in doubt has 15 s to give a sign."""
    audio = board.ready(MediaType.AUDIO, 100.0)
    board.all.doubt(audio, 110.0)
    assert board.all.deadlines() == [125.0]
    assert board.all.expired(124.9) == []
    assert board.all.expired(125.0) == [audio]
    silent = board.all.expiry(audio)
    assert isinstance(silent, ex.ConnectionSilent)
    assert silent.silence_s == 15.0


def test_doubt_for_some_time(board: Switchboard) -> None:
    """The time to give a sign may be another."""
    signaling = board.ready(None, 100.0)
    board.all.doubt(signaling, 110.0, 5.0)
    assert board.all.deadlines() == [115.0]


def test_doubt_grants_no_time(board: Switchboard) -> None:
    """Silence that was about to end is not prolonged."""
    audio = board.ready(MediaType.AUDIO, 100.0)
    board.all.doubt(audio, 160.0)
    assert board.all.deadlines() == [165.0]


def test_sign_of_life(board: Switchboard) -> None:
    """Any message after it ends the doubt, one before it does not."""
    audio = board.ready(MediaType.AUDIO, 100.0)
    board.all.doubt(audio, 100.0)
    assert board.all.deadlines() == [115.0]
    audio.heard = 100.5
    assert board.all.deadlines() == [165.5]
    assert isinstance(board.all.expiry(audio), ex.ConnectionSilent)


def test_doubt_ends_with_the_connection(board: Switchboard) -> None:
    """Nothing is remembered of connections that are gone."""
    audio = board.ready(MediaType.AUDIO, 100.0)
    board.all.doubt(audio, 110.0)
    board.all.close(audio)
    assert board.all.deadlines() == []


# --- signaling that says nothing -----------------------------------------------------------------


def test_mute_signaling(board: Switchboard) -> None:
    """Signaling that said nothing since a medium was begun is closed, and returned."""
    signaling = board.ready(None, 100.0)
    audio = board.open(MediaType.AUDIO, 100.1)
    board.actions.clear()
    assert board.all.close_mute_signaling(audio) is signaling
    assert board.actions == [Close(1, 1000, "")]
    assert board.all.signaling is None
    assert board.all.close_mute_signaling(audio) is None


def test_talking_signaling(board: Switchboard) -> None:
    """Signaling that said something is left alone."""
    signaling = board.ready(None, 100.0)
    audio = board.open(MediaType.AUDIO, 100.1)
    signaling.heard = 100.1
    assert board.all.close_mute_signaling(audio) is None
    assert board.all.signaling is signaling
