"""Pairing of replies with requests."""

from __future__ import annotations

import pytest

from rtms_client._wire.inbound import Reply
from rtms_client.enums import MessageType
from rtms_client.protocol.requests import Request, Requests

STREAM, SESSION = MessageType.STREAM_STATE_RESP, MessageType.SESSION_STATE_RESP
VIDEO = MessageType.VIDEO_SUBSCRIPTION_RESP


def test_tokens_differ() -> None:
    """Each request has a token of its own, also after others are gone."""
    requests = Requests()
    first = requests.add(STREAM, "stream state", 5.0)
    requests.take_all()
    second = requests.add(STREAM, "stream state", 5.0)
    assert (first.token, second.token) == (1, 2)
    assert first == Request(token=1, reply_kind=STREAM, description="stream state", deadline=5.0)


def test_replies_answer_in_order() -> None:
    """Of two equal requests the older one is answered first."""
    requests = Requests()
    first, second = (requests.add(STREAM, "stream state", 5.0) for _ in range(2))
    assert requests.take(Reply(kind=STREAM)) == first
    assert requests.take(Reply(kind=STREAM)) == second
    assert requests.take(Reply(kind=STREAM)) is None


def test_replies_answer_their_kind() -> None:
    """A reply of another kind answers nothing, whatever waits longer."""
    requests = Requests()
    requests.add(STREAM, "stream state", 5.0)
    session = requests.add(SESSION, "session state", 5.0, session_id="a")
    assert requests.take(Reply(kind=VIDEO)) is None
    assert requests.take(Reply(kind=SESSION)) == session
    assert len(requests.deadlines()) == 1


@pytest.mark.parametrize(
    ("reply", "token"),
    [
        (Reply(kind=VIDEO, user_id=7), 1),
        (Reply(kind=VIDEO, user_id=8), 2),
        (Reply(kind=VIDEO), 1),
        (Reply(kind=VIDEO, user_id=9), None),
        (Reply(kind=SESSION, session_id="a"), 3),
        (Reply(kind=SESSION, session_id="b"), 4),
        (Reply(kind=SESSION), 3),
        (Reply(kind=SESSION, session_id="c"), None),
    ],
    ids=[
        *("user 7", "user 8", "no user", "other user"),
        *("session a", "session b", "no session", "other session"),
    ],
)
def test_replies_answer_their_subject(reply: Reply, token: int | None) -> None:
    """An id in the reply picks the request; without one the oldest is answered."""
    requests = Requests()
    requests.add(VIDEO, "video subscription", 5.0, user_id=7)
    requests.add(VIDEO, "video subscription", 5.0, user_id=8)
    requests.add(SESSION, "session state", 5.0, session_id="a")
    requests.add(SESSION, "session state", 5.0, session_id="b")
    found = requests.take(reply)
    assert (found and found.token) == token


def test_expired_requests_are_taken_in_order() -> None:
    """Requests expire at their deadline, not before and not after."""
    requests = Requests()
    late = requests.add(STREAM, "stream state", 9.0)
    early = requests.add(VIDEO, "video subscription", 5.0, user_id=7, subscribe=False)
    assert requests.take_expired(4.999) == []
    assert requests.take_expired(5.0) == [early]
    assert requests.deadlines() == [9.0]
    assert requests.take_expired(100.0) == [late]
    assert requests.deadlines() == []


def test_all_requests_are_taken() -> None:
    """The end of the stream leaves none waiting."""
    requests = Requests()
    first = requests.add(STREAM, "stream state", 9.0)
    second = requests.add(SESSION, "session state", 5.0)
    assert requests.take_all() == [first, second]
    assert requests.take_all() == []
