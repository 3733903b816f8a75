"""Which failures are final, and when the next try is."""

from __future__ import annotations

import pytest

from rtms_client import exceptions as ex
from rtms_client.codes import Retry
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import MediaType, Product, StatusCode
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.reconnect import Recoveries, Recovery, retry_kind

POLICY = ReconnectPolicy(jitter=0.0)
LOST = ex.ConnectionLost("audio", 1006, "")
DUPLICATE = ex.DuplicateConnection("audio", StatusCode.DUPLICATE_MEDIA_DATA_CONNECTION, "")
UNKNOWN = ex.HandshakeRejected("audio", StatusCode(4711), "")

# The table "Which failures are final" of the lifecycle notes, by status code.
FINAL = {1, 2, 3, 4, 5, 6, 7, 14, *range(17, 44), 46}
BRIEFLY, BACK_OFF, MEDIUM = {8, 15, 16}, {45, 47}, {9, 10, 11, 12, 13}


@pytest.mark.parametrize("status", [*range(1, 44), 45, 46, 47])
def test_refusals(status: int) -> None:
    """Each status code of a refused handshake allows what the notes say."""
    error = ex.HandshakeRejected.for_status("audio", StatusCode(status), "")
    expected = next(
        kind
        for kind, codes in (
            (Retry.FINAL, FINAL),
            (Retry.BRIEFLY, BRIEFLY),
            (Retry.BACK_OFF, BACK_OFF),
            (Retry.MEDIUM, MEDIUM),
        )
        if status in codes
    )
    assert retry_kind(error) is expected


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UNKNOWN, Retry.ONCE),
        (ex.HandshakeRejected("signaling", None, ""), Retry.FINAL),
        (ex.MediaNotAvailable("audio", None, ""), Retry.MEDIUM),
        (ex.HostNotAllowed("wss://evil.test", ""), Retry.FINAL),
        (ex.CertificateRejected("audio", "h", ""), Retry.FINAL),
        (ex.ConnectFailed("audio", "h", ""), Retry.BACK_OFF),
        (ex.ConnectTimeout("audio", "h", ""), Retry.BACK_OFF),
        (ex.AnswerTimeout("audio", "", 1.0), Retry.BACK_OFF),
        (LOST, Retry.BACK_OFF),
        (ex.ConnectionSilent("audio", 65.0), Retry.BACK_OFF),
    ],
    ids=ascii,
)
def test_other_failures(error: ex.RTMSError, kind: Retry) -> None:
    """Networks may recover; certificates, addresses and odd answers do not."""
    assert retry_kind(error) is kind


def waits(policy: ReconnectPolicy, *errors: ex.RTMSError) -> list[float | None]:
    """Return the wait after each of several failures in a row."""
    recovery = Recovery(MediaType.AUDIO, policy, 0.0)
    found = []
    for error in errors:
        found.append(recovery.plan(error, 0.0, 0.0))
        recovery.begin()
    return found


def test_waits_grow() -> None:
    """A prompt try, then the documented steps up to the cap."""
    assert waits(POLICY, *[LOST] * 7) == [0.25, 3.0, 6.0, 12.0, 24.0, 30.0, 30.0]


def test_row_29_duplicates_are_retried_briefly() -> None:
    """The server may not have noticed the loss: 1.5, 3 and 6 seconds, then the usual steps."""
    assert waits(POLICY, *[DUPLICATE] * 5) == [1.5, 3.0, 6.0, 0.25, 3.0]


def test_brief_retries_leave_the_other_waits_alone() -> None:
    """Refusals as a duplicate do not make the waits after other failures longer."""
    assert waits(POLICY, LOST, DUPLICATE, LOST, DUPLICATE) == [0.25, 1.5, 3.0, 3.0]


def test_unknown_code_is_tried_once_more() -> None:
    """A code of a later version allows one retry, whatever lies between."""
    assert waits(POLICY, UNKNOWN, LOST, UNKNOWN) == [0.25, 3.0, None]


def test_attempts_are_limited() -> None:
    """The application may allow fewer tries than the window does."""
    assert waits(ReconnectPolicy(jitter=0.0, attempts=2), *[LOST] * 3) == [0.25, 3.0, None]


def test_no_wait_runs_past_the_window() -> None:
    """A try that would come too late is not made; the end of the window is what is due."""
    recovery = Recovery(None, POLICY, 100.0)
    assert recovery.window_end == 160.0
    recovery.schedule(59.9, 100.0)
    assert recovery.deadline() == 159.9
    recovery.begin()
    assert recovery.deadline() is None
    recovery.plan(LOST, 159.95, 0.0)
    recovery.schedule(0.25, 159.95)
    assert recovery.deadline() == 160.0


def test_windows_differ() -> None:
    """The server waits longer for media than for signaling (row 25)."""
    assert Recovery(MediaType.AUDIO, POLICY, 100.0).window_end == 165.0


def test_health_takes_as_long_as_the_window() -> None:
    """A connection that held for its whole window has no past any more."""
    recovery = Recovery(None, POLICY, 100.0)
    assert not recovery.healthy(1000.0)
    recovery.connected(110.0)
    assert not recovery.healthy(169.9)
    assert recovery.healthy(170.0)


def test_failure_tells_the_story() -> None:
    """The final error says when what happened, oldest first; the last failure is its cause."""
    recovery = Recovery(MediaType.VIDEO, POLICY, 100.0)
    recovery.plan(LOST, 100.0, 0.0)
    refused = ex.ConnectFailed("video", "h", "refused")
    recovery.plan(refused, 103.0, 0.0)
    error = recovery.failure("video", 165.0)
    assert error.args == ("video", 65.0, ((0.0, str(LOST)), (3.0, str(refused))))
    assert error.__cause__ is refused


def test_story_is_bounded() -> None:
    """A policy that tries a thousand times a second does not fill our memory."""
    recovery = Recovery(None, POLICY, 0.0)
    for number in range(1000):
        recovery.plan(LOST, float(number), 0.0)
    assert len(recovery.failure("signaling", 60.0).history) == 100


def test_without_policy_every_failure_is_final() -> None:
    """Nothing is announced or planned: the failure comes back as it is."""
    intake = Intake(Product.MEETING, {}, None)
    recoveries = Recoveries(None, None, lambda: 0.0, intake, [])
    assert recoveries.broken(None, LOST, 0.0, established=True) is LOST
    assert not recoveries
    assert intake.items == []
