"""Any order of notifications leads to the state that a simple model says."""

import random

import pytest

from rtms_client import StreamInfo
from rtms_client.enums import Product
from rtms_client.manager import keep_all
from rtms_client.manager._registry import Registry, Start, Stop
from rtms_client.webhooks import Notification, RTMSInterrupted, RTMSStarted, RTMSStopped

T0 = 1_790_000_000_000
COUNT = 1000


def story(stream_id: str, dice: random.Random) -> list[Notification]:
    """Return what Zoom sends of one stream: a start, moves, interruptions, maybe a stop."""
    told: list[Notification] = [
        RTMSStarted(
            event="meeting.rtms_started",
            stream=StreamInfo(
                product_id=f"meeting of {stream_id}",
                stream_id=stream_id,
                server_urls=(f"wss://{stream_id}-{move}.zoom.us:443",),
                event_ts_ms=T0 + 1000 * move,
            ),
        )
        for move in range(dice.randint(1, 6))
    ]
    told += [
        RTMSInterrupted(
            event="meeting.rtms_interrupted",
            product=Product.MEETING,
            stream_id=stream_id,
            event_ts_ms=T0 + 1000 * number + 500,
        )
        for number in range(dice.randint(0, 2))
    ]
    if dice.random() < 0.4:
        told.append(
            RTMSStopped(
                event="meeting.rtms_stopped",
                product=Product.MEETING,
                stream_id=stream_id,
                event_ts_ms=T0 + 9000,
            )
        )
    return told


def shuffled(dice: random.Random) -> list[Notification]:
    """Return 1,000 notifications of 100 streams, many more than once, in any order."""
    told = [one for number in range(100) for one in story(f"s{number}", dice)]
    told += dice.choices(told, k=COUNT - len(told))
    dice.shuffle(told)
    return told


def model(told: list[Notification]) -> dict[str, tuple[str, ...]]:
    """Return the servers of the streams that live: the newest start counts, a stop is final."""
    over = {one.stream_id for one in told if isinstance(one, RTMSStopped)}
    starts = [one.stream for one in told if isinstance(one, RTMSStarted)]
    starts.sort(key=lambda info: info.event_ts_ms or 0)
    return {info.stream_id: info.server_urls for info in starts if info.stream_id not in over}


@pytest.mark.parametrize("seed", range(50))
def test_any_order_leads_to_the_state_of_the_model(seed: int) -> None:
    """1,000 notifications with duplicates and moves: no stream is joined twice or kept too long."""
    dice = random.Random(seed)
    told = shuffled(dice)
    registry = Registry(keep_all, None)
    joined: list[str] = []
    for now, one in enumerate(told):
        for decision in registry.decide(one, now):
            if isinstance(decision, Start):
                joined.append(decision.started.stream_id)
            elif isinstance(decision, Stop):
                registry.left(decision.stream_id, now, over=True)
    assert {key: info.server_urls for key, info in registry.live.items()} == model(told)
    assert len(joined) == len(set(joined))


@pytest.mark.parametrize("seed", range(10))
def test_redelivery_of_everything_changes_nothing(seed: int) -> None:
    """All of it again in another order, 85 minutes later: the same state."""
    dice = random.Random(seed)
    told = shuffled(dice)
    registry = Registry(keep_all, None)
    for one in told:
        for decision in registry.decide(one, 0):
            if isinstance(decision, Stop):
                registry.left(decision.stream_id, 0, over=True)
    before = registry.live
    for one in dice.sample(told, k=len(told)):
        registry.decide(one, 85 * 60.0)
    assert registry.live == before
