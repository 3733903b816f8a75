"""Take the picture of an incident that the documentation shows: the page of ``inspect``.

A meeting in which connections break goes through the fake server into the client, a recorder
writes the wire down, ``inspect`` makes its page, and Chromium takes the picture. That lasts as long
as the meeting.

Usage: ``make_screenshot.py docs/_static/incident.png``, with Chromium and Pillow installed.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

from rtms_client import (
    AudioParams,
    MediaType,
    RTMSClient,
    ShareParams,
    TranscriptParams,
    VideoParams,
    parse_started,
)
from rtms_client.__main__ import main as rtms_client
from rtms_client.testing import (
    FakeRTMSServer,
    Fault,
    FaultKind,
    FaultPlan,
    WireRecorder,
    sample_meeting,
)

_SECONDS: Final = 25.0
_ASKED: Final = MediaType.AUDIO | MediaType.VIDEO | MediaType.SHARE | MediaType.TRANSCRIPT
_COLUMNS, _ROWS = 1180, 1370
_COLOURS: Final = 160
_FAULTS: Final = (
    Fault(FaultKind.RESET, socket="audio", at_s=5.0),
    Fault(FaultKind.REJECT, socket="audio", at_s=5.0, times=2),
    Fault(FaultKind.RESET, socket="signaling", at_s=13.0),
    Fault(FaultKind.REFUSE, socket="signaling", at_s=13.0, for_s=3.0),
    Fault(FaultKind.CLOSE, socket="video", at_s=20.0, code=1011),
)


async def _record(wire: Path) -> None:
    """Record the wire of a meeting with faults."""
    async with FakeRTMSServer(
        sample_meeting(seconds=_SECONDS), expected_media=_ASKED, fault=FaultPlan(_FAULTS)
    ) as server:
        client = RTMSClient(
            "test-client-id",
            "test-client-secret",
            audio=AudioParams(),
            video=VideoParams(fps=15),
            share=ShareParams(),
            transcript=TranscriptParams(),
            network=server.network,
            session_factory=WireRecorder(wire),
        )
        async with client.stream(parse_started(server.started_webhook())) as stream:
            server.start_faults()
            async for _ in stream:
                pass


def _photograph(page: Path, picture: Path) -> None:
    """Let a browser draw a page."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("there is no chromium")
    subprocess.run(  # noqa: S603  # found on the path
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--no-first-run", "--hide-scrollbars", f"--user-data-dir={page.parent}/profile"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--window-size={_COLUMNS},{_ROWS}", f"--screenshot={picture}", page.as_uri()),
        ],
        check=True,
        capture_output=True,
    )


def main(target: str) -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory() as folder:
        wire, page, picture = (
            Path(folder, f"incident.{kind}") for kind in ("jsonl", "html", "png")
        )
        asyncio.run(_record(wire))
        if rtms_client(["inspect", str(wire), "--html", str(page)]):
            raise SystemExit("there is no page")
        _photograph(page, picture)
        with Image.open(picture) as image:
            image.convert("RGB").quantize(_COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
