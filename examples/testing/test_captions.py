"""How to test an application that is built on rtms_client."""

import asyncio

import pytest

from rtms_client import RTMSClient, RTMSStarted, TranscriptParams, parse_started
from rtms_client.testing import ADA, GRACE, FakeRTMSServer, sample_meeting
from rtms_client.testing.pytest_plugin import StartServer


async def minutes(client: RTMSClient, started: RTMSStarted) -> list[str]:
    """The code under test: write down who said what."""
    async with client.stream(started) as stream:
        return [f"{item.user_name}: {item.text}" async for item in stream.transcript()]


def client_for(server: FakeRTMSServer) -> RTMSClient:
    """Make a client that trusts the fake server."""
    return RTMSClient(
        "test-client-id",
        "test-client-secret",
        transcript=TranscriptParams(),
        network=server.network,
    )


@pytest.mark.asyncio
async def test_writes_down_what_people_say(rtms_server: FakeRTMSServer) -> None:
    """Send by hand what this test needs."""
    stream = rtms_server.stream

    async def talk() -> None:
        await stream.media_ready.wait()
        await stream.send_transcript("Shall we?", person=ADA)
        await stream.send_transcript("Yes.", person=GRACE)
        await stream.terminate()

    started = parse_started(rtms_server.started_webhook())
    async with asyncio.TaskGroup() as group:
        written = group.create_task(minutes(client_for(rtms_server), started))
        group.create_task(talk())
    assert written.result() == ["Ada: Shall we?", "Grace: Yes."]


@pytest.mark.asyncio
async def test_whole_meeting(start_rtms_server: StartServer) -> None:
    """Let the sample meeting run, twenty times as fast as life."""
    server = await start_rtms_server(sample_meeting(), pace=20)
    started = parse_started(server.started_webhook())
    written = await minutes(client_for(server), started)
    assert written[-1] == "Ada: Shipped. Thank you, Grace!"
