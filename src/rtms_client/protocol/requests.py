"""Requests that wait for a reply.

Replies do not say which request they answer; they are paired by kind, by user or session where
there is one, and in order (messages notes, 6.4 and 7).
"""

from typing import Final

import attrs

from rtms_client._wire.inbound import Reply
from rtms_client.enums import MessageType
from rtms_client.frames import UserId

__all__ = ["REPLIES", "Request", "Requests"]

REPLIES: Final = (
    MessageType.SESSION_STATE_RESP,
    MessageType.STREAM_STATE_RESP,
    MessageType.STREAM_CLOSE_RESP,
    MessageType.VIDEO_SUBSCRIPTION_RESP,
)
"""Types of messages that answer a request."""


@attrs.frozen(kw_only=True)
class Request:
    """One request under way."""

    token: int
    """Names the request between shell and core."""
    reply_kind: MessageType
    description: str
    deadline: float
    user_id: UserId | None = None
    session_id: str | None = None
    subscribe: bool = True
    """Of a video subscription: what was asked for, because the reply does not say."""

    def answered_by(self, reply: Reply) -> bool:
        """Tell whether a reply may be the answer: an id that it does not repeat may be any."""
        return (
            reply.kind == self.reply_kind
            and (self.user_id is None or reply.user_id in {None, self.user_id})
            and (self.session_id is None or reply.session_id in {None, self.session_id})
        )


class Requests:
    """All requests under way, in the order of sending."""

    __slots__ = ("_next_token", "_waiting")

    def __init__(self) -> None:
        self._next_token = 1
        self._waiting: list[Request] = []

    def add(
        self,
        reply_kind: MessageType,
        description: str,
        deadline: float,
        *,
        user_id: UserId | None = None,
        session_id: str | None = None,
        subscribe: bool = True,
    ) -> Request:
        """Note a request that is about to be sent."""
        request = Request(
            token=self._next_token,
            reply_kind=reply_kind,
            description=description,
            deadline=deadline,
            user_id=user_id,
            session_id=session_id,
            subscribe=subscribe,
        )
        self._next_token += 1
        self._waiting.append(request)
        return request

    def take(self, reply: Reply) -> Request | None:
        """Remove and return the request that a reply answers; `None` when nobody asked."""
        for request in self._waiting:
            if request.answered_by(reply):
                self._waiting.remove(request)
                return request
        return None

    def take_expired(self, now: float) -> list[Request]:
        """Remove and return the requests whose time is up."""
        expired = [request for request in self._waiting if request.deadline <= now]
        self._waiting = [request for request in self._waiting if request.deadline > now]
        return expired

    def take_all(self) -> list[Request]:
        """Remove and return all requests."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def deadlines(self) -> list[float]:
        """Return when each request expires."""
        return [request.deadline for request in self._waiting]
