"""The receiving process of Zoom's own SDK; the variant is the interval of its polling."""

import importlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from .load import AUDIO, TRANSCRIPT, VIDEO, Job, load
from .meters import Meter, hear, meter, report

rtms: Any = importlib.import_module("rtms")  # need not be there when types are checked

_GIVE_UP_S: Final = 120.0


_PARAMS: Final[dict[str, tuple[str, Any]]] = {
    AUDIO: (
        "set_audio_params",
        rtms.AudioParams(
            content_type=2,
            codec=1,
            sample_rate=1,
            channel=1,
            data_opt=2,
            duration=20,
            frame_size=320,
        ),
    ),
    VIDEO: (
        "set_video_params",
        rtms.VideoParams(content_type=3, codec=7, resolution=2, data_opt=3, fps=25),
    ),
}
"""How each medium is asked for; a transcript is by its callback alone."""


class _Loop(Protocol):
    """The event loop of the SDK."""

    def add(self, client: object) -> None:
        """Serve a client."""
        ...

    def stop(self) -> None:
        """End."""
        ...


def _client(
    job: Job,
    number: int,
    what: Meter,
    loop: _Loop,
    confirm: Callable[[int], None],
) -> object:
    client = rtms.Client()

    def take(data: bytes, _size: int, timestamp_ms: int, _metadata: object) -> None:
        if what.take(data, timestamp_ms):
            loop.stop()

    def take_text(data: bytes, _size: int, timestamp_ms: int, _metadata: object) -> None:
        if hear(what, data.decode(), timestamp_ms):
            loop.stop()

    for medium in job.media:
        if medium in _PARAMS:
            setter, params = _PARAMS[medium]
            getattr(client, setter)(params)
        getattr(client, f"on_{medium}_data")(take_text if medium == TRANSCRIPT else take)
    client.on_join_confirm(confirm)
    loop.add(client)
    client.join(
        meeting_uuid="meeting",
        rtms_stream_id=f"official-{os.getpid()}-{number}",
        server_urls=job.url,
        client="id",
        secret="secret",
    )
    return client


def main() -> None:
    """Do the job of the command line."""
    job = load(Job, sys.argv[1])
    what = meter(job)
    Path("logs").mkdir(exist_ok=True)  # otherwise the SDK complains all the time
    loop = rtms.EventLoop(poll_interval=float(job.variant))
    joined: list[int] = []

    def confirm(code: int) -> None:
        if code:
            print(f"the SDK could not join: {code}", file=sys.stderr)
            loop.stop()
        joined.append(code)
        if len(joined) < job.streams:
            return
        if job.idle:
            threading.Timer(job.seconds, loop.stop).start()
        else:
            what.joined()

    if job.idle:
        what.joined()  # what is needed only once is in the figure as well
    clients = [_client(job, number, what, loop, confirm) for number in range(job.streams)]
    watchdog = threading.Timer(_GIVE_UP_S + job.seconds, loop.stop)
    watchdog.daemon = True
    watchdog.start()
    loop.run()
    assert clients
    report(what)
    os._exit(0)  # the native part may crash while the interpreter shuts down


if __name__ == "__main__":
    main()
