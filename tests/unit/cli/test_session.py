"""What surrounds a session: errors in words of the command line, patience, signals."""

import asyncio
import signal

import pytest

from rtms_client._cli.interrupt import Interruption, interruptible
from rtms_client._cli.session import Patience, explained
from rtms_client.enums import MediaType
from rtms_client.exceptions import (
    AnswerTimeout,
    CertificateRejected,
    ConnectFailed,
    HostNotAllowed,
    InvalidParameters,
    RTMSError,
    StreamLost,
)
from rtms_client.protocol.reconnect import ReconnectAttempt

REFUSED = ConnectFailed("signaling", "wss://zoom.us", "refused")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            HostNotAllowed("wss://evil.example", "expected a host of zoom.us or a subdomain"),
            (
                "wss://evil.example: expected a host of zoom.us or a subdomain; verify that the "
                "webhook is genuine, and if it is, allow the host with --allow-host"
            ),
        ),
        (
            CertificateRejected("audio", "wss://zoom.us", "self-signed certificate"),
            (
                "audio: expected a trusted certificate of wss://zoom.us, got: self-signed "
                "certificate; pass the CA of your proxy or test server with --ca-file"
            ),
        ),
        (
            AnswerTimeout("signaling", "message 2", 10.0),
            (
                "signaling: expected message 2 within 10 s, got nothing; the server may be "
                "overloaded, try again"
            ),
        ),
        (
            InvalidParameters("NetworkOptions.proxy", "expected a URL", "use http://host:port"),
            "--proxy: expected a URL; use http://host:port",
        ),
        (InvalidParameters("fps", "expected 1 to 30", "use 15"), "fps: expected 1 to 30; use 15"),
        (
            StreamLost("audio", 65.04, ((0.0, "refused"), (3.0, "still\x07 refused"))),
            "audio: gave up after 65.0 s and 2 failures, the last time: still\ufffd refused",
        ),
        (StreamLost("audio", 1.0, ()), "audio: gave up after 1.0 s and 0 failures"),
        (REFUSED, str(REFUSED)),
    ],
    ids=["host", "certificate", "time-out", "option", "parameter", "lost", "no-history", "other"],
)
def test_errors_name_options(error: RTMSError, text: str) -> None:
    """Where the library names classes, the command line names its options."""
    assert explained(error) == text


def test_patience_while_joining() -> None:
    """Three tries, each of them shown; then the user hears about it."""
    said: list[str] = []
    patience = Patience()
    patience.say = said.append
    tries = [
        patience(ReconnectAttempt(media=None, number=number, delay_s=number / 2, cause=REFUSED))
        for number in range(1, 5)
    ]
    assert tries == [None, None, None, False]
    assert said == [f"{REFUSED}; next try in {wait} s" for wait in ("0.5", "1.0", "1.5")]


def test_patience_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    """Once joined, the library tries as long as the server waits, and shows it as items."""
    patience = Patience()
    patience.joined = True
    attempt = ReconnectAttempt(media=MediaType.AUDIO, number=99, delay_s=1, cause=REFUSED)
    assert patience(attempt) is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_cancel_the_task(number: signal.Signals) -> None:
    """The cancellation is accepted, and the task goes on; then the handlers are as before."""
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    task = asyncio.current_task()
    assert task is not None
    with interruptible() as interruption:
        signal.raise_signal(number)
        with pytest.raises(asyncio.CancelledError) as caught:
            await asyncio.sleep(10)
        interruption.accept(caught.value)
        assert interruption.wanted
        assert task.cancelling() == 0
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


async def test_other_cancellations_go_on() -> None:
    """Only what a signal caused is accepted."""
    task = asyncio.current_task()
    assert task is not None
    error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        Interruption(task).accept(error)


async def test_ignored_signals_stay_ignored() -> None:
    """A program in the background of a script shall not react to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


async def test_outside_the_main_thread() -> None:
    """Python allows no handlers there; everything else works."""

    async def enter() -> bool:
        with interruptible() as interruption:
            return interruption.wanted

    before = signal.getsignal(signal.SIGINT)
    assert await asyncio.to_thread(lambda: asyncio.run(enter())) is False
    assert signal.getsignal(signal.SIGINT) is before
