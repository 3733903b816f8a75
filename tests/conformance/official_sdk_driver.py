"""Joins one stream with Zoom's own SDK and prints what it received, as one line of JSON.

Runs in a process of its own, because the native part of that SDK can crash. Its certificate
authority comes from the environment (``ZM_RTMS_CA``).
"""

import hashlib
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

rtms: Any = importlib.import_module("rtms")  # it has no types

_GIVE_UP_S = 30.0


class Recorder:
    """Counts and hashes what each callback got."""

    def __init__(self) -> None:
        self.result: dict[str, Any] = {
            "join": None,
            "leave": None,
            "events": [],
            "sessions": [],
            "transcript": [],
        }
        self.counts = {"audio": 0, "video": 0, "share": 0}
        self.digests = {name: hashlib.sha256() for name in self.counts}
        self.names: set[str] = set()

    def taker(self, name: str) -> Callable[[bytes, int, int, Any], None]:
        """Make the callback that records the frames of one medium."""

        def take(data: bytes, _size: int, _timestamp: int, metadata: Any) -> None:  # noqa: ANN401
            self.counts[name] += 1
            self.digests[name].update(data)
            self.names.add(metadata.userName)

        return take

    def summary(self) -> dict[str, Any]:
        """Return everything that was recorded."""
        media = {
            name: {"frames": count, "sha256": self.digests[name].hexdigest()}
            for name, count in self.counts.items()
        }
        return {**self.result, **media, "names": sorted(self.names)}


def main() -> None:
    """Join, receive until the server ends the stream, print."""
    arguments = json.loads(sys.argv[1])
    recorder = Recorder()
    result = recorder.result
    client = rtms.Client()
    loop = rtms.EventLoop()

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
    client.set_deskshare_params(rtms.DeskshareParams(content_type=3, codec=7, resolution=2, fps=25))

    def joined(code: int) -> None:
        result["join"] = code
        if code:
            loop.stop()

    def left(reason: int) -> None:
        result["leave"] = reason
        loop.stop()

    client.on_join_confirm(joined)
    client.on_leave(left)
    client.on_session_update(lambda op, _session: result["sessions"].append(op))
    client.on_user_update(lambda op, who: result["events"].append([op, who.id, who.name]))
    client.on_audio_data(recorder.taker("audio"))
    client.on_video_data(recorder.taker("video"))
    client.on_deskshare_data(recorder.taker("share"))
    client.on_transcript_data(
        lambda data, _size, _time, meta: result["transcript"].append([meta.userName, data.decode()])
    )
    loop.add(client)
    client.join(**arguments)
    watchdog = threading.Timer(_GIVE_UP_S, loop.stop)
    watchdog.daemon = True
    watchdog.start()
    loop.run()
    sys.stdout.write(json.dumps(recorder.summary()) + "\n")
    sys.stdout.flush()
    os._exit(0)  # the native part may crash while the interpreter shuts down


if __name__ == "__main__":
    main()
