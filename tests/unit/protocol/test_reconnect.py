"""One broken connection: what a failure allows, when the next try is, when it is over."""

from __future__ import annotations

import pytest

from rtms_client import exceptions as ex
from rtms_client.codes import Retry
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import MediaType, StatusCode
from rtms_client.protocol.reconnect import Recovery, concerns, retry_kind

LOST = ex.ConnectionLost("audio", 1006, "")
LOST_TEXT = (
    "audio connection closed with 1006 ABNORMAL_CLOSURE: connection lost without a closing "
    "handshake; check network, proxy and firewall time-outs"
)
REFUSED_TEXT = (
    "audio handshake refused with status 45 INTERNAL_EXCEPTION: fault in the server; wait "
    "and try again; if it stays, ask Zoom's support"
)
DOCUMENTED = ReconnectPolicy.documented()


def refused(status: int) -> ex.HandshakeRejected:
    """Return the refusal of a handshake."""
    return ex.HandshakeRejected.for_status("audio", StatusCode(status), "")


def recovery(
    media: MediaType | None = MediaType.AUDIO, policy: ReconnectPolicy = DOCUMENTED
) -> Recovery:
    """Return a recovery that begins at 1000 s."""
    return Recovery(media, policy, 1000.0)


# --- what a failure allows -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LOST, Retry.BACK_OFF),
        (ex.ConnectionLost("audio", 1000, ""), Retry.BACK_OFF),
        (ex.ConnectionSilent("audio", 65.0), Retry.BACK_OFF),
        (ex.ConnectFailed("audio", "wss://zoom.us", "no route"), Retry.BACK_OFF),
        (ex.ConnectTimeout("audio", "wss://zoom.us", "no connection in 10 s"), Retry.BACK_OFF),
        (ex.AnswerTimeout("audio", "an answer to the handshake", 10.0), Retry.BACK_OFF),
        (ex.CertificateRejected("audio", "wss://zoom.us", "expired"), Retry.FINAL),
        (ex.HostNotAllowed("wss://example.com", "expected a host of zoom.us"), Retry.FINAL),
        (ex.InvalidState("open", "CLOSED", "make a new stream"), Retry.FINAL),
        (ex.MediaNotAvailable("audio", None, ""), Retry.MEDIUM),
        (ex.HandshakeRejected("audio", None, ""), Retry.FINAL),
    ],
    ids=lambda value: ascii(value) if isinstance(value, Exception) else value.name,
)
def test_kind_of_failure(error: ex.RTMSError, kind: Retry) -> None:
    """Networks recover; certificates, our own mistakes and answers without status do not."""
    assert retry_kind(error) is kind


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ({1, 2, 3, 4, 5, 6, 7, 14, *range(17, 44), 46}, Retry.FINAL),
        ({8, 15, 16}, Retry.BRIEFLY),
        ({9, 10, 11, 12, 13}, Retry.MEDIUM),
        ({44}, Retry.HARMLESS),
        ({45, 47}, Retry.BACK_OFF),
        ({48, 99, 1000, -1}, Retry.ONCE),
    ],
    ids=lambda value: value.name if isinstance(value, Retry) else "",
)
def test_kind_of_status(statuses: set[int], kind: Retry) -> None:
    """Every status code stands in the table of final failures (lifecycle notes, section 10)."""
    assert {retry_kind(refused(status)) for status in statuses} == {kind}


# --- news ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("news", "media", "expected"),
    [
        (None, MediaType.AUDIO, True),
        (None, None, True),
        (MediaType.AUDIO, None, True),
        (MediaType.AUDIO, MediaType.AUDIO, True),
        (MediaType.AUDIO, MediaType.VIDEO, False),
        (MediaType.AUDIO | MediaType.VIDEO, MediaType.VIDEO, True),
        (MediaType.AUDIO | MediaType.VIDEO, MediaType.CHAT, False),
        (MediaType.ALL, MediaType.AUDIO, True),
        (MediaType.AUDIO, MediaType.ALL, True),
    ],
    ids=str,
)
def test_concerns(news: MediaType | None, media: MediaType | None, expected: bool) -> None:  # noqa: FBT001  # a parameter
    """News of a loss may name no medium, one, several or the connection for all."""
    assert concerns(news, media) is expected


# --- waits ---------------------------------------------------------------------------------------


def waits(one: Recovery, *errors: ex.RTMSError, dice: float = 0.0) -> list[float | None]:
    """Return the waits after failures, each of a try."""
    found: list[float | None] = []
    for error in errors:
        found.append(one.plan(error, 1000.0, dice))
        one.begin()
    return found


def test_documented_waits() -> None:
    """Waits double from 3 s to 30 s."""
    assert waits(recovery(), *[LOST] * 7) == [3.0, 6.0, 12.0, 24.0, 30.0, 30.0, 30.0]


def test_jitter() -> None:
    """Chance shortens the waits."""
    assert waits(recovery(policy=ReconnectPolicy()), LOST, LOST, LOST, dice=0.5) == [
        0.125,
        1.5,
        3.0,
    ]


@pytest.mark.parametrize("status", [8, 15, 16])
def test_duplicates_after_a_loss(status: int) -> None:
    """The server needs time to notice a loss: 1.5, 3 and 6 s, then the normal waits go on."""
    error = refused(status)
    assert waits(recovery(), LOST, error, error, error, error, error, LOST) == [
        3.0,
        1.5,
        3.0,
        6.0,
        6.0,
        12.0,
        24.0,
    ]


def test_duplicates_at_the_beginning() -> None:
    """The three short waits come first when nothing was lost before."""
    assert waits(recovery(), *[refused(8)] * 5) == [1.5, 3.0, 6.0, 3.0, 6.0]


def test_short_waits_leave_the_others_alone() -> None:
    """Refusals as a duplicate do not make the waits after other failures longer."""
    assert waits(recovery(), LOST, refused(8), LOST, refused(8)) == [3.0, 1.5, 6.0, 3.0]


def test_other_short_waits() -> None:
    """The short waits belong to the policy; there may be none."""
    policy = ReconnectPolicy(duplicate_delays_s=(), jitter=0.0)
    assert waits(recovery(policy=policy), refused(8), refused(8)) == [0.25, 3.0]


@pytest.mark.parametrize("status", [1, 2, 3, 9, 14, 17, 44, 46])
def test_final_status(status: int) -> None:
    """After a final refusal there is no next try."""
    assert waits(recovery(), LOST, refused(status)) == [3.0, None]


def test_unknown_status() -> None:
    """An unknown refusal is tried once more, in all."""
    assert waits(recovery(), refused(99), LOST, refused(77)) == [3.0, 6.0, None]


@pytest.mark.parametrize(
    ("attempts", "expected"), [(0, [None]), (1, [3.0, None]), (3, [3.0, 6.0, 12.0, None])]
)
def test_number_of_tries(attempts: int, expected: list[float | None]) -> None:
    """The policy may limit the number of tries."""
    policy = ReconnectPolicy(first_delay_s=3.0, base_s=6.0, jitter=0.0, attempts=attempts)
    assert waits(recovery(policy=policy), *[LOST] * len(expected)) == expected


# --- times ---------------------------------------------------------------------------------------


def test_windows() -> None:
    """The server waits 60 s for signaling and 65 s for media, from the first loss."""
    assert recovery(None).window_end == 1060.0
    assert recovery(MediaType.AUDIO).window_end == 1065.0
    assert recovery(MediaType.ALL).window_end == 1065.0


def test_schedule() -> None:
    """A try is due after its wait, unless that is behind the window."""
    one = recovery()
    one.schedule(65.0, 1000.0)
    assert one.due is None
    one.schedule(64.9, 1000.0)
    assert one.due == 1064.9


def test_states() -> None:
    """A recovery waits, tries, waits again, and is back; each has its deadline."""
    one = recovery()
    assert (one.waiting, one.deadline()) == (True, 1065.0)
    one.schedule(3.0, 1000.0)
    assert (one.waiting, one.deadline()) == (True, 1003.0)
    one.begin()
    assert (one.waiting, one.deadline(), one.attempts) == (False, None, 1)
    one.plan(LOST, 1004.0, 0.0)
    assert (one.waiting, one.deadline()) == (True, 1065.0)
    one.begin()
    one.connected()
    assert (one.waiting, one.deadline(), one.attempts) == (False, None, 2)


def test_over_when_media_flowed() -> None:
    """Media prove that the connection is whole; without them only the end of the window does."""
    one = recovery(None)
    assert not one.healthy(1060.0)
    one.begin()
    one.connected()
    assert not one.healthy(1059.9)
    assert one.healthy(1060.0)
    one.flowed = True
    assert one.healthy(1001.0)
    one.plan(LOST, 1002.0, 0.0)
    assert not one.healthy(1060.0)


def test_history() -> None:
    """The final error tells every failure with its time, and has the last one as cause."""
    one = recovery(None)
    one.plan(LOST, 1000.0, 0.0)
    last = refused(45)
    one.plan(last, 1003.5, 0.0)
    error = one.failure("signaling", 1060.0)
    assert (error.endpoint, error.after_s) == ("signaling", 60.0)
    assert error.history == (
        (0.0, LOST_TEXT),
        (3.5, REFUSED_TEXT),
    )
    assert error.__cause__ is last


def test_history_is_bounded() -> None:
    """Only the first hundred failures are told."""
    one = recovery()
    for _ in range(1000):
        one.note(LOST, 1000.0)
    assert len(one.failure("audio", 1065.0).history) == 100
