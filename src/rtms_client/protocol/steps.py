"""The steps of one stream: what is opened, given up and ended, whoever wants it so.

The session in `rtms_client.protocol.session` decides when.
"""

from collections.abc import Mapping
from typing import Final

from rtms_client._wire import inbound, outbound
from rtms_client._wire.cipher import PayloadCipher
from rtms_client._wire.codec import Codec, JsonCodec
from rtms_client._wire.shapes import Shapes
from rtms_client.codes import Retry, explain_stop
from rtms_client.config import ReconnectPolicy, RestartPolicy, StreamInfo
from rtms_client.enums import MediaType, StopReason
from rtms_client.exceptions import (
    ConnectionLost,
    HandshakeRejected,
    MediaNotAvailable,
    RTMSError,
    StreamLost,
    StreamNotFound,
    StreamStopped,
)
from rtms_client.protocol.connections import Connections
from rtms_client.protocol.control import Control
from rtms_client.protocol.handshakes import carried, granted
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.links import Link, LinkInput
from rtms_client.protocol.machine import Machine
from rtms_client.protocol.options import SessionOptions
from rtms_client.protocol.outputs import Action, AskRestart, Granted
from rtms_client.protocol.phases import SESSION_TABLE, Phase, SessionInput
from rtms_client.protocol.reconnect import Recoveries, concerns, polite
from rtms_client.protocol.restart import Restarts
from rtms_client.protocol.target import Target

__all__ = ["SessionSteps"]

_ABNORMAL: Final = 1006  # RFC 6455, section 7.4.1
_GRACE_S: Final = 1.0  # between the close of a medium and TERMINATED


class SessionSteps:
    """What a session is made of, and the steps that it takes.

    Args:
        info: The stream to join.
        options: How to join it.
        codec: Format of the messages.
        cipher: Decryption of payloads, for servers that encrypt them.

    Attributes:
        actions: What the shell has to do, in order; the shell clears the list.
        intake: What arrived for the application.
        control: What the application asks of the server.
        error: Why the stream ended; `None` while it lives and after a normal end.
        stop_reason: The server's reason for the end; `None` when it gave none.
        changed: Whether `phase` or `next_deadline` may have changed; the shell resets it.
    """

    def __init__(
        self,
        info: StreamInfo,
        options: SessionOptions,
        *,
        codec: Codec | None = None,
        cipher: PayloadCipher | None = None,
    ) -> None:
        self.info = info
        self.options: SessionOptions = options
        self.actions: list[Action] = []
        self.error: RTMSError | None = None
        self.stop_reason: StopReason | None = None
        self.changed: bool = False
        self._codec: Codec = codec or JsonCodec()
        self._encrypted_is_readable = cipher is not None
        self._connections = Connections(self.actions, self._codec, options.timeouts)
        shapes = Shapes(self._codec, options.decode_base64) if codec is None else None
        self.intake: Intake = Intake(info.product, options.params, cipher, shapes)
        self.control: Control = Control(info, options, self._connections, self.intake, self.actions)
        self._recoveries = Recoveries(
            options.reconnect or ReconnectPolicy(), options.on_reconnect, options.dice, self.intake
        )
        self._restarts = Restarts(options.restart or RestartPolicy(), options.dice)
        self._machine: Machine[Phase, SessionInput] = Machine("stream", SESSION_TABLE, Phase.IDLE)
        self._target = Target(info, options)
        self._protocol_version: int | None = None
        self._verdict: tuple[float, RTMSError | None] | None = None  # the end, if nothing comes
        self._ending = False
        """Whether the server said that the stream ends."""
        self._refusals: dict[MediaType, RTMSError] = {}
        """Media that will not come, and why."""

    # --- facts -----------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where the stream stands."""
        return self._machine.state

    @property
    def granted(self) -> Granted:
        """What the server gave so far."""
        return granted(self._connections, self.intake, self._protocol_version)

    def next_deadline(self) -> float | None:
        """Return when `timer` must be called, at the latest; `None` for never."""
        deadlines = self._connections.deadlines()
        deadlines += self.control.deadlines()
        deadlines += self._recoveries.deadlines()
        deadlines += self._restarts.deadlines()
        deadlines += [] if self._verdict is None else [self._verdict[0]]
        return min(deadlines, default=None)

    # --- the steps of a stream -------------------------------------------------------------------

    def _identity_refused(self, link: Link, answer: inbound.SignalingAnswer, now: float) -> None:
        """Try the next way to name the stream, if the refusal makes it worth a try."""
        if self._target.refused(answer.status):
            self._open_signaling(now)
            return
        error = HandshakeRejected.for_status("signaling", answer.status, answer.reason)
        self._broken(link, error, now, ready=False)

    def _open_signaling(self, now: float) -> None:
        self._connections.open(None, self._target.signaling_url(), now)
        self.changed = True

    def _open_media(self, urls: Mapping[MediaType, str], now: float) -> None:
        """Open one connection per medium, or one for all (lifecycle notes, section 4)."""
        chosen = self._target.choose_media(urls)
        wanted = {medium: url for medium, url in chosen.items() if medium not in self._refusals}
        try:
            for medium, url in wanted.items():
                if url:
                    self._target.keep_media_url(medium, url)
                    self._connections.open(medium, url, now)
        except RTMSError as error:
            self._end(error)
            return
        for medium, url in wanted.items():
            if not url:
                self._unavailable(medium, MediaNotAvailable(Link.name_of(medium), None, ""))
        self.changed = True
        self._check_media(now)

    def _settle(self, link: Link, now: float) -> None:
        """Acknowledge a media connection on signaling (lifecycle notes, section 5)."""
        link.deadline = None
        self.changed = True
        signaling = self._connections.signaling
        if signaling is not None and signaling.machine.accepts(LinkInput.REQUEST):
            self._connections.send(signaling, outbound.client_ready(self.info.stream_id))
            if link.carries(MediaType.VIDEO):
                self.control.restore_video(now)
        self._recoveries.connected(link.media, now)
        self._check_media(now)

    def _check_media(self, now: float) -> None:
        """Move on when no media connection is under way any more."""
        links = self._connections.media()
        absent = self._recoveries.absent()
        if self._refusals and (self.options.strict or not (links or absent)):
            self._end(min(self._refusals.values(), key=lambda why: not isinstance(why, StreamLost)))
        if self.phase not in {Phase.CONNECTING_MEDIA, Phase.RECONNECTING_MEDIA}:
            return
        if any(not link.settled and link.media not in absent for link in links):
            return
        first = self.phase is Phase.CONNECTING_MEDIA and any(link.settled for link in links)
        if absent and not first:
            return
        self._machine.feed(SessionInput.MEDIA_READY)
        self._recoveries.whole(now)
        if absent:
            self._machine.feed(SessionInput.MEDIA_LOST)
        self.changed = True

    def _unavailable(self, media: MediaType, error: RTMSError) -> None:
        """Announce that a medium will not come."""
        concerned = list(self.options.params) if media == MediaType.ALL else [media]
        self._refusals.update(dict.fromkeys([media, *concerned], error))
        for medium in concerned:
            self.intake.unavailable(medium, error)

    def _media_interrupted(self, news: MediaType | None, now: float) -> None:
        """Reopen what the server says it lost (scenario 3); often it does not say which."""
        if self.phase is Phase.CLOSING:
            return
        self._recoveries.signalled(news, now)
        for link in self._connections.media():
            if not (link.settled and concerns(news, link.media)):
                continue
            if news is None or self._recoveries.noticed(link.media, now):
                self._connections.doubt(link, now)
            elif self._connections.get(link.number) is not None:
                self._connections.close(link)
                lost = ConnectionLost(link.endpoint, _ABNORMAL, "interrupted, says the server")
                self._broken(link, lost, now, ready=True)
        self.changed = True

    def _gone(self, link: Link, cause: LinkInput, error: RTMSError, now: float) -> None:
        """Give up a connection that broke."""
        ready = link.settled
        link.machine.feed(cause)
        if cause is LinkInput.EXPIRED:
            self._connections.close(link, expired=True)
        else:
            self._connections.forget(link)
        self._broken(link, error, now, ready=ready)

    def _drop_media(self) -> None:
        """Close all media connections; what was in use has a gap from here on."""
        for link in self._connections.media():
            if link.settled:
                self.intake.interrupt(carried(link, self.options))
            self._connections.close(link)

    def _broken(self, link: Link, error: RTMSError, now: float, *, ready: bool) -> None:
        """Plan the next try, or give up: the medium, or with signaling the stream."""
        self.changed = True
        media = link.media
        if self._ending or self.intake.roster.all_sessions_stopped or self.phase is Phase.CLOSING:
            if media is None or not self._connections.media():  # else more may come
                self._die(self._stop_error(), now)
            return
        if self.options.reconnect is None:
            self._not_again(link, error, now, ready=ready)
            return
        if media is None:
            self._drop_media()
            self.control.fail(over=False)
            self._machine.feed(SessionInput.SIGNALING_LOST)
        else:
            self._machine.feed(SessionInput.MEDIA_LOST)
        if ready:
            self.intake.interrupt(carried(link, self.options))
        final = self._recoveries.broken(media, error, now, established=ready)
        if final is not None:
            self._given_up(media, final, now)
        elif media is not None:  # the others need not wait for it
            self._check_media(now)

    def _not_again(self, link: Link, error: RTMSError, now: float, *, ready: bool) -> None:
        """Give up for want of a policy; after a polite close TERMINATED may be on its way."""
        if isinstance(error, HandshakeRejected):
            self._given_up(link.media, error, now)
        elif link.media is None or not (ready and polite(error)):
            self._end(error)
        elif self._verdict is None:
            self._verdict = now + _GRACE_S, error

    def _given_up(self, media: MediaType | None, error: RTMSError, now: float) -> None:
        """Go on without a medium; it is the end when none is left or in strict mode."""
        gone = isinstance(error, StreamNotFound) and self.intake.statistics.interruptions
        if gone or (media is None and isinstance(error, StreamLost)):
            self._die(error, now)
        elif media is None:
            self._end(error)
        else:
            self._unavailable(media, error)
            self._check_media(now)

    def _stop_error(self) -> RTMSError | None:
        """Return the error for an end that the server announced, if it was no normal end."""
        reason = self.stop_reason = self.stop_reason or self.intake.roster.stop_reason
        if reason is None or self.phase is Phase.CLOSING:
            return None
        return StreamStopped(reason) if explain_stop(reason).retry is Retry.RESTART else None

    def _die(self, error: RTMSError | None, now: float) -> None:
        """End the stream, unless it may be started again after this error."""
        mortal = self.options.restart is None or not self._machine.accepts(SessionInput.DIED)
        if error is None or mortal:
            self._end(error)
            return
        frames = sum(self.intake.statistics.frames.values())
        if not self._restarts.died(error, frames, now):
            self._end(self._restarts.failure())
            return
        self._machine.feed(SessionInput.DIED)
        self.changed = True
        self._verdict = None
        self.control.fail(over=False)
        self._recoveries.died(error)
        self._connections.close_all(late=self._ending)

    def _have_restarted(self, now: float) -> None:
        """Ask for a start when one is due, and give up in time."""
        request = self._restarts.begin(self.info, self.stop_reason, now)
        if request is not None:
            self.actions.append(AskRestart(request))
        if not self._restarts.expire(now):
            self._end(self._restarts.failure())

    def _end(self, error: RTMSError | None) -> None:
        """Close everything; a no-op after the end."""
        if self.phase is Phase.CLOSED:
            return
        if self.phase is Phase.RESTARTING:
            self.intake.interrupt(self.options.params)
        self._machine.feed(SessionInput.END)
        self._restarts.restarted()
        self.error = error
        self.changed = True
        self._verdict = None
        self.control.fail(over=True)
        self.intake.finish()
        self._recoveries.clear()
        self._connections.close_all(late=self._ending)
