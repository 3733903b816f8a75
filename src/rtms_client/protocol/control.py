"""What the application asks of the server while a stream is open."""

from collections.abc import Iterable

from rtms_client import events as ev
from rtms_client._wire import inbound, outbound
from rtms_client._wire.codec import Message
from rtms_client.codes import Retry, explain_status
from rtms_client.config import StreamInfo, VideoParams
from rtms_client.enums import DataOption, EventType, MediaType, MessageType
from rtms_client.exceptions import (
    AnswerTimeout,
    InvalidState,
    RemoteProtocolError,
    RequestFailed,
    RTMSError,
)
from rtms_client.protocol.connections import Connections
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.links import LinkInput
from rtms_client.protocol.options import (
    EventSubscription,
    SessionOptions,
    check_subscriptions,
    default_events,
)
from rtms_client.protocol.outputs import Action, Answer
from rtms_client.protocol.requests import Request, Requests

__all__ = ["Control"]


class Control:
    """Subscriptions and requests on signaling.

    Args:
        info: The stream.
        options: How it was joined.
        connections: Where to send.
        intake: Where to announce changes.
        actions: Where to put answers.
    """

    __slots__ = (
        "_actions",
        "_connections",
        "_info",
        "_intake",
        "_options",
        "_over",
        "_requests",
        "_subscriptions",
        "_video",
    )

    def __init__(
        self,
        info: StreamInfo,
        options: SessionOptions,
        connections: Connections,
        intake: Intake,
        actions: list[Action],
    ) -> None:
        self._info = info
        self._options = options
        self._connections = connections
        self._intake = intake
        self._actions = actions
        self._over = False
        self._requests = Requests()
        self._subscriptions = list(
            default_events(info.product, options.params)
            if options.events is None
            else check_subscriptions(options.events)
        )
        self._video: tuple[int, int, float] | None = None
        """The individual video that was chosen: user, time stamp of the request, and our time."""

    def subscribe_events(self, events: Iterable[EventSubscription], *, subscribe: bool) -> None:
        """Change the subscribed events, now or as soon as signaling is ready.

        Raises:
            InvalidParameters: An event comes unasked and must not be subscribed.
            InvalidState: The stream is over.
        """
        changed = check_subscriptions(events)
        if self._over:
            raise InvalidState("subscribe to events", "CLOSED", "the stream is over")
        self._subscriptions = [event for event in self._subscriptions if event not in changed]
        if subscribe:
            self._subscriptions += changed
        link = self._connections.signaling
        if changed and link is not None and link.machine.accepts(LinkInput.REQUEST):
            message = outbound.event_subscription(changed, subscribe=subscribe)
            self._connections.send(link, message)

    def subscribe_video(
        self, user_id: int, *, subscribe: bool, timestamp_ms: int, now: float
    ) -> int:
        """Ask for the video of one participant; returns the token of the answer.

        Raises:
            InvalidState: Video is not in individual mode, or signaling is not ready.
        """
        params = self._options.params.get(MediaType.VIDEO)
        if (
            not isinstance(params, VideoParams)
            or params.data_opt != DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM
        ):
            raise InvalidState(
                "subscribe to the video of a participant",
                "any",
                "pass RTMSClient(video=VideoParams("
                "data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM))",
                "individual video was not asked for",
            )
        token = self._request(
            outbound.video_subscription(user_id, subscribe=subscribe, timestamp_ms=timestamp_ms),
            MessageType.VIDEO_SUBSCRIPTION_RESP,
            "video subscription",
            now,
            user_id=user_id,
            subscribe=subscribe,
        )
        if subscribe:
            self._video = user_id, timestamp_ms, now
        elif self._video is not None and self._video[0] == user_id:
            self._video = None
        return token

    def request_stream_state(self, now: float) -> int:
        """Ask for the state of the stream; returns the token of the answer.

        Raises:
            InvalidState: Signaling is not ready.
        """
        return self._request(
            outbound.stream_state_request(self._info.stream_id),
            MessageType.STREAM_STATE_RESP,
            "stream state",
            now,
        )

    def request_session_state(self, session_id: str | None, now: float) -> int:
        """Ask for the state of a session, by default the newest; returns the token of the answer.

        Raises:
            InvalidState: Signaling is not ready, or no session is known.
        """
        known = session_id or next(reversed(self._intake.roster.sessions), None)
        if known is None:
            raise InvalidState(
                "ask for the session state",
                "any",
                "pass a session id, or wait for a SessionStateChanged event",
                "no session is known",
            )
        return self._request(
            outbound.session_state_request(known),
            MessageType.SESSION_STATE_RESP,
            "session state",
            now,
            session_id=known,
        )

    def restarted(self, info: StreamInfo) -> None:
        """Go on with another stream."""
        self._info = info

    def restore_events(self) -> None:
        """Subscribe on a new signaling connection (lifecycle notes, section 10)."""
        link = self._connections.signaling
        if link is not None and self._subscriptions:
            message = outbound.event_subscription(self._subscriptions, subscribe=True)
            self._connections.send(link, message)
            self._intake.roster.stale = EventType.PARTICIPANT_JOIN in self._subscriptions

    def restore_video(self, now: float) -> None:
        """Choose the individual video again on a new video connection."""
        if self._video is not None:
            user_id, timestamp_ms, at = self._video
            elapsed_ms = int((now - at) * 1000)
            self.subscribe_video(
                user_id, subscribe=True, timestamp_ms=timestamp_ms + elapsed_ms, now=now
            )

    def reply(self, kind: MessageType, message: Message) -> None:
        """Take the answer to a request.

        Raises:
            RemoteProtocolError: Nobody asked.
        """
        reply = inbound.reply(kind, message)
        request = self._requests.take(reply)
        if request is None:
            raise RemoteProtocolError(
                "an answer to a request", f"type {kind.name} that nobody asked for"
            )
        self._actions.append(Answer(request.token, self._outcome(request, reply)))

    def _outcome(self, request: Request, reply: inbound.Reply) -> inbound.Reply | RTMSError:
        """Tell a good answer from a refusal, and announce changes of the individual video."""
        video = reply.kind == MessageType.VIDEO_SUBSCRIPTION_RESP
        if reply.status is None:
            refused = reply.state is None  # answers with a state need no status
        else:
            refused = explain_status(reply.status).retry not in {Retry.OK, Retry.HARMLESS}
        if video:
            asked = request.subscribe if reply.subscribed is None else reply.subscribed
            self._intake.add(
                ev.VideoSubscriptionChanged(
                    sequence=self._intake.number(),
                    timestamp_ms=reply.timestamp_ms,
                    user_id=request.user_id,
                    subscribed=asked and not refused,
                    status=reply.status,
                )
            )
            if refused and request.subscribe and self._video and self._video[0] == request.user_id:
                self._video = None  # nor is it asked for again after a reconnect
        if refused:
            return RequestFailed(request.description, reply.status, reply.reason)
        return reply

    def expire(self, now: float) -> None:
        """Fail the requests whose time is up."""
        for request in self._requests.take_expired(now):
            awaited = f"an answer to {request.description}"
            timeout = AnswerTimeout("signaling", awaited, self._options.timeouts.request_s)
            self._actions.append(Answer(request.token, timeout))

    def fail(self, *, over: bool) -> None:
        """Fail all requests: signaling is gone, or the stream is over."""
        self._over = self._over or over
        state = "CLOSED" if over else "RECONNECTING_SIGNALING"
        for request in self._requests.take_all():
            error = InvalidState(
                f"get {request.description}", state, "the connection that was asked is gone"
            )
            self._actions.append(Answer(request.token, error))

    def deadlines(self) -> list[float]:
        """Return when each request expires."""
        return self._requests.deadlines()

    def _request(
        self,
        message: Message,
        reply_kind: MessageType,
        description: str,
        now: float,
        *,
        user_id: int | None = None,
        session_id: str | None = None,
        subscribe: bool = True,
    ) -> int:
        """Send a request on signaling and note that its answer is awaited."""
        link = self._connections.signaling
        if link is None or not link.machine.accepts(LinkInput.REQUEST):
            state = "NOT CONNECTED" if link is None else link.machine.state.name
            raise InvalidState(f"ask for {description}", state, "possible while signaling is ready")
        link.machine.feed(LinkInput.REQUEST)
        self._connections.send(link, message)
        return self._requests.add(
            reply_kind,
            description,
            now + self._options.timeouts.request_s,
            user_id=user_id,
            session_id=session_id,
            subscribe=subscribe,
        ).token
