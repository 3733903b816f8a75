"""The sending process: does the handshakes of RTMS, then writes precomputed frames.

It is much cheaper than the fake server of `rtms_client.testing`, so that it is never the
bottleneck, and knows only what the receivers need. It runs until its standard input ends, and
answers each line there with what became of the keep-alives since the last one.
"""

import asyncio
import contextlib
import itertools
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from rtms_client.testing._certificates import loopback_certificates

from .frames import Cycle, Stamped
from .load import MEDIA_TYPES, Flow, Load, load, open_many_files

_BACKLOG_BYTES: Final = 1 << 20
_FULL_S: Final = 0.0005
_LATE_S: Final = 0.1  # what a machine that is too slow is not asked to catch up on
_END_S: Final = 10.0
_GOLDEN: Final = 0.618  # spreads the streams evenly over the interval


class KeepAlives:
    """What became of the keep-alives; asks on every connection.

    What a receiver left unanswered when it ended must not count against the next one: some sides of
    a benchmark answer nothing at all.

    Args:
        interval_s: Between two of a connection; what is not answered until the next is missed.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._asked: dict[ServerConnection, float] = {}
        self._connections = 0
        self._open: set[ServerConnection] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._clear()

    def _clear(self) -> None:
        """Count anew."""
        self._count = self._missed = 0
        self._slowest_s = 0.0

    async def tally(self) -> dict[str, float]:
        """Return what was counted, when all connections have ended: the next ones count anew.

        Raises:
            TimeoutError: Some do not end.
        """
        async with asyncio.timeout(_END_S):
            await self._all_gone.wait()
        counts = {"asked": self._count, "missed": self._missed, "slowest_ms": 1e3 * self._slowest_s}
        self._clear()
        return counts

    def start(self, ws: ServerConnection) -> asyncio.Task[None]:
        """Begin to ask; the task is to be cancelled."""
        self._open.add(ws)
        self._all_gone.clear()
        return asyncio.create_task(self._ask(ws))

    async def _ask(self, ws: ServerConnection) -> None:
        self._connections += 1
        await asyncio.sleep(self._connections * _GOLDEN % 1 * self._interval_s)
        for sequence in itertools.count(1):
            self._asked.setdefault(ws, time.monotonic())
            self._count += 1
            await _send(ws, 12, sequence=sequence, timestamp=time.time_ns() // 1_000_000)
            await asyncio.sleep(self._interval_s)
            self._missed += ws in self._asked

    def answered(self, ws: ServerConnection) -> None:
        """Take note of an answer."""
        now = time.monotonic()
        self._slowest_s = max(self._slowest_s, now - self._asked.pop(ws, now))

    def gone(self, ws: ServerConnection) -> None:
        """Take note that nobody is there to answer."""
        self._count -= self._asked.pop(ws, None) is not None
        self._open.remove(ws)
        if not self._open:
            self._all_gone.set()


class Sender:
    """Serves signaling and media on one port.

    Args:
        what: What to send.
    """

    def __init__(self, what: Load) -> None:
        self._load = what
        self._flows = {MEDIA_TYPES[flow.medium]: flow for flow in what.flows}
        self._keep_alives = KeepAlives(what.keep_alive_s)
        self._base = ""
        self._ready: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._connections = 0

    async def run(self) -> None:
        """Serve until the standard input ends."""
        context = loopback_certificates().server_context() if self._load.tls else None
        with tempfile.TemporaryDirectory(prefix="rtms-client-") as directory:
            ca_file = _ca_file(directory)
            async with serve(
                self._handle,
                "127.0.0.1",
                0,
                ssl=context,
                compression=None,
                ping_interval=None,
                close_timeout=0.2,
            ) as server:
                port = next(iter(server.sockets)).getsockname()[1]
                self._base = f"{'wss' if self._load.tls else 'ws'}://localhost:{port}"
                print(json.dumps({"url": f"{self._base}/signaling", "ca_file": str(ca_file)}))
                sys.stdout.flush()
                while await asyncio.to_thread(sys.stdin.readline):
                    print(json.dumps(await self._keep_alives.tally()), flush=True)

    async def _handle(self, ws: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            request: dict[str, Any] = json.loads(await ws.recv())
            if request["msg_type"] == 1:
                await self._signaling(ws, request["rtms_stream_id"])
            else:
                await self._media(ws, request)

    async def _signaling(self, ws: ServerConnection, stream_id: str) -> None:
        urls = {flow.medium: f"{self._base}/{flow.medium}" for flow in self._load.flows}
        await _send(ws, 2, protocol_version=1, status_code=0, media_server={"server_urls": urls})
        await self._listen(ws)
        self._ready.pop(stream_id, None)

    async def _media(self, ws: ServerConnection, request: dict[str, Any]) -> None:
        flow = self._flows[request["media_type"]]
        await _send(
            ws,
            4,
            protocol_version=1,
            status_code=0,
            media_params=request["media_params"],
            payload_encrypted=False,  # Zoom's SDK ends with 6 without it
        )
        sending = asyncio.create_task(self._send_flow(ws, flow, request["rtms_stream_id"]))
        await self._listen(ws)
        sending.cancel()

    async def _listen(self, ws: ServerConnection) -> None:
        """Read until the connection ends."""
        asking = self._keep_alives.start(ws)
        try:
            async for text in ws:
                message = json.loads(text)
                match message["msg_type"]:
                    case 7:
                        self._ready[message["rtms_stream_id"]].set()
                    case 13:
                        self._keep_alives.answered(ws)
                    case 21:
                        await _send(ws, 22, status_code=0)
                    case _:
                        pass
        finally:
            asking.cancel()
            self._keep_alives.gone(ws)

    async def _send_flow(self, ws: ServerConnection, flow: Flow, stream_id: str) -> None:
        await self._ready[stream_id].wait()
        if flow.frames:
            await self._flood(ws, flow)
        elif flow.interval_s:
            self._connections += 1
            await self._pace(ws, flow, self._connections)

    async def _flood(self, ws: ServerConnection, flow: Flow) -> None:
        """Send as fast as the receiver takes it, many frames in one write."""
        frames = Cycle(flow)
        left = flow.frames
        while left:
            count = min(left, len(frames))
            left -= count
            # There is room when asyncio calls resume_writing() of websockets' protocol, which wakes
            # nobody but its own send(): so look.
            while ws.transport.get_write_buffer_size() > _BACKLOG_BYTES:  # noqa: ASYNC110  # see above
                await asyncio.sleep(_FULL_S)
            if ws.transport.is_closing():
                return
            ws.transport.write(frames.take(count, final=not left))

    async def _pace(self, ws: ServerConnection, flow: Flow, connection: int) -> None:
        """Send one frame per interval; a late one moves the next only if very late."""
        frames = Stamped(flow, connection)
        loop = asyncio.get_running_loop()
        due = loop.time() + connection * _GOLDEN % 1 * flow.interval_s
        while not ws.transport.is_closing():
            await asyncio.sleep(due - loop.time())
            ws.transport.write(frames.frame())
            due = max(due + flow.interval_s, loop.time() - _LATE_S)


def _ca_file(directory: str) -> Path:
    path = Path(directory, "ca.pem")
    path.write_bytes(loopback_certificates().ca_pem)
    return path


async def _send(ws: ServerConnection, msg_type: int, **fields: object) -> None:
    await ws.send(json.dumps({"msg_type": msg_type, **fields}))


if __name__ == "__main__":
    open_many_files()
    asyncio.run(Sender(load(Load, sys.argv[1])).run())
