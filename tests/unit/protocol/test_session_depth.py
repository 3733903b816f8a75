"""Messages that could be read but are nested too deeply to be used."""

from collections.abc import Mapping

from rtms_client.config import ChatParams, StreamInfo
from rtms_client.enums import MediaType
from rtms_client.events import Unrecognized
from rtms_client.protocol import SessionOptions, StreamSession

MESSAGES: Mapping[bytes, dict[str, object]] = {
    b"2": {
        "msg_type": 2,
        "status_code": 0,
        "media_server": {"server_urls": {"all": "wss://a.zoom.us"}},
    },
    b"4": {"msg_type": 4, "status_code": 0},
}


class DeepCodec:
    """A codec that reads deeper than Python can compare or print."""

    def decode(self, data: bytes) -> dict[str, object]:
        """Return a prepared message, or a reaction that is nested without end."""
        if data in MESSAGES:
            return MESSAGES[data]
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]
        content = {"operation_type": 4, "message_id": "m", "timestamp": 1790000000000, "x": deep}
        return {"msg_type": 18, "content": content}

    def encode(self, message: Mapping[str, object]) -> bytes:
        """Write nothing of interest."""
        return str(len(message)).encode()


def test_reaction_that_is_too_deep() -> None:
    """It is reported like any other message that nobody understands."""
    info = StreamInfo(product_id="id", stream_id="stream", server_urls=("wss://rtms.zoom.us",))
    options = SessionOptions(params={MediaType.CHAT: ChatParams()}, sign=lambda _: "00")
    session = StreamSession(info, options, codec=DeepCodec())
    session.start(0.0)
    session.opened(1, 0.0)
    session.receive(1, b"2", 0.0)
    session.opened(2, 0.0)
    session.receive(2, b"4", 0.0)
    session.receive(2, b"deep", 0.0)
    (item,) = session.intake.items
    assert isinstance(item, Unrecognized)
    assert item.problem == "expected JSON that is not nested so deeply"
