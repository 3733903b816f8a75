"""Tries that fail: refused by status, HTTP or TLS, or not answered; when to go on and when not."""

from typing import Any

import attrs
import pytest
from tests.integration.failover.support import QUICK, THREE_MEDIA, WAITS, scene, steady, when_joined
from tests.integration.support import client_for, info_of, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    MediaType,
    TranscriptSegment,
)
from rtms_client.enums import MessageType
from rtms_client.events import (
    MediaUnavailable,
    ReconnectScheduled,
    StreamInterrupted,
    StreamResumed,
)
from rtms_client.exceptions import (
    AnswerTimeout,
    AuthenticationFailed,
    CertificateRejected,
    ConnectFailed,
    ConnectTimeout,
    HandshakeRejected,
    StreamLost,
    StreamNotFound,
)
from rtms_client.protocol import Phase
from rtms_client.protocol.reconnect import ReconnectAttempt
from rtms_client.testing import FakeRTMSServer, Fault, FaultKind, FaultPlan, Timing

PATIENT = Timing(keep_alive_s=0.1, missed_keep_alives=100)
"""A server that does not notice a dead client."""


def after_a_loss(socket: str, *faults: Fault) -> FaultPlan:
    """Plan the loss of a connection and what then happens to the tries."""
    return when_joined(Fault(FaultKind.RESET, socket=socket, at_s=0.05), *faults)


def rejecting(socket: str, code: int, times: int | None = 1) -> FaultPlan:
    """Plan the loss of a connection and refusals of the tries that follow."""
    return after_a_loss(
        socket, Fault(FaultKind.REJECT, socket=socket, code=code, after=1, times=times)
    )


# --- refusals that pass --------------------------------------------------------------------------


@pytest.mark.parametrize(("socket", "code"), [("signaling", 8), ("audio", 15), ("audio", 16)])
async def test_duplicates_are_waited_out(socket: str, code: int) -> None:
    """A server that has not noticed the loss is asked again after the three documented waits."""
    plan = rejecting(socket, code, times=4)
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        resumed = await here.resumed()
        assert here.statuses() == [code] * 4
        waits = [one.delay_s for one in here.witness.of(ReconnectScheduled)]
        assert waits == [0.01, 0.03, 0.06, 0.12, 0.02]
        assert resumed.attempts == 5


async def test_duplicate_of_a_stalled_connection() -> None:
    """A half-dead old connection is the duplicate until the server has noticed its loss."""
    plan = when_joined(Fault(FaultKind.STALL, socket="audio", at_s=0.05))
    waits = attrs.evolve(WAITS, silence_s=2.0)
    policy = attrs.evolve(QUICK, duplicate_delays_s=(0.2, 0.4, 0.8))
    async with (
        FakeRTMSServer(steady(), fault=plan, timing=PATIENT) as server,
        scene(server, timeouts=waits, reconnect=policy) as it,
    ):
        stalled = server.stream.connection("audio")
        await until(it.statuses)
        stalled.drop()
        await it.resumed()
        assert set(it.statuses()) == {16}
        assert len(it.witness.of(StreamInterrupted)) == 1


@pytest.mark.parametrize("code", [45, 47])
@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_server_faults_are_waited_out(socket: str, code: int) -> None:
    """A server with problems of its own is asked again in the normal rhythm."""
    plan = rejecting(socket, code, times=2)
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.resumed()
        waits = [one.delay_s for one in here.witness.of(ReconnectScheduled)]
        assert waits == [0.01, 0.02, 0.04]


@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_unknown_status_is_tried_once_more(socket: str) -> None:
    """A status of tomorrow gets one more try."""
    plan = rejecting(socket, 99)
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.resumed()
        assert here.statuses() == [99]


BROKEN_TRIES: list[tuple[str, Fault, type[Exception]]] = [
    ("refused", Fault(FaultKind.REFUSE, at_s=0.0, for_s=0.4), ConnectFailed),
    ("503", Fault(FaultKind.HTTP_STATUS, after=2, times=2), ConnectFailed),
    ("redirect", Fault(FaultKind.HTTP_STATUS, after=2, code=302), ConnectFailed),
    ("mute", Fault(FaultKind.MUTE, at_s=0.0, for_s=2.0), ConnectTimeout),
    ("no answer", Fault(FaultKind.DELAY, on="open", after=2, for_s=2.0), AnswerTimeout),
    ("reset", Fault(FaultKind.RESET, on="open", after=2, times=2), ConnectFailed),
    ("closed", Fault(FaultKind.CLOSE, on="received", message=None, after=3, code=1008), Exception),
]


@pytest.mark.parametrize("socket", ["signaling", "audio"])
@pytest.mark.parametrize(
    ("fault", "error"), [row[1:] for row in BROKEN_TRIES], ids=[row[0] for row in BROKEN_TRIES]
)
async def test_broken_tries_are_repeated(socket: str, fault: Fault, error: type[Exception]) -> None:
    """A try that fails on the way is repeated until one gets through."""
    plan = after_a_loss(socket, fault)
    waits = attrs.evolve(WAITS, connect_s=0.7, handshake_s=0.7)
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, timeouts=waits) as here,
    ):
        await here.witness.first(StreamResumed)
        await here.witness.more(AudioFrame)
        assert here.struck()
        causes = [one.cause for one in here.witness.of(ReconnectScheduled)]
        assert len(causes) >= 1
        assert error is ConnectFailed or any(isinstance(cause, error) for cause in causes)


# --- refusals that do not ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error"),
    [(3, AuthenticationFailed), (2, StreamNotFound), (1, HandshakeRejected), (17, Exception)],
)
async def test_final_refusal_of_signaling(code: int, error: type[Exception]) -> None:
    """A final refusal is never tried again, wrong credentials above all: the stream is over."""
    plan = rejecting("signaling", code, times=None)
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.witness.end()
        assert isinstance(here.witness.error, error)
        assert here.statuses() == [code]


async def test_unknown_status_twice() -> None:
    """A status of tomorrow that comes again is final, and the error tells the story."""
    plan = rejecting("signaling", 99, times=None)
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.witness.end()
        assert here.statuses() == [99, 99]
        assert isinstance(here.witness.error, StreamLost)
        assert len(here.witness.error.history) == 3


@pytest.mark.parametrize("code", [9, 3, 17])
async def test_refused_medium_is_dropped(code: int) -> None:
    """A medium that is finally refused at its return is given up, the others go on."""
    plan = rejecting("audio", code, times=None)
    media = {"transcript": THREE_MEDIA["transcript"]}
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server, **media) as here:
        gone = await here.witness.first(MediaUnavailable)
        await here.witness.more(TranscriptSegment)
        assert gone.media == MediaType.AUDIO
        assert gone.status == code
        assert here.statuses() == [code]
        assert here.stream.state is Phase.STREAMING


async def test_stream_that_is_gone() -> None:
    """Status 2 on a medium after an interruption means that the stream is over."""
    plan = rejecting("audio", 2, times=None)
    media = {"transcript": THREE_MEDIA["transcript"]}
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server, **media) as here:
        await here.witness.end()
        assert isinstance(here.witness.error, StreamNotFound)


async def test_wrong_certificate() -> None:
    """A server with somebody else's certificate is never tried again."""
    plan = after_a_loss("signaling", Fault(FaultKind.IMPOSTOR, socket="signaling", at_s=0.0))
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.witness.end()
        assert isinstance(here.witness.error, CertificateRejected)


@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_window_passes(socket: str) -> None:
    """When the server's window has passed, the stream is lost, and the error has the history."""
    policy = attrs.evolve(QUICK, signaling_window_s=0.5, media_window_s=0.5)
    plan = after_a_loss(socket, Fault(FaultKind.REFUSE, at_s=0.0, for_s=30))
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, reconnect=policy) as here,
    ):
        await here.witness.end()
        error = here.witness.error
        assert isinstance(error, StreamLost)
        assert error.endpoint == socket
        assert 0.45 <= error.after_s < 5
        assert "1006" in error.history[0][1]
        assert all(
            "Connect call failed" in what or "refused" in what for _, what in error.history[1:]
        )
        assert isinstance(error.__cause__, ConnectFailed)


async def test_window_of_a_medium_passes() -> None:
    """A medium that cannot be brought back is given up, the others go on."""
    policy = attrs.evolve(QUICK, media_window_s=0.4)
    plan = rejecting("audio", 45, times=None)
    media = {"transcript": THREE_MEDIA["transcript"]}
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, reconnect=policy, **media) as here,
    ):
        gone = await here.witness.first(MediaUnavailable)
        await here.witness.more(TranscriptSegment)
        assert gone.media == MediaType.AUDIO
        assert "gave up after" in gone.reason


async def test_number_of_tries() -> None:
    """A policy may limit the tries."""
    policy = attrs.evolve(QUICK, attempts=2)
    plan = rejecting("signaling", 45, times=None)
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, reconnect=policy) as here,
    ):
        await here.witness.end()
        assert here.statuses() == [45, 45]
        assert isinstance(here.witness.error, StreamLost)


# --- the hook ------------------------------------------------------------------------------------


async def test_hook_agrees() -> None:
    """The hook sees every try before it is planned: medium, number, wait and cause."""
    asked: list[ReconnectAttempt] = []
    plan = rejecting("audio", 45, times=1)
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, on_reconnect=asked.append) as here,
    ):
        await here.resumed()
        assert [(one.media, one.number, one.delay_s) for one in asked] == [
            (MediaType.AUDIO, 1, 0.01),
            (MediaType.AUDIO, 2, 0.02),
        ]
        assert "1006" in str(asked[0].cause)
        assert "INTERNAL_EXCEPTION" in str(asked[1].cause)


async def test_hook_vetoes() -> None:
    """The hook may give up: the stream ends with the loss."""
    async with (
        FakeRTMSServer(steady(), fault=after_a_loss("signaling")) as server,
        scene(server, on_reconnect=lambda _: False) as here,
    ):
        await here.witness.end()
        assert "1006" in str(here.witness.error)
        assert here.witness.of(ReconnectScheduled) == []


async def test_hook_changes_the_wait() -> None:
    """The hook may choose another wait."""
    async with (
        FakeRTMSServer(steady(), fault=after_a_loss("signaling")) as server,
        scene(server, on_reconnect=lambda _: 0.3) as here,
    ):
        resumed = await here.resumed()
        assert here.witness.of(ReconnectScheduled)[0].delay_s == 0.3
        assert resumed.after_s >= 0.3


async def test_hook_with_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A hook that raises is reported and counts as agreement: the stream lives on."""

    def hook(_: ReconnectAttempt) -> None:
        raise ZeroDivisionError

    async with (
        FakeRTMSServer(steady(), fault=after_a_loss("signaling")) as server,
        scene(server, on_reconnect=hook) as here,
    ):
        await here.resumed()
    assert "on_reconnect raised" in caplog.text


@pytest.mark.parametrize("answer", [True, "3", b"", [1.0]])
async def test_hook_that_answers_nonsense(answer: Any, caplog: pytest.LogCaptureFixture) -> None:  # noqa: ANN401
    """An answer that is none is reported and counts as agreement."""
    async with (
        FakeRTMSServer(steady(), fault=after_a_loss("signaling")) as server,
        scene(server, on_reconnect=lambda _: answer) as here,
    ):
        await here.resumed()
    assert f"got {type(answer).__name__}" in caplog.text


async def test_hook_that_is_a_coroutine_function(caplog: pytest.LogCaptureFixture) -> None:
    """A hook cannot be asynchronous; one that is, is reported and counts as agreement."""

    async def hook(_: ReconnectAttempt) -> None: ...

    async with (
        FakeRTMSServer(steady(), fault=after_a_loss("signaling")) as server,
        scene(server, on_reconnect=hook) as here,
    ):
        await here.resumed()
    assert "got coroutine" in caplog.text


# --- the first connection ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Fault(FaultKind.REJECT, code=45), Fault(FaultKind.RESET, on="open")]
)
async def test_first_connection_takes_several_tries(fault: Fault) -> None:
    """A stream whose first connection fails for a passing reason is joined all the same."""
    plan = FaultPlan([fault])
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        assert here.witness.story() == [("ReconnectScheduled", "signaling")]
        assert here.stream.statistics().core.interruptions == 0


async def test_first_connection_is_refused_for_good() -> None:
    """Wrong credentials end the opening at once, whatever the policy."""
    options: dict[str, Any] = {"audio": AudioParams(), "reconnect": QUICK}
    plan = FaultPlan([Fault(FaultKind.REJECT, code=3, times=None)])
    async with FakeRTMSServer(steady(), fault=plan) as server:
        with pytest.raises(AuthenticationFailed):
            await client_for(server, **options).stream(info_of(server)).open()
        assert len(server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)) == 1
