"""All broken connections of a stream: which are tried when, and what the application is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.protocol.failover_support import DOCUMENTED, describe

from rtms_client import exceptions as ex
from rtms_client.config import AudioParams, ReconnectPolicy, VideoParams
from rtms_client.enums import MediaType, Product, StatusCode
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.reconnect import ReconnectAttempt, Recoveries

if TYPE_CHECKING:
    from rtms_client.protocol.reconnect import ReconnectHook

AUDIO, VIDEO = MediaType.AUDIO, MediaType.VIDEO
LOST = ex.ConnectionLost("any", 1006, "")
NO = ex.HandshakeRejected.for_status("any", StatusCode(3), "")


class Shelf:
    """Recoveries and what they announce."""

    def __init__(
        self, policy: ReconnectPolicy = DOCUMENTED, hook: ReconnectHook | None = None
    ) -> None:
        self.intake = Intake(Product.MEETING, {AUDIO: AudioParams(), VIDEO: VideoParams()}, None)
        self.all = Recoveries(policy, hook, lambda: 0.0, self.intake)

    def lose(
        self, media: MediaType | None, now: float, error: ex.RTMSError = LOST
    ) -> ex.RTMSError | None:
        """Let a connection break that was in use."""
        return self.all.broken(media, error, now, established=True)

    def fail(
        self, media: MediaType | None, now: float, error: ex.RTMSError = LOST
    ) -> ex.RTMSError | None:
        """Let a try fail."""
        return self.all.broken(media, error, now, established=False)

    def back(self, media: MediaType | None, now: float) -> None:
        """Let the next try of a connection succeed."""
        assert [one.media for one in self.all.due(now)] == [media]
        self.all.connected(media, now)

    def told(self) -> list[str]:
        """Take what the application is told."""
        items, self.intake.items = self.intake.items, []
        return [describe(item) for item in items]


def test_nothing_is_broken() -> None:
    """At first there is nothing to do."""
    shelf = Shelf()
    assert not shelf.all
    assert shelf.all.deadlines() == []
    assert shelf.all.due(1e9) == []
    assert shelf.all.overdue(1e9) is None
    assert shelf.all.absent() == set()
    assert not shelf.all.noticed(None, 1e9)


def test_loss() -> None:
    """A loss is told, and its try."""
    shelf = Shelf()
    assert shelf.lose(AUDIO, 0.0) is None
    assert shelf.told() == [
        "interrupted audio ConnectionLost 1006",
        "try 1 of audio in 3 ConnectionLost 1006",
    ]
    assert shelf.all
    assert shelf.all.deadlines() == [3.0]
    assert shelf.all.absent() == {AUDIO}
    assert shelf.intake.statistics.interruptions == 1


def test_failure_of_what_was_never_there() -> None:
    """What had not been in use is not interrupted, and later not resumed."""
    shelf = Shelf()
    assert shelf.fail(AUDIO, 0.0) is None
    shelf.lose(VIDEO, 0.0)
    shelf.all.due(3.0)
    shelf.all.connected(AUDIO, 3.1)
    assert shelf.told() == [
        "try 1 of audio in 3 ConnectionLost 1006",
        "interrupted video ConnectionLost 1006",
        "try 1 of video in 3 ConnectionLost 1006",
    ]
    assert shelf.intake.statistics.reconnects == 0


def test_media_are_independent() -> None:
    """Each medium has waits of its own."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.lose(VIDEO, 1.0)
    assert [one.media for one in shelf.all.due(3.0)] == [AUDIO]
    shelf.fail(AUDIO, 3.5)
    assert shelf.all.deadlines() == [9.5, 4.0]
    shelf.back(VIDEO, 4.0)
    assert shelf.all.deadlines() == [9.5]
    assert shelf.all.absent() == {AUDIO}


def test_signaling_takes_all_media_along() -> None:
    """When signaling breaks, single media have no story of their own any more."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.lose(None, 1.0)
    assert shelf.all.deadlines() == [4.0]
    assert shelf.all.absent() == {None}


def test_first_media_prove_that_all_is_well() -> None:
    """After media flowed, the next loss begins with the first wait and a whole window."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.back(AUDIO, 3.0)
    assert shelf.all
    shelf.all.flowed(AUDIO)
    assert not shelf.all
    shelf.told()
    shelf.lose(AUDIO, 50.0)
    assert shelf.told()[1] == "try 1 of audio in 3 ConnectionLost 1006"
    shelf.all.due(53.0)
    shelf.fail(AUDIO, 114.0)
    assert shelf.all.overdue(114.9) is None
    assert shelf.all.overdue(115.0) is not None


def test_media_of_others_prove_nothing() -> None:
    """Video that flows says nothing about audio."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.back(AUDIO, 3.0)
    shelf.all.flowed(VIDEO)
    assert shelf.all


def test_media_before_a_connection_is_back_prove_nothing() -> None:
    """Nothing flows on what is not there."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.all.flowed(AUDIO)
    assert shelf.all.deadlines() == [3.0]


def test_second_loss_without_media() -> None:
    """Without media in between, a second loss goes on where the first one stopped."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.back(AUDIO, 3.0)
    shelf.told()
    shelf.lose(AUDIO, 10.0)
    assert shelf.told() == [
        "interrupted audio ConnectionLost 1006",
        "try 2 of audio in 6 ConnectionLost 1006",
    ]
    shelf.all.due(16.0)
    shelf.fail(AUDIO, 60.0)
    assert shelf.all.deadlines() == [65.0]


def test_connection_that_outlives_its_window() -> None:
    """A connection that is there when its window ends has proved to be whole."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.back(None, 3.0)
    shelf.told()
    shelf.lose(None, 60.0)
    assert shelf.told()[1] == "try 1 of everything in 3 ConnectionLost 1006"
    assert shelf.all.deadlines() == [63.0]


def test_whole_stream_is_back_with_the_last_medium() -> None:
    """Everything is resumed once, when all media are there, although some flow before."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.back(None, 3.0)
    shelf.all.flowed(AUDIO)
    assert shelf.told()[2:] == []
    shelf.all.whole(4.0)
    shelf.all.whole(5.0)
    assert shelf.told() == ["resumed everything after 4 and 1"]
    assert not shelf.all
    assert shelf.intake.statistics.reconnects == 1


def test_media_after_the_whole_stream_is_back() -> None:
    """The recovery is over with the first media, if they come after all is there."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.back(None, 3.0)
    shelf.all.whole(4.0)
    assert shelf.all
    shelf.all.flowed(AUDIO)
    assert not shelf.all


def test_second_loss_before_all_media_were_back() -> None:
    """Everything is resumed once, although it was interrupted twice, with a whole window."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.back(None, 3.0)
    shelf.all.flowed(AUDIO)
    shelf.fail(VIDEO, 4.0)
    shelf.lose(None, 59.0)
    shelf.told()
    shelf.back(None, 62.0)
    shelf.all.whole(63.0)
    assert shelf.told() == ["resumed everything after 4 and 1"]


def test_window_of_a_medium_after_signaling() -> None:
    """A medium that does not come back with signaling was lost with it."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.back(None, 3.0)
    shelf.all.flowed(AUDIO)
    shelf.fail(VIDEO, 60.0)
    assert shelf.all.deadlines() == [63.0]
    shelf.all.due(63.0)
    shelf.fail(VIDEO, 64.0)
    assert shelf.all.deadlines() == [65.0]
    lost = shelf.all.overdue(65.0)
    assert lost is not None
    assert isinstance(lost[1], ex.StreamLost)
    assert (lost[0], lost[1].endpoint, lost[1].after_s) == (VIDEO, "video", 65.0)


def test_medium_lost_after_a_whole_recovery() -> None:
    """A medium that was back has a window of its own."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.back(None, 3.0)
    shelf.all.whole(4.0)
    shelf.all.flowed(AUDIO)
    shelf.lose(VIDEO, 50.0)
    shelf.all.due(53.0)
    shelf.fail(VIDEO, 114.0)
    assert shelf.all.deadlines() == [115.0]


# --- giving up -----------------------------------------------------------------------------------


def test_refusal_is_told_as_it_is() -> None:
    """A final refusal is the error, not the end of a long story."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.all.due(3.0)
    assert shelf.fail(AUDIO, 4.0, NO) is NO
    assert not shelf.all


def test_first_failure_is_told_as_it_is() -> None:
    """Where nothing was tried, there is no story either."""
    shelf = Shelf(ReconnectPolicy(attempts=0))
    assert shelf.lose(AUDIO, 0.0) is LOST


def test_end_of_many_tries() -> None:
    """After the last try the error tells them all."""
    shelf = Shelf(ReconnectPolicy(attempts=1, jitter=0.0))
    shelf.lose(AUDIO, 0.0)
    shelf.all.due(0.25)
    error = shelf.fail(AUDIO, 1.25)
    assert isinstance(error, ex.StreamLost)
    assert error.after_s == 1.25
    assert [when for when, _ in error.history] == [0.0, 1.25]


@pytest.mark.parametrize("status", [44, 99])
def test_second_refusal_without_category(status: int) -> None:
    """An unknown code ends a story of tries; one that has no business there is told as it is."""
    shelf = Shelf()
    error = ex.HandshakeRejected.for_status("audio", StatusCode(status), "")
    shelf.fail(AUDIO, 0.0, error)
    shelf.all.due(3.0)
    final = shelf.fail(AUDIO, 4.0, error)
    assert isinstance(final, ex.StreamLost) is (status == 99)


def test_overdue_one_by_one() -> None:
    """Recoveries whose window has passed are given up one by one."""
    shelf = Shelf(ReconnectPolicy(first_delay_s=100.0))
    shelf.lose(AUDIO, 0.0)
    shelf.lose(VIDEO, 0.0)
    assert shelf.all.overdue(64.9) is None
    first = shelf.all.overdue(65.0)
    assert first is not None
    assert first[0] == AUDIO
    assert shelf.all.absent() == {VIDEO}
    assert shelf.all.overdue(65.0) is not None
    assert shelf.all.overdue(65.0) is None


def test_clear() -> None:
    """At the end of the stream nothing is left to do."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.all.clear()
    assert not shelf.all


# --- the application's word ----------------------------------------------------------------------


def test_hook_is_asked() -> None:
    """The hook sees medium, number, wait and cause of each try."""
    asked: list[ReconnectAttempt] = []
    shelf = Shelf(hook=asked.append)
    shelf.lose(AUDIO, 0.0)
    shelf.all.due(3.0)
    error = ex.ConnectFailed("audio", "wss://zoom.us", "no")
    shelf.fail(AUDIO, 4.0, error)
    assert asked == [
        ReconnectAttempt(media=AUDIO, number=1, delay_s=3.0, cause=LOST),
        ReconnectAttempt(media=AUDIO, number=2, delay_s=6.0, cause=error),
    ]


@pytest.mark.parametrize(
    ("answer", "due"), [(None, 3.0), (0, 0.0), (0.5, 0.5), (-5.0, 0.0), (64.0, 64.0)]
)
def test_hook_changes_the_wait(answer: float | None, due: float) -> None:
    """The hook agrees or gives another wait, which cannot be negative."""
    shelf = Shelf(hook=lambda _: answer)
    shelf.lose(AUDIO, 0.0)
    assert shelf.all.deadlines() == [due]


def test_hook_waits_too_long() -> None:
    """A wait behind the window is the end when the window ends."""
    shelf = Shelf(hook=lambda _: 65.0)
    shelf.lose(AUDIO, 0.0)
    assert shelf.told() == ["interrupted audio ConnectionLost 1006"]
    assert shelf.all.deadlines() == [65.0]


def test_hook_gives_up() -> None:
    """The hook may refuse a try."""
    shelf = Shelf(hook=lambda attempt: False if attempt.number == 2 else None)
    assert shelf.lose(AUDIO, 0.0) is None
    shelf.all.due(3.0)
    assert isinstance(shelf.fail(AUDIO, 4.0), ex.StreamLost)
    assert not shelf.all


def test_hook_is_not_asked_about_final_failures() -> None:
    """Where nothing will be tried, nobody is asked."""
    asked: list[ReconnectAttempt] = []
    shelf = Shelf(hook=asked.append)
    shelf.fail(AUDIO, 0.0, NO)
    assert asked == []


# --- the server's word ---------------------------------------------------------------------------

PATIENT = ReconnectPolicy(first_delay_s=3.0, base_s=6.0, jitter=0.0, on_signals_only=True)


@pytest.mark.parametrize("news", [None, AUDIO, AUDIO | VIDEO, MediaType.ALL], ids=str)
def test_signal_after_the_loss(news: MediaType | None) -> None:
    """On request nothing is tried before the server says that it lost the medium."""
    shelf = Shelf(PATIENT)
    shelf.lose(AUDIO, 0.0)
    assert shelf.told() == ["interrupted audio ConnectionLost 1006"]
    assert shelf.all.deadlines() == [65.0]
    shelf.all.signalled(VIDEO, 9.0)
    assert shelf.told() == []
    shelf.all.signalled(news, 10.0)
    assert shelf.told() == ["try 1 of audio in 3 ConnectionLost 1006"]
    assert shelf.all.deadlines() == [13.0]


@pytest.mark.parametrize(
    ("news", "at", "due"),
    [(AUDIO, 35.1, 103.0), (None, 100.0, 103.0), (VIDEO, 100.0, 165.0), (AUDIO, 35.0, 165.0)],
)
def test_signal_before_the_loss(news: MediaType | None, at: float, due: float) -> None:
    """The server's word may come first; it is good for one window."""
    shelf = Shelf(PATIENT)
    shelf.all.signalled(news, at)
    shelf.lose(AUDIO, 100.0)
    assert shelf.all.deadlines() == [due]


def test_signal_keeps_the_agreed_wait() -> None:
    """The wait that the application chose at the loss counts from the signal."""
    shelf = Shelf(PATIENT, hook=lambda _: 0.5)
    shelf.lose(AUDIO, 0.0)
    shelf.all.signalled(AUDIO, 10.0)
    assert shelf.all.deadlines() == [10.5]


def test_signals_about_media_say_nothing_about_signaling() -> None:
    """A lost signaling connection needs the webhook."""
    shelf = Shelf(PATIENT)
    shelf.all.signalled(None, 99.0)
    shelf.lose(None, 100.0)
    assert shelf.all.deadlines() == [160.0]


@pytest.mark.parametrize(
    "error", [ex.ConnectionSilent("audio", 65.0), NO, ex.AnswerTimeout("audio", "an answer", 1.0)]
)
def test_only_closes_need_a_signal(error: ex.RTMSError) -> None:
    """Silence and refusals are no closed connection: the normal rules apply."""
    shelf = Shelf(PATIENT)
    final = shelf.lose(AUDIO, 0.0, error)
    assert final is NO if error is NO else shelf.all.deadlines() == [3.0]


def test_tries_go_on_without_signal() -> None:
    """After the first try, no further signal is needed."""
    shelf = Shelf(PATIENT)
    shelf.lose(AUDIO, 0.0)
    shelf.all.signalled(AUDIO, 1.0)
    shelf.all.due(4.0)
    shelf.fail(AUDIO, 5.0)
    assert shelf.all.deadlines() == [11.0]


def test_repeated_signals_change_nothing() -> None:
    """A signal neither restarts a timer nor adds a try behind the window."""
    shelf = Shelf()
    shelf.lose(AUDIO, 0.0)
    shelf.all.signalled(AUDIO, 1.0)
    assert shelf.all.deadlines() == [3.0]
    for now in (3.0, 9.0, 21.0, 45.0):
        assert len(shelf.all.due(now)) == 1
        shelf.all.signalled(AUDIO, now)
        shelf.fail(AUDIO, now)
    assert shelf.all.deadlines() == [65.0]
    shelf.all.signalled(AUDIO, 46.0)
    assert shelf.all.deadlines() == [65.0]


@pytest.mark.parametrize(
    ("lost", "asked", "after", "expected"),
    [
        (AUDIO, AUDIO, 64.9, True),
        (AUDIO, AUDIO, 65.0, False),
        (AUDIO, VIDEO, 1.0, False),
        (AUDIO, None, 1.0, False),
        (None, AUDIO, 64.9, True),
        (None, None, 59.9, True),
        (None, None, 60.0, False),
    ],
)
def test_noticed(
    lost: MediaType | None,
    asked: MediaType | None,
    after: float,
    expected: bool,  # noqa: FBT001  # a parameter
) -> None:
    """For one window, news of a loss may be about the one we noticed ourselves."""
    shelf = Shelf()
    shelf.lose(lost, 100.0)
    shelf.back(lost, 103.0)
    assert shelf.all.noticed(asked, 100.0 + after) is expected


# --- a moved stream ------------------------------------------------------------------------------


def test_restart() -> None:
    """A moved stream is tried at once: the first try is under way."""
    shelf = Shelf()
    shelf.all.restart(10.0, established=True)
    assert shelf.told() == ["interrupted everything ConnectionLost 1012"]
    assert shelf.all.deadlines() == []
    shelf.all.connected(None, 10.5)
    shelf.all.whole(10.5)
    assert shelf.told() == ["resumed everything after 0.5 and 1"]


def test_restart_before_anything_was_there() -> None:
    """A stream that moves while it is opened was not interrupted."""
    shelf = Shelf()
    shelf.all.restart(10.0, established=False)
    shelf.all.connected(None, 10.5)
    shelf.all.whole(10.5)
    assert shelf.told() == []


def test_restart_in_the_middle_of_a_recovery() -> None:
    """The loss goes on, the waits and the window begin anew, and one return ends it."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.told()
    shelf.all.restart(50.0, established=False)
    assert shelf.fail(None, 51.0) is None
    assert shelf.told() == ["try 2 of everything in 6 ConnectionLost 1006"]
    shelf.all.due(57.0)
    shelf.fail(None, 109.0)
    assert shelf.all.deadlines() == [110.0]
    lost = shelf.all.overdue(110.0)
    assert lost is not None
    assert isinstance(lost[1], ex.StreamLost)
    assert lost[1].after_s == 110.0
    assert [when for when, _ in lost[1].history] == [50.0, 51.0, 109.0]


def test_restart_after_a_return() -> None:
    """What was resumed before does not count for the new story."""
    shelf = Shelf()
    shelf.lose(None, 0.0)
    shelf.back(None, 3.0)
    shelf.all.whole(4.0)
    shelf.all.restart(10.0, established=True)
    shelf.all.connected(None, 11.0)
    shelf.told()
    shelf.all.whole(12.0)
    assert shelf.told() == ["resumed everything after 2 and 1"]


def test_hook_that_ends_the_stream() -> None:
    """A hook may end or move the stream it is asked about; its answer is void then."""
    shelf = Shelf(hook=lambda _: shelf.all.clear())
    assert shelf.lose(AUDIO, 0.0) is None
    assert shelf.all.deadlines() == []
