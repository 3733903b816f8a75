"""The hook that starts a stream again, where there is none."""

from rtms_client import StopReason, StreamInfo, StreamStopped
from rtms_client._runtime.hooks import RestartCaller
from rtms_client._runtime.log import stream_log
from rtms_client.protocol.restart import DECLINED, RestartRequest


async def test_without_a_hook_it_is_declined() -> None:
    """A session that the application makes may ask although nobody can start anything."""
    request = RestartRequest(
        info=StreamInfo(product_id="id", stream_id="stream", server_urls=("wss://rtms.zoom.us",)),
        stop_reason=StopReason.KEEP_ALIVE_TIMEOUT,
        error=StreamStopped(StopReason.KEEP_ALIVE_TIMEOUT),
        attempt=1,
    )
    assert await RestartCaller(None, stream_log("stream")).ask(request) == DECLINED
