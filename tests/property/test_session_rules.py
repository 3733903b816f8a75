"""Any order of everything that can happen to a session, found and shrunk by hypothesis."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rtms_client._wire import fields as f
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import BufferOverflow
from rtms_client.protocol import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.property.conftest import MakeShell, Shell

    from rtms_client.protocol import StreamSession

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def whole(_: st.DataObject, message: dict[str, object]) -> bytes:
    """Return a message as it is."""
    return json.dumps(message).encode()


def with_other_value(data: st.DataObject, message: dict[str, object]) -> bytes:
    """Return a message with one value replaced."""
    key = data.draw(st.sampled_from(sorted(message)))
    return json.dumps({**message, key: data.draw(JSON)}).encode()


def with_other_inside(data: st.DataObject, message: dict[str, object]) -> bytes:
    """Return a message with one value inside its payload replaced."""
    inside = {**f.mapping(message.get("event")), **f.mapping(message.get("content"))}
    inside[data.draw(st.sampled_from(["user_id", "event_type", "data", *inside]))] = data.draw(JSON)
    return json.dumps({**message, "event": inside, "content": inside}).encode()


def cut(data: st.DataObject, message: dict[str, object]) -> bytes:
    """Return the beginning of a message."""
    encoded = json.dumps(message).encode()
    return encoded[: data.draw(st.integers(0, len(encoded)))]


def junk(data: st.DataObject, _: dict[str, object]) -> bytes:
    """Return what is no message at all."""
    return data.draw(st.binary(max_size=32))


WAYS = (whole, with_other_value, with_other_inside, cut, junk)


class Sessions(RuleBasedStateMachine):
    """Rules for everything that shell, server and application may do."""

    make_shell: MakeShell
    corpus: dict[str, list[dict[str, object]]]
    requests: list[Callable[[Shell], int | None]]
    shell: Shell

    @initialize(
        product=st.sampled_from(Product),
        reconnect=st.sampled_from([None, ReconnectPolicy(), ReconnectPolicy(on_signals_only=True)]),
        unified=st.booleans(),
        strict=st.booleans(),
        ready=st.booleans(),
    )
    def begin(
        self,
        *,
        product: Product,
        reconnect: ReconnectPolicy | None,
        unified: bool,
        strict: bool,
        ready: bool,
    ) -> None:
        """Make a session; often one that has got as far as its media."""
        self.shell = self.make_shell(
            product=product, reconnect=reconnect, unified=unified, strict=strict
        )
        if ready:
            self.shell.start()
            self.shell.opened(1)
            self._say(1, self.corpus["signaling"][0])

    def _say(self, number: int, message: object) -> None:
        self.shell.receive(number, json.dumps(message).encode())

    @rule()
    def start(self) -> None:
        """Start, perhaps once more."""
        self.shell.start()

    @precondition(lambda self: self.shell.opening)
    @rule(data=st.data(), fails=st.booleans())
    def connection_opens(self, data: st.DataObject, fails: bool) -> None:  # noqa: FBT001  # drawn
        """Let a connection come about, or not."""
        number = data.draw(st.sampled_from(sorted(self.shell.opening)))
        (self.shell.failed if fails else self.shell.opened)(number)

    @precondition(lambda self: self.shell.open)
    @rule(data=st.data(), code=st.sampled_from([1000, 1006, 1011, 4000]))
    def connection_breaks(self, data: st.DataObject, code: int) -> None:
        """Let a connection break."""
        self.shell.lost(data.draw(st.sampled_from(sorted(self.shell.open))), code)

    @precondition(lambda self: self.shell.open)
    @rule(data=st.data(), kind=st.sampled_from(["signaling", "media"]), times=st.integers(1, 2))
    def message_arrives(self, data: st.DataObject, kind: str, times: int) -> None:
        """Send a message of the corpus, whole or spoilt, in its place or not, once or twice."""
        number = data.draw(st.sampled_from(sorted(self.shell.open)))
        message = data.draw(st.sampled_from(self.corpus[kind]))
        spoil = data.draw(st.sampled_from(WAYS))
        sent = spoil(data, message)
        for _ in range(times):
            self.shell.receive(number, sent)

    @rule(number=st.sampled_from([-1, 0, 10_000]), data=st.binary(max_size=8))
    def stranger(self, number: int, data: bytes) -> None:
        """Report something about a connection that is not there: it is void."""
        shell = self.shell
        shell.tell(lambda: shell.session.opened(number, shell.now))
        shell.tell(lambda: shell.session.receive(number, data, shell.now))
        shell.tell(lambda: shell.session.lost(number, 1006, "", shell.now))

    @rule(seconds=st.sampled_from([0.0, 0.25, 1.0, 5.0, 10.0, 30.0, 65.0]))
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self.shell.pass_time(seconds)

    @rule(data=st.data())
    def request(self, data: st.DataObject) -> None:
        """Ask something of the session."""
        call = data.draw(st.sampled_from(self.requests))
        self.shell.ask(lambda: call(self.shell))

    @rule(
        end=st.sampled_from(
            [
                lambda session, now: session.close(now),
                lambda session, now: session.stopped(None, now),
                lambda session, now: session.stopped(StopReason.EXIT_SIGNAL, now),
                lambda session, _: session.abort(BufferOverflow("audio", 1, 1)),
            ]
        )
    )
    def end(self, end: Callable[[StreamSession, float], None]) -> None:
        """End, gracefully or at once."""
        self.shell.ask(lambda: end(self.shell.session, self.shell.now))


@settings(max_examples=5)
@given(data=st.data())
def test_every_way_to_spoil_a_message(data: st.DataObject) -> None:
    """The rules above have bytes to send, whatever is drawn."""
    message: dict[str, object] = {"msg_type": 14, "content": {"data": "AAAA"}}
    assert {type(spoil(data, message)) for spoil in WAYS} == {bytes}


def _ask(call: Callable[[Shell], int | None], one: Sessions) -> None:
    one.shell.ask(lambda: call(one.shell))


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_rule_by_itself(
    make_shell: MakeShell,
    corpus: dict[str, list[dict[str, object]]],
    requests: list[Callable[[Shell], int | None]],
    data: st.DataObject,
) -> None:
    """Each of the rules above is followed, whatever orders are drawn below."""
    follow: list[Callable[[Sessions], None]] = [
        lambda one: one.start(),
        lambda one: one.connection_opens(data, fails=False),
        lambda one: one.connection_opens(data, fails=True),
        lambda one: one.connection_breaks(data, 1006),
        lambda one: one.message_arrives(data, "signaling", 2),
        lambda one: one.message_arrives(data, "media", 1),
        lambda one: one.shell.receive(1, b"no message"),
        lambda one: one.stranger(10_000, b"{}"),
        lambda one: one.time_passes(65.0),
        lambda one: one.request(data),
        lambda one: one.end(lambda session, now: session.close(now)),
        *(partial(_ask, call) for call in requests),
    ]
    Sessions.corpus, Sessions.requests = corpus, requests
    Sessions.make_shell = staticmethod(make_shell)
    for rule_of_one in follow:
        one = Sessions()
        one.begin(
            product=Product.MEETING,
            reconnect=ReconnectPolicy(),
            unified=False,
            strict=False,
            ready=True,
        )
        rule_of_one(one)
        assert one.shell.session.phase is not Phase.IDLE


def test_every_order_of_events(
    make_shell: MakeShell,
    corpus: dict[str, list[dict[str, object]]],
    requests: list[Callable[[Shell], int | None]],
) -> None:
    """Nothing escapes, nothing is done twice, numbers grow, every wait ends, the end is final."""
    Sessions.make_shell = staticmethod(make_shell)
    Sessions.corpus, Sessions.requests = corpus, requests
    run_state_machine_as_test(
        Sessions,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
