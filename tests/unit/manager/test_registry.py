"""What notifications mean: duplicates, redeliveries, moves, and what comes out of order."""

import attrs
import pytest

from rtms_client import StreamInfo
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import StreamRefused
from rtms_client.manager import keep_all, keep_first, prefer_original_host
from rtms_client.manager._registry import (
    Adopt,
    Decision,
    End,
    Ignore,
    Interrupt,
    Move,
    Refuse,
    Registry,
    Start,
    Stop,
    Tell,
    Why,
)
from rtms_client.webhooks import (
    RTMSInterrupted,
    RTMSStarted,
    RTMSStopped,
    UnrecognizedNotification,
    UrlValidation,
)

T0 = 1_790_000_000_000
A, B = ("wss://a.zoom.us:443",), ("wss://b.zoom.us:443",)


def info(
    stream_id: str = "s",
    *,
    at_ms: int | None = T0,
    urls: tuple[str, ...] = A,
    meeting: str = "m",
    host: bool | None = None,
) -> StreamInfo:
    """Return what a started webhook says of a stream."""
    return StreamInfo(
        product_id=meeting,
        stream_id=stream_id,
        server_urls=urls,
        event_ts_ms=at_ms,
        is_original_host=host,
    )


def started(
    stream_id: str = "s",
    at_ms: int | None = T0,
    urls: tuple[str, ...] = A,
    *,
    meeting: str = "m",
    host: bool | None = None,
) -> RTMSStarted:
    """Return a started webhook."""
    return RTMSStarted(
        event="meeting.rtms_started",
        stream=info(stream_id, at_ms=at_ms, urls=urls, meeting=meeting, host=host),
    )


def interrupted(at_ms: int | None, urls: tuple[str, ...] = ()) -> RTMSInterrupted:
    """Return an interrupted webhook."""
    return RTMSInterrupted(
        event="meeting.rtms_interrupted",
        product=Product.MEETING,
        stream_id="s",
        event_ts_ms=at_ms,
        server_urls=urls,
    )


def stopped(stream_id: str = "s", at_ms: int | None = T0 + 9000) -> RTMSStopped:
    """Return a stopped webhook."""
    return RTMSStopped(
        event="meeting.rtms_stopped",
        product=Product.MEETING,
        stream_id=stream_id,
        event_ts_ms=at_ms,
        stop_reason=StopReason.MEETING_ENDED,
    )


@pytest.fixture
def registry() -> Registry:
    """Return a registry without limits."""
    return Registry(keep_all, None)


@pytest.fixture
def joined(registry: Registry) -> Registry:
    """Return a registry that knows one stream."""
    registry.decide(started(), 0)
    return registry


def why(decisions: list[Decision]) -> Why:
    """Return why a notification was ignored."""
    (only,) = decisions
    assert isinstance(only, Ignore)
    return only.why


def kinds(decisions: list[Decision]) -> list[type]:
    """Return the types of decisions."""
    return [type(one) for one in decisions]


# --- starts and moves ----------------------------------------------------------------------------


def test_an_unknown_stream_starts(registry: Registry) -> None:
    """The first started webhook of a stream joins it."""
    assert registry.decide(started(), 0) == [Start(started())]
    assert registry.live == {"s": info()}


@pytest.mark.parametrize("after_s", [0.0, 85 * 60.0])
def test_a_redelivery_changes_nothing(joined: Registry, after_s: float) -> None:
    """The same time and the same servers are the same webhook, even 85 minutes later."""
    assert why(joined.decide(started(), after_s)) is Why.DUPLICATE


def test_the_webhook_of_a_stream_joined_by_hand_is_no_move(registry: Registry) -> None:
    """What the application joined with, possibly without a time, is no other server."""
    registry.admit(info(at_ms=None))
    assert why(registry.decide(started(), 0)) is Why.DUPLICATE
    assert why(registry.decide(started(at_ms=None), 0)) is Why.DUPLICATE


def test_other_servers_move_a_stream(joined: Registry) -> None:
    """A later start with other servers is a fail-over."""
    moved = info(at_ms=T0 + 1, urls=B)
    assert joined.decide(started("s", T0 + 1, B), 0) == [Move("s", moved)]
    assert joined.live == {"s": moved}


@pytest.mark.parametrize(("at_ms", "urls"), [(T0, B), (T0 + 1, A), (None, B)])
def test_anything_new_in_a_start_moves(
    joined: Registry, at_ms: int | None, urls: tuple[str, ...]
) -> None:
    """The same time with other servers, or a later time, is a move too."""
    assert kinds(joined.decide(started("s", at_ms, urls), 0)) == [Move]


def test_an_older_start_moves_nothing_back(joined: Registry) -> None:
    """The first start comes behind the move: the stream stays where it is."""
    joined.decide(started("s", T0 + 5, B), 0)
    assert why(joined.decide(started("s", T0 + 1, ("wss://c.zoom.us",)), 0)) is Why.STALE
    assert joined.live["s"].server_urls == B


def test_a_move_that_overtook_the_start_joins_the_new_servers(registry: Registry) -> None:
    """The move comes first and joins; the start behind it is stale."""
    assert kinds(registry.decide(started("s", T0 + 5, B), 0)) == [Start]
    assert why(registry.decide(started("s", T0, A), 0)) is Why.STALE


# --- interruptions -------------------------------------------------------------------------------


def test_an_interruption_reconnects(joined: Registry) -> None:
    """An interrupted webhook reaches its stream, with its servers if it has any."""
    assert joined.decide(interrupted(T0 + 1), 0) == [Interrupt("s", ())]
    assert joined.decide(interrupted(T0 + 2, B), 0) == [Interrupt("s", B)]
    assert joined.decide(interrupted(None), 0) == [Interrupt("s", ())]
    assert joined.live["s"].server_urls == B


def test_a_repeated_interruption_changes_nothing(joined: Registry) -> None:
    """An interrupted webhook counts once."""
    joined.decide(interrupted(T0 + 1), 0)
    assert why(joined.decide(interrupted(T0 + 1), 0)) is Why.DUPLICATE


def test_an_interruption_before_a_move_is_stale(joined: Registry) -> None:
    """What happened before the stream moved does not interrupt it on its new server."""
    joined.decide(started("s", T0 + 5, B), 0)
    assert why(joined.decide(interrupted(T0 + 1), 0)) is Why.STALE


def test_a_start_never_overrides_the_servers_of_a_newer_interruption(joined: Registry) -> None:
    """Servers that an interruption named are newer than those of an older move."""
    joined.decide(interrupted(T0 + 5, B), 0)
    assert why(joined.decide(started("s", T0 + 1, ("wss://c.zoom.us",)), 0)) is Why.STALE


def test_a_move_that_a_later_interruption_overtook_still_moves(joined: Registry) -> None:
    """An interruption without servers means the last ones, which the move tells."""
    joined.decide(interrupted(T0 + 5), 0)
    assert kinds(joined.decide(started("s", T0 + 1, B), 0)) == [Move]


def test_an_interruption_of_an_unknown_stream_is_ignored(registry: Registry) -> None:
    """Without a start nobody knows where to connect."""
    assert why(registry.decide(interrupted(T0), 0)) is Why.UNKNOWN


# --- stops ---------------------------------------------------------------------------------------


def test_a_stop_ends_its_stream(joined: Registry) -> None:
    """A stopped webhook reaches its stream."""
    assert joined.decide(stopped(), 0) == [Stop("s", StopReason.MEETING_ENDED)]


def test_nothing_moves_a_stopped_stream(joined: Registry) -> None:
    """Behind a stop nothing counts any more, while the stream is still being left and after."""
    joined.decide(stopped(), 0)
    assert why(joined.decide(started("s", T0 + 1, B), 0)) is Why.ENDED
    joined.left("s", 0, over=False)
    assert why(joined.decide(started("s", T0 + 2, B), 0)) is Why.ENDED
    assert why(joined.decide(interrupted(T0 + 3), 0)) is Why.ENDED
    assert why(joined.decide(stopped("s", T0 + 4), 0)) is Why.ENDED


def test_a_stop_without_a_start_is_ignored(registry: Registry) -> None:
    """A stop of a stream that was never announced has no effect ..."""
    assert why(registry.decide(stopped(), 0)) is Why.UNKNOWN


def test_a_start_behind_its_stop_is_ignored(registry: Registry) -> None:
    """... but the start that it overtook must not join a stream that is over."""
    registry.decide(stopped(), 0)
    assert why(registry.decide(started(), 1)) is Why.ENDED


def test_what_is_over_is_forgotten_after_ninety_minutes(registry: Registry) -> None:
    """Nothing is remembered for ever: by then Zoom has long given up repeating."""
    registry.decide(stopped(), 0)
    assert kinds(registry.decide(started(), 90 * 60.0)) == [Start]


def test_what_is_remembered_is_bounded() -> None:
    """However many streams end, only so many are remembered."""
    registry = Registry(keep_all, None)
    for number in range(20_100):
        registry.decide(stopped(f"s{number}"), 0)
    assert len(registry._ended) == len(registry._seen) == 20_000  # noqa: SLF001  # what is bounded


# --- streams that were lost ----------------------------------------------------------------------


def test_a_lost_stream_is_not_joined_again_by_a_redelivery(joined: Registry) -> None:
    """We lost it; what had joined it says nothing new."""
    joined.left("s", 0, over=False)
    assert why(joined.decide(started("s", T0 - 1, B), 0)) is Why.ENDED


def test_a_lost_stream_is_joined_again_when_it_moves(joined: Registry) -> None:
    """We lost it, and the server brought it up elsewhere."""
    joined.left("s", 0, over=False)
    assert kinds(joined.decide(started("s", T0 + 1, B), 0)) == [Start]
    assert kinds(joined.decide(interrupted(T0 + 2), 0)) == [Interrupt]


def test_leaving_an_unknown_stream_changes_nothing(registry: Registry) -> None:
    """A stream that was never admitted leaves no trace."""
    registry.left("s", 0, over=True)
    assert kinds(registry.decide(started(), 0)) == [Start]


# --- streams that were started again -------------------------------------------------------------


def test_a_dead_stream_is_adopted(joined: Registry) -> None:
    """The next start of the meeting continues the stream that waits for it."""
    joined.decide(stopped(), 0)
    new = info("s2", at_ms=T0 + 9500)
    assert joined.decide(started("s2", T0 + 9500), 0, {"s"}) == [Adopt("s", new)]
    joined.adopted("s", new, 0)
    assert joined.live == {"s2": new}
    assert why(joined.decide(started("s", T0 + 9900, B), 0)) is Why.ENDED


@pytest.mark.parametrize(
    "other",
    [
        started("s2", T0 + 9500, meeting="another"),
        started("s2", T0 + 8000),
        attrs.evolve(
            started("s2", T0 + 9500),
            stream=attrs.evolve(info("s2", at_ms=T0 + 9500), product=Product.WEBINAR),
        ),
    ],
    ids=["another meeting", "started before the stop", "another product"],
)
def test_another_stream_is_not_adopted(joined: Registry, other: RTMSStarted) -> None:
    """A stream of another meeting, or from before the stop, is a stream of its own."""
    joined.decide(stopped(), 0)
    assert kinds(joined.decide(other, 0, {"s"})) == [Start]


def test_a_start_without_a_time_is_adopted(joined: Registry) -> None:
    """When nobody knows the time, the meeting alone decides."""
    assert kinds(joined.decide(started("s2", None), 0, {"gone", "s"})) == [Adopt]


# --- several streams of one meeting --------------------------------------------------------------


def test_all_streams_of_a_meeting_are_kept_by_default(joined: Registry) -> None:
    """Several apps, or several hosts, have a stream each."""
    assert kinds(joined.decide(started("s2"), 0)) == [Start]
    assert list(joined.live) == ["s", "s2"]


def test_the_first_stream_of_a_meeting_may_be_the_only_one() -> None:
    """`keep_first` refuses all that come behind."""
    registry = Registry(keep_first, None)
    registry.decide(started(), 0)
    (refused,) = registry.decide(started("s2"), 0)
    assert isinstance(refused, Refuse)
    assert refused.error.reason == "arbiter"
    assert str(refused.error) == (
        "stream s2: expected a stream that the arbiter keeps, got another one of the same "
        "meeting; RTMSClient(arbiter=...) decides"
    )
    assert kinds(registry.decide(started("s3", meeting="another"), 0)) == [Start]


def test_the_stream_of_the_original_host_replaces_another() -> None:
    """`prefer_original_host` leaves the others for it, and keeps it then."""
    registry = Registry(prefer_original_host, None)
    registry.decide(started("s", host=False), 0)
    wanted = started("s2", host=True)
    assert registry.decide(wanted, 0) == [End("s"), Start(wanted)]
    registry.left("s", 0, over=True)
    assert kinds(registry.decide(started("s3", host=False), 0)) == [Refuse]


def test_without_an_original_host_the_first_stream_stays() -> None:
    """`prefer_original_host` has nothing to prefer."""
    streams = [info("s", host=False), info("s2")]
    assert prefer_original_host(streams) == [streams[0]]


def test_a_stream_that_was_stopped_has_no_say() -> None:
    """The arbiter is asked about streams that live."""
    registry = Registry(keep_first, None)
    registry.decide(started(), 0)
    registry.decide(stopped(), 0)
    assert kinds(registry.decide(started("s2"), 0)) == [Start]


# --- limits --------------------------------------------------------------------------------------


def test_too_many_streams_are_refused() -> None:
    """There is room for two; the third comes when one has left."""
    registry = Registry(keep_all, 2)
    registry.decide(started("s1"), 0)
    registry.admit(info("s2"))
    registry.admit(info("s2"))
    (refused,) = registry.decide(started("s3"), 0)
    assert isinstance(refused, Refuse)
    assert (refused.error.reason, refused.error.limit) == ("limit", 2)
    assert str(refused.error) == (
        "stream s3: expected at most 2 streams at a time, got one more; raise "
        "RTMSClient(max_streams=...), or let another process join it"
    )
    with pytest.raises(StreamRefused):
        registry.admit(info("s4"))
    registry.left("s1", 0, over=True)
    assert kinds(registry.decide(started("s5"), 0)) == [Start]


def test_a_stream_that_takes_the_place_of_another_needs_no_room() -> None:
    """What the arbiter replaces makes room."""
    registry = Registry(prefer_original_host, 1)
    registry.decide(started("s"), 0)
    assert kinds(registry.decide(started("s2", host=True), 0)) == [End, Start]


def test_a_client_that_is_drained_joins_nothing(joined: Registry) -> None:
    """Streams that are there go on; new ones are refused."""
    joined.draining = True
    (refused,) = joined.decide(started("s2"), 0)
    assert isinstance(refused, Refuse)
    assert refused.error.reason == "draining"
    assert kinds(joined.decide(started("s", T0 + 1, B), 0)) == [Move]


# --- everything else -----------------------------------------------------------------------------


def test_what_is_about_no_stream_is_passed_on(registry: Registry) -> None:
    """Each time, for Zoom repeats a concurrency warning on purpose."""
    other = UnrecognizedNotification(event="user.created")
    assert registry.decide(other, 0) == registry.decide(other, 0) == [Tell(other)]


def test_a_challenge_is_nothing_to_the_streams(registry: Registry) -> None:
    """Its answer is all that it is about, so nobody is told."""
    challenge = UrlValidation(event="endpoint.url_validation", plain_token="a", encrypted_token="b")
    assert registry.decide(challenge, 0) == []
