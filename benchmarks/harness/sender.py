"""The sending process: does the handshakes of RTMS, then writes precomputed frames.

It is much cheaper than the fake server of `rtms_client.testing`, so that it is never the
bottleneck, and knows only what the receivers need. It runs until its standard input ends.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from rtms_client.testing._certificates import loopback_certificates

from .frames import Cycle, Stamped
from .load import Load, load

_KEEP_ALIVE_S: Final = 10.0
_BACKLOG_BYTES: Final = 1 << 20
_FULL_S: Final = 0.0005
_LATE_S: Final = 0.1  # what a machine that is too slow is not asked to catch up on
_GOLDEN: Final = 0.618  # spreads the streams evenly over the interval


class Sender:
    """Serves signaling and media on one port.

    Args:
        what: What to send.
    """

    def __init__(self, what: Load) -> None:
        self._load = what
        self._base = ""
        self._ready: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._connections = 0

    async def run(self, ended: Callable[[], Any]) -> None:
        """Serve until a function returns; it runs in a thread."""
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
                await asyncio.to_thread(ended)

    async def _handle(self, ws: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            request: dict[str, Any] = json.loads(await ws.recv())
            if request["msg_type"] == 1:
                await self._signaling(ws)
            else:
                await self._media(ws, request)

    async def _signaling(self, ws: ServerConnection) -> None:
        urls = {name: f"{self._base}/{name}" for name in ("audio", "video")}
        await _send(ws, 2, protocol_version=1, status_code=0, media_server={"server_urls": urls})
        keep_alives = asyncio.create_task(_keep_alive(ws))
        try:
            async for text in ws:
                message = json.loads(text)
                if message["msg_type"] == 7:
                    self._ready[message["rtms_stream_id"]].set()
                elif message["msg_type"] == 21:
                    await _send(ws, 22, status_code=0)
        finally:
            keep_alives.cancel()

    async def _media(self, ws: ServerConnection, request: dict[str, Any]) -> None:
        await _send(
            ws,
            4,
            protocol_version=1,
            status_code=0,
            media_params=request["media_params"],
            payload_encrypted=False,  # Zoom's SDK ends with 6 without it
        )
        stream_id = request["rtms_stream_id"]
        await self._ready[stream_id].wait()
        del self._ready[stream_id]
        if self._load.frames:
            await self._flood(ws)
        elif self._load.interval_s:
            self._connections += 1
            await self._pace(ws, self._connections * _GOLDEN % 1 * self._load.interval_s)
        await ws.wait_closed()

    async def _flood(self, ws: ServerConnection) -> None:
        """Send as fast as the receiver takes it, many frames in one write."""
        frames = Cycle(self._load)
        left = self._load.frames
        while left:
            count = min(left, len(frames))
            left -= count
            # No event tells that there is room: websockets waits for it only in its own send().
            while ws.transport.get_write_buffer_size() > _BACKLOG_BYTES:  # noqa: ASYNC110
                await asyncio.sleep(_FULL_S)
            if ws.transport.is_closing():
                return
            ws.transport.write(frames.take(count, final=not left))

    async def _pace(self, ws: ServerConnection, phase_s: float) -> None:
        """Send one frame per interval; a late one moves the next only if very late."""
        frames = Stamped(self._load)
        loop = asyncio.get_running_loop()
        due = loop.time() + phase_s
        while not ws.transport.is_closing():
            await asyncio.sleep(due - loop.time())
            ws.transport.write(frames.frame())
            due = max(due + self._load.interval_s, loop.time() - _LATE_S)


def _ca_file(directory: str) -> Path:
    path = Path(directory, "ca.pem")
    path.write_bytes(loopback_certificates().ca_pem)
    return path


async def _keep_alive(ws: ServerConnection) -> None:
    sequence = 0
    while True:
        await asyncio.sleep(_KEEP_ALIVE_S)
        sequence += 1
        await _send(ws, 12, sequence=sequence, timestamp=time.time_ns() // 1_000_000)


async def _send(ws: ServerConnection, msg_type: int, **fields: object) -> None:
    await ws.send(json.dumps({"msg_type": msg_type, **fields}))


if __name__ == "__main__":
    asyncio.run(Sender(load(Load, sys.argv[1])).run(sys.stdin.read))
