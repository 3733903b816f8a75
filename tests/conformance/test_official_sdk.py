"""Zoom's own SDK joins the fake server unchanged: the fake is faithful enough for real clients."""

import asyncio
import base64
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from rtms_client.enums import MediaType, MessageType, Product
from rtms_client.testing import FakeRTMSServer, Timing, ViolationKind, sample_meeting

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(
        importlib.util.find_spec("rtms") is None,
        reason="needs rtms==1.1.0, which has wheels for CPython 3.10 to 3.13 on Linux x86-64 "
        "(glibc 2.34 or newer) and macOS only",
    ),
]

GUIDE = Path(__file__).parents[2] / "docs/howto/from-zooms-sdk.md"
FENCED = re.DOTALL | re.MULTILINE
DRIVER = Path(__file__).with_name("official_sdk_driver.py")
MEDIA = MediaType.AUDIO | MediaType.VIDEO | MediaType.SHARE | MediaType.TRANSCRIPT

TOLERATED = {
    ViolationKind.BINARY_FRAME,  # it sends JSON in binary frames
    ViolationKind.UNKNOWN_KEY,  # and a key rtms_client_agent
}


async def _run_sdk(server: FakeRTMSServer, directory: Path, **arguments: str) -> dict[str, Any]:
    (directory / "logs").mkdir()  # otherwise the SDK complains hundreds of times
    settings = server.stream.settings
    arguments = {
        "rtms_stream_id": settings.rtms_stream_id,
        "server_urls": server.signaling_url,
        "client": settings.client_id,
        "secret": settings.client_secret,
        **arguments,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        DRIVER,
        json.dumps(arguments),
        cwd=directory,
        env={**os.environ, "ZM_RTMS_CA": str(server.ca_file)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            process.kill()
        await process.wait()
    assert process.returncode == 0, errors.decode()
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


async def _end_after_meeting(server: FakeRTMSServer) -> None:
    await server.stream.played.wait()
    # The SDK polls every 10 ms, and drops what it did not deliver when the stream ends.
    await asyncio.sleep(0.3)
    await server.stream.terminate()


def _sent(server: FakeRTMSServer, msg_type: MessageType) -> dict[str, Any]:
    digest = hashlib.sha256()
    entries = server.sent(msg_type)
    for entry in entries:
        assert entry.message is not None
        digest.update(base64.b64decode(entry.message["content"]["data"]))
    return {"frames": len(entries), "sha256": digest.hexdigest()}


async def test_receives_audio_video_share_and_transcript(tmp_path: Path) -> None:
    """Every byte of four media arrives in Zoom's SDK, with keep-alives and events."""
    async with FakeRTMSServer(
        sample_meeting(seconds=8, terminate=False),
        pace=4,
        expected_media=MEDIA,
        keep_media=True,
        timing=Timing(keep_alive_s=0.5),
    ) as server:
        ending = asyncio.create_task(_end_after_meeting(server))
        result = await _run_sdk(server, tmp_path, meeting_uuid="aBcDeFgHiJkLmNoPqRsTuA==")
        await ending

        assert (result["join"], result["leave"]) == (0, 6)
        assert result["names"] == ["Ada", "Grace"]
        assert result["audio"] == _sent(server, MessageType.MEDIA_DATA_AUDIO)
        assert result["video"] == _sent(server, MessageType.MEDIA_DATA_VIDEO)
        assert result["share"] == _sent(server, MessageType.MEDIA_DATA_SHARE)
        assert result["audio"]["frames"] > 300
        assert result["video"]["frames"] > 100
        assert result["share"]["frames"] == 23
        assert result["transcript"] == [
            ["Ada", "Good morning, Grace. Let me share my screen."],
            ["Grace", "Good morning! Is the release ready?"],
        ]
        assert result["events"] == [[0, 16778240, "Ada"], [0, 16779264, "Grace"]]
        assert len(server.received(MessageType.KEEP_ALIVE_RESP)) >= 10  # five sockets, two seconds
        assert len(server.received(MessageType.CLIENT_READY_ACK)) == 1
        assert {violation.kind for violation in server.violations} == TOLERATED


@pytest.mark.parametrize(
    ("product", "key"),
    [
        (Product.WEBINAR, "webinar_uuid"),
        (Product.VIDEO_SDK, "session_id"),
        (Product.CONTACT_CENTER, "engagement_id"),
    ],
)
async def test_joins_every_product(product: Product, key: str, tmp_path: Path) -> None:
    """The SDK joins the other products, whose ids it sends as ``meeting_uuid``."""
    async with FakeRTMSServer(product=product) as server:
        product_id = server.stream.settings.product_id
        running = asyncio.create_task(_run_sdk(server, tmp_path, **{key: product_id}))
        await server.wait_for(MessageType.CLIENT_READY_ACK, timeout_s=20)
        await server.stream.terminate()
        result = await running
        assert (result["join"], result["leave"]) == (0, 6)


async def test_the_program_of_the_guide(tmp_path: Path) -> None:
    """What the guide for those who come from the SDK shows of it prints captions."""
    [shown] = re.findall(r"^```{code-block} python\n(.*?)^```$", GUIDE.read_text("utf-8"), FENCED)
    (tmp_path / "logs").mkdir()
    async with FakeRTMSServer(
        sample_meeting(seconds=8, terminate=False), pace=4, expected_media=MediaType.TRANSCRIPT
    ) as server:
        settings = server.stream.settings
        names = {
            "payload": server.started_webhook()["payload"],
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }
        program = "".join(f"{name} = {value!r}\n" for name, value in names.items()) + shown
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-c", program),
            cwd=tmp_path,
            env={**os.environ, "ZM_RTMS_CA": str(server.ca_file)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            lines = [await process.stdout.readline()]
            while lines[-1] and not lines[-1].startswith(b"Ada: Good morning, Grace."):
                lines.append(await process.stdout.readline())
        finally:
            process.kill()
            await process.communicate()
    assert lines[-1], b"".join(lines).decode()


async def test_reports_the_status_of_a_refusal(tmp_path: Path) -> None:
    """A wrong secret reaches the SDK's user as status 3."""
    async with FakeRTMSServer() as server:
        result = await _run_sdk(
            server, tmp_path, meeting_uuid="aBcDeFgHiJkLmNoPqRsTuA==", secret="wrong"
        )
        assert result["join"] == 3
