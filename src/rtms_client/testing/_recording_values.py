"""Values of a recording as JSON: options, streams and errors."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import attrs

from rtms_client import exceptions
from rtms_client._wire.outbound import MediaParams
from rtms_client.config import (
    AudioParams,
    ChatParams,
    NetworkOptions,
    ReconnectPolicy,
    RestartPolicy,
    ShareParams,
    StreamInfo,
    Timeouts,
    TranscriptParams,
    VideoParams,
)
from rtms_client.enums import ContactCenterEventType, EventType, MediaType, StatusCode, StopReason
from rtms_client.exceptions import RTMSError
from rtms_client.protocol import EventSubscription, SessionOptions
from rtms_client.protocol.reconnect import ReconnectHook

from ._redaction import Redactor

__all__ = [
    "error_from",
    "error_values",
    "event_from",
    "event_value",
    "info_from",
    "info_values",
    "options_from",
    "options_values",
]

_PARAMS: Final[Mapping[str, Callable[..., MediaParams]]] = {
    "AUDIO": AudioParams,
    "VIDEO": VideoParams,
    "SHARE": ShareParams,
    "TRANSCRIPT": TranscriptParams,
    "CHAT": ChatParams,
}
_FLAGS: Final = ("unified", "strict", "buffer_data", "protocol_version", "id_key")
_EVENTS: Final = {kind.__name__: kind for kind in (EventType, ContactCenterEventType)}
_STATUS_OF: Final = (exceptions.HandshakeRejected, exceptions.RequestFailed)


def _fields(value: attrs.AttrsInstance) -> dict[str, object]:
    """Return what a value was made of."""
    return {
        field.name: getattr(value, field.name) for field in attrs.fields(type(value)) if field.init
    }


def info_values(info: StreamInfo, redactor: Redactor) -> dict[str, object]:
    """Return a stream as it may be written."""
    urls = [redactor.url(url) for url in info.server_urls]
    return {**_fields(info), "server_urls": urls, "extra": redactor.mapping(info.extra)}


def info_from(values: Mapping[str, Any]) -> StreamInfo:
    """Make the stream that was written."""
    return StreamInfo(**values)


def options_values(options: SessionOptions, redactor: Redactor) -> dict[str, object]:
    """Return the options that matter, as they may be written; secrets are none of them."""
    events = options.events
    return {
        "params": {medium.name: _fields(params) for medium, params in options.params.items()},
        "events": None if events is None else [event_value(event, redactor) for event in events],
        "allowed_hosts": options.network.allowed_hosts,
        "allow_plaintext": options.network.allow_plaintext,
        "timeouts": _fields(options.timeouts),
        "reconnect": None if options.reconnect is None else _fields(options.reconnect),
        "on_reconnect": options.on_reconnect is not None,
        "restart": None if options.restart is None else _fields(options.restart),
        **{name: getattr(options, name) for name in _FLAGS},
    }


def options_from(
    values: Mapping[str, Any], *, hook: ReconnectHook, dice: Callable[[], float]
) -> SessionOptions:
    """Make the options that were written.

    Args:
        values: What was written.
        hook: Answers for the application, if it had a hook.
        dice: What the dice showed.
    """
    policy = values["reconnect"]
    if policy is not None:
        fields = dict[str, Any](policy)
        fields["duplicate_delays_s"] = tuple(fields["duplicate_delays_s"])
        policy = ReconnectPolicy(**fields)
    restart = values.get("restart")
    with warnings.catch_warnings():  # whoever chose the parameters was warned
        warnings.simplefilter("ignore")
        params = {
            MediaType[name]: _PARAMS[name](**fields) for name, fields in values["params"].items()
        }
    events = values["events"]
    return SessionOptions(
        params=params,
        sign=lambda _: "redacted",
        events=None if events is None else tuple(event_from(event) for event in events),
        network=NetworkOptions(
            allowed_hosts=values["allowed_hosts"], allow_plaintext=values["allow_plaintext"]
        ),
        timeouts=Timeouts(**values["timeouts"]),
        reconnect=policy,
        on_reconnect=hook if values["on_reconnect"] else None,
        restart=None if restart is None else RestartPolicy(**restart),
        dice=dice,
        **{name: values[name] for name in _FLAGS},
    )


def event_value(event: EventSubscription, redactor: Redactor) -> object:
    """Return an event to subscribe to as it may be written."""
    if isinstance(event, Mapping):
        return redactor.mapping(event)
    return [type(event).__name__, int(event)]


def event_from(value: object) -> EventSubscription:
    """Make the event that was written."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value)
    kind, number = cast("tuple[str, int]", value)
    return _EVENTS[kind](number)


def error_values(error: RTMSError | None) -> dict[str, object] | None:
    """Return an error as class and facts."""
    if error is None:
        return None
    return {"error": type(error).__name__, "facts": list(error.args)}


def error_from(values: Mapping[str, Any] | None) -> RTMSError | None:
    """Make the error that was written; a class that this version does not know is the root."""
    if values is None:
        return None
    facts: list[Any] = [_immutable(fact) for fact in values["facts"]]
    kind: object = getattr(exceptions, values["error"], None)
    if not (isinstance(kind, type) and issubclass(kind, RTMSError)):
        kind = RTMSError
    if issubclass(kind, _STATUS_OF):
        facts[1] = None if facts[1] is None else StatusCode(facts[1])
    elif issubclass(kind, exceptions.StreamStopped):
        facts[0] = StopReason(facts[0])
    return kind(*facts)


def _immutable(value: Any) -> Any:  # noqa: ANN401  # a fact of an error may be anything
    if isinstance(value, list):
        return tuple(_immutable(one) for one in cast("list[object]", value))
    return value
