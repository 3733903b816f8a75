"""The receiving process of Zoom's own SDK, for faults: one client in one loop, all defaults."""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from .witness import Scene, Sight

rtms: Any = importlib.import_module("rtms")  # need not be there when types are checked

_EVENTS: Final = (
    "on_session_update",
    "on_user_update",
    "on_participant_event",
    "on_active_speaker_event",
    "on_sharing_event",
    "on_media_connection_interrupted",
    "on_event_ex",
)
_LISTEN_S: Final = 2.0


class _Client(Protocol):
    """A client of the SDK."""

    def join(self, **options: object) -> None:
        """Join a stream."""
        ...


def _client(sight: Sight, stop: Callable[[], None]) -> _Client:
    client = rtms.Client()
    client.set_audio_params(
        rtms.AudioParams(
            content_type=2,
            codec=1,
            sample_rate=1,
            channel=1,
            data_opt=2,
            duration=20,
            frame_size=320,
        )
    )
    client.set_video_params(
        rtms.VideoParams(content_type=3, codec=7, resolution=2, data_opt=3, fps=25)
    )

    def joined(code: int) -> None:
        if code:
            sight.hear(f"join_confirm({code})")
            stop()

    def left(code: int) -> None:
        sight.hear(f"leave({code})")
        stop()

    client.on_join_confirm(joined)
    client.on_leave(left)
    client.on_audio_data(lambda data, *_: sight.see("audio", data))
    client.on_video_data(lambda data, *_: sight.see("video", data))
    made: _Client = client
    return made


def _listen(client: object, sight: Sight) -> None:
    """Ask for events; before the join that has no effect, and in a callback it hangs."""
    for name in _EVENTS:
        told = name.removeprefix("on_")
        getattr(client, name)(lambda *_, told=told: sight.hear(told))


async def _watch(scene: Scene, sight: Sight) -> None:
    loop = rtms.EventLoop()
    client = _client(sight, loop.stop)
    loop.add(client)
    client.join(
        meeting_uuid=scene.product_id,
        rtms_stream_id=scene.stream_id,
        server_urls=scene.url,
        client=scene.client_id,
        secret=scene.secret,
    )
    asyncio.get_running_loop().call_later(scene.seconds, loop.stop)
    asyncio.get_running_loop().call_later(_LISTEN_S, _listen, client, sight)
    await loop.run_async()


def main() -> None:
    """Watch the scene of the command line."""
    scene = Scene(**json.loads(sys.argv[1]))
    sight = Sight()
    Path("logs").mkdir(exist_ok=True)  # otherwise the SDK complains all the time
    asyncio.run(_watch(scene, sight))
    sight.report()
    os._exit(0)  # the native part may crash while the interpreter shuts down


if __name__ == "__main__":
    main()
