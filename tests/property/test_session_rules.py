"""Any order of everything that can happen to a session, found and shrunk by hypothesis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rtms_client.config import ReconnectPolicy
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import BufferOverflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.property.conftest import MakeShell, Shell

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
SIGNALING_MESSAGES, MEDIA_MESSAGES = st.integers(0, 31), st.integers(0, 14)


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
    @rule(data=st.data())
    def connection_opens(self, data: st.DataObject) -> None:
        """Let a connection come about."""
        self.shell.opened(data.draw(st.sampled_from(sorted(self.shell.opening))))

    @precondition(lambda self: self.shell.opening)
    @rule(data=st.data())
    def connection_fails(self, data: st.DataObject) -> None:
        """Let a connection not come about."""
        self.shell.failed(data.draw(st.sampled_from(sorted(self.shell.opening))))

    @precondition(lambda self: self.shell.open)
    @rule(data=st.data(), code=st.sampled_from([1000, 1006, 1011, 4000]))
    def connection_breaks(self, data: st.DataObject, code: int) -> None:
        """Let a connection break."""
        self.shell.lost(data.draw(st.sampled_from(sorted(self.shell.open))), code)

    @precondition(lambda self: self.shell.open)
    @rule(data=st.data(), kind=st.sampled_from(["signaling", "media"]), again=st.booleans())
    def valid_message(self, data: st.DataObject, kind: str, again: bool) -> None:  # noqa: FBT001  # drawn
        """Send a message of the corpus, on a fitting connection or not, once or twice."""
        number = data.draw(st.sampled_from(sorted(self.shell.open)))
        message = data.draw(st.sampled_from(self.corpus[kind]))
        for _ in range(1 + again):
            if number in self.shell.open:
                self._say(number, message)

    @precondition(lambda self: self.shell.open)
    @rule(data=st.data(), kind=st.sampled_from(["signaling", "media"]), value=JSON)
    def mutated_message(self, data: st.DataObject, kind: str, value: Any) -> None:  # noqa: ANN401  # any JSON
        """Send a message of the corpus with one value replaced."""
        message = dict(data.draw(st.sampled_from(self.corpus[kind])))
        key = data.draw(st.sampled_from(sorted(message)))
        inner = message[key]
        if isinstance(inner, dict) and inner:
            inner = {**inner, data.draw(st.sampled_from(sorted(inner))): value}
        else:
            inner = value
        number = data.draw(st.sampled_from(sorted(self.shell.open)))
        self._say(number, {**message, key: inner})

    @precondition(lambda self: self.shell.open)
    @rule(data=st.data(), kind=st.sampled_from(["signaling", "media"]))
    def truncated_message(self, data: st.DataObject, kind: str) -> None:
        """Send the beginning of a message of the corpus."""
        whole = json.dumps(data.draw(st.sampled_from(self.corpus[kind]))).encode()
        number = data.draw(st.sampled_from(sorted(self.shell.open)))
        self.shell.receive(number, whole[: data.draw(st.integers(0, len(whole)))])

    @precondition(lambda self: self.shell.open)
    @rule(data=st.data(), junk=st.binary(max_size=32))
    def junk_arrives(self, data: st.DataObject, junk: bytes) -> None:
        """Send what is no message at all."""
        self.shell.receive(data.draw(st.sampled_from(sorted(self.shell.open))), junk)

    @rule(number=st.integers(-1, 50), data=st.binary(max_size=8))
    def stranger(self, number: int, data: bytes) -> None:
        """Report something about a connection that is not there: it is void."""
        shell = self.shell
        if number not in {*shell.open, *shell.opening}:
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

    @rule()
    def close(self) -> None:
        """End gracefully."""
        self.shell.ask(lambda: self.shell.session.close(self.shell.now))

    @rule(reason=st.sampled_from([None, StopReason.MEETING_ENDED, StopReason.EXIT_SIGNAL]))
    def stopped(self, reason: StopReason | None) -> None:
        """Take note of a stopped webhook."""
        self.shell.ask(lambda: self.shell.session.stopped(reason))

    @rule(error=st.sampled_from([None, BufferOverflow("audio", 1, 1)]))
    def abort(self, error: BufferOverflow | None) -> None:
        """End at once."""
        self.shell.ask(lambda: self.shell.session.abort(error))


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
            max_examples=30,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
