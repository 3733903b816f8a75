"""A fault inside the core ends the stream with an error; it never unwinds into a transport."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from rtms_client._runtime.buffers import Hub
from rtms_client._runtime.driver import Driver
from rtms_client._runtime.hooks import RestartCaller
from rtms_client._runtime.log import stream_log
from rtms_client._runtime.scope import TaskScope
from rtms_client._transport import Receiver, Transport
from rtms_client.config import BufferLimits, ReconnectPolicy, StreamInfo, Timeouts
from rtms_client.protocol import SessionOptions, StreamSession

INFO = StreamInfo(
    product_id="id", stream_id="stream", server_urls=("wss://rtms.zoom.us",), alternate_id="other"
)


class Wire:
    """A connection in memory, and its connector."""

    complete = False

    def __init__(self, *, answers: bool = True) -> None:
        self.receiver: Receiver | None = None
        self.started = asyncio.Event()
        self._answers = answers

    async def __call__(self, endpoint: str, url: str) -> Transport:
        """Open, or never."""
        if not self._answers:
            await asyncio.Event().wait()
        assert (endpoint, url) == ("signaling", "wss://rtms.zoom.us")
        return self

    def start(self, receiver: Receiver) -> None:
        """Remember who listens."""
        self.receiver = receiver
        self.started.set()

    def send(self, data: bytes) -> None:
        """Take a message and forget it."""
        assert data

    async def close(self, code: int, reason: str, *, drain: bool = False) -> None:
        """Have nothing to close."""

    def abort(self) -> None:
        """Have nothing to cut."""


def _broken_dice() -> float:
    return 1 / 0


def _sign(product_id: str) -> str:
    if product_id == "other":
        raise LookupError("the vault is closed")
    return "00"


class Faults:
    """Where faults are reported."""

    def __init__(self) -> None:
        self.reported: list[BaseException] = []
        self.any = asyncio.Event()

    def add(self, fault: BaseException) -> None:
        """Take note of a fault."""
        self.reported.append(fault)
        self.any.set()


Made = Callable[[Wire], Driver]


@pytest.fixture
async def faults() -> Faults:
    """Return where faults are reported."""
    return Faults()


@pytest.fixture
async def make(faults: Faults) -> AsyncIterator[Made]:
    """Return a function that starts a driver whose session has faults."""
    scope = TaskScope("test", faults.add)

    def start(wire: Wire) -> Driver:
        options = SessionOptions(
            params={},
            sign=_sign,
            reconnect=ReconnectPolicy(),
            dice=_broken_dice,
            timeouts=Timeouts(connect_s=0.01),
        )
        hub = Hub({None: BufferLimits(max_items=10, max_bytes=1000)}, lambda _: None)
        driver = Driver(
            StreamSession(INFO, options),
            wire,
            hub,
            scope,
            stream_log("stream"),
            observe=print,
            restart=RestartCaller(None, stream_log("stream")).ask,
        )
        driver.start()
        return driver

    yield start
    await scope.aclose()


async def test_fault_in_a_message(make: Made, faults: Faults) -> None:
    """A signature that cannot be made for the second id is reported."""
    wire = Wire()
    make(wire)
    await wire.started.wait()
    assert wire.receiver is not None
    wire.receiver.messages_received([b'{"msg_type":2,"status_code":3}'])
    assert [type(fault) for fault in faults.reported] == [LookupError]


async def test_fault_in_a_loss(make: Made, faults: Faults) -> None:
    """A fault while a loss is handled is reported."""
    wire = Wire()
    make(wire)
    await wire.started.wait()
    assert wire.receiver is not None
    wire.receiver.connection_lost(1006, "")
    assert [type(fault) for fault in faults.reported] == [ZeroDivisionError]


async def test_fault_in_the_timer(make: Made, faults: Faults) -> None:
    """A fault while time passes is reported."""
    make(Wire(answers=False))
    await faults.any.wait()
    assert [type(fault) for fault in faults.reported] == [ZeroDivisionError]
