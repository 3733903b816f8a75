"""The receiving process of the fastest bare loop: picows, orjson and pybase64, and nothing else."""

import asyncio
import importlib
import json
import os
import ssl
import sys
from collections.abc import Callable
from typing import Any, Final, Protocol

from typing_extensions import override

from .load import MEDIA_TYPES, Job, join_all, load
from .meters import Meter, hear, meter, report

picows: Any = importlib.import_module("picows")
orjson: Any = importlib.import_module("orjson")
pybase64: Any = importlib.import_module("pybase64")

_MAX_BYTES: Final = 16 * 1024 * 1024
_decode, _loads = pybase64.b64decode, orjson.loads


class _Frame(Protocol):
    """A frame of picows."""

    def get_payload_as_memoryview(self) -> memoryview:
        """Return what it carries."""
        ...


class _Socket(Protocol):
    """A connection of picows."""

    def send(self, kind: object, data: bytes) -> None:
        """Send a message."""
        ...


class _Answers(picows.WSListener):  # type: ignore[misc]  # picows need not be there when types are checked
    """Waits for answers."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Any] = asyncio.Queue()

    def on_ws_frame(self, _: object, frame: _Frame) -> None:
        """Take a frame."""
        self.messages.put_nowait(_loads(frame.get_payload_as_memoryview()))


class _Media(_Answers):
    """Takes media as soon as they come."""

    def __init__(self, what: Meter, done: asyncio.Event) -> None:
        super().__init__()
        self._meter, self._take, self._done = what, what.take, done

    @override
    def on_ws_frame(self, _: object, frame: _Frame) -> None:
        """Take a frame."""
        message = _loads(frame.get_payload_as_memoryview())
        kind = message["msg_type"]
        if kind in {14, 15}:
            content = message["content"]
            if self._take(_decode(content["data"]), content["timestamp"]):
                self._done.set()
        elif kind == 17:
            content = message["content"]
            if hear(self._meter, content["data"], content["timestamp"]):
                self._done.set()
        else:
            self.messages.put_nowait(message)


async def _join(
    job: Job, number: int, context: ssl.SSLContext | None, what: Meter, done: asyncio.Event
) -> list[object]:
    """Do the handshakes of RTMS; returns what must be kept."""
    identity = {"meeting_uuid": "meeting", "rtms_stream_id": f"floor-{os.getpid()}-{number}"}

    async def opened(url: str, make: Callable[[], _Answers]) -> tuple[_Socket, _Answers]:
        pair: tuple[_Socket, _Answers] = await picows.ws_connect(
            make, url, ssl_context=context, max_frame_size=_MAX_BYTES
        )
        return pair

    def send(transport: _Socket, **message: object) -> None:
        transport.send(picows.WSMsgType.TEXT, json.dumps({**message, **identity}).encode())

    signaling, answers = await opened(job.url, _Answers)
    send(signaling, msg_type=1)
    answer = await answers.messages.get()
    kept: list[object] = [signaling, answers]
    for medium in job.media:
        url = answer["media_server"]["server_urls"][medium]
        media, listener = await opened(url, lambda: _Media(what, done))
        send(media, msg_type=3, media_type=MEDIA_TYPES[medium], media_params={})
        await listener.messages.get()
        kept += [media, listener]
    send(signaling, msg_type=7)
    return kept


async def _run(job: Job, what: Meter) -> None:
    context = None
    if job.url.startswith("wss:"):
        context = ssl.create_default_context(cafile=job.ca_file)
    done = asyncio.Event()

    async def join(number: int) -> list[object]:
        return await _join(job, number, context, what, done)

    if job.idle:
        kept = await join_all(join, 0, job.warm_streams)
        await asyncio.sleep(job.seconds)
        what.joined()
        kept += await join_all(join, job.warm_streams, job.streams)
        await asyncio.sleep(job.seconds)
    else:
        kept = await join_all(join, 0, job.streams)
        what.joined()
        await done.wait()
    assert kept
    report(what)
    os._exit(0)


def main() -> None:
    """Do the job of the command line."""
    job = load(Job, sys.argv[1])
    asyncio.run(_run(job, meter(job)))


if __name__ == "__main__":
    main()
