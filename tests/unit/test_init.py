"""The public names: each one is a decision."""

import ast
import importlib
import inspect
import pkgutil

import pytest

import rtms_client

NAMES = [
    "ActiveSpeakerChanged",
    "AudioChannel",
    "AudioFrame",
    "AudioParams",
    "AuthenticationFailed",
    "BufferLimits",
    "Buffers",
    "ChatMessage",
    "ChatParams",
    "ConnectFailed",
    "ConnectionLost",
    "Credentials",
    "DataOption",
    "EventType",
    "Gap",
    "HandshakeRejected",
    "InvalidParameters",
    "InvalidState",
    "ItemIterator",
    "Language",
    "MediaCodec",
    "MediaNotAvailable",
    "MediaType",
    "MediaUnavailable",
    "NetworkOptions",
    "OverflowPolicy",
    "Participant",
    "ParticipantJoined",
    "ParticipantLeft",
    "Product",
    "RTMSClient",
    "RTMSError",
    "RTMSStarted",
    "RTMSStream",
    "ReconnectPolicy",
    "RemoteProtocolError",
    "Resolution",
    "SampleRate",
    "SessionEvent",
    "ShareFrame",
    "ShareParams",
    "Signature",
    "StopReason",
    "StreamInfo",
    "StreamInterrupted",
    "StreamItem",
    "StreamLost",
    "StreamNotFound",
    "StreamResumed",
    "StreamStatistics",
    "StreamStopped",
    "Timeouts",
    "TranscriptParams",
    "TranscriptSegment",
    "Unrecognized",
    "VideoFrame",
    "VideoParams",
    "handshake_signature",
    "parse_started",
]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(rtms_client.__path__, "rtms_client.")
    if not module.name.endswith("__main__")
)


def test_public_names_are_pinned() -> None:
    """A new public name, or one that goes, is a change of this list."""
    assert sorted(rtms_client.__all__) == NAMES


def test_there_are_few_public_names() -> None:
    """What is rarely needed lives in its module."""
    assert len(rtms_client.__all__) <= 60
    assert len(set(rtms_client.__all__)) == len(rtms_client.__all__)


def test_public_names_are_offered_before_they_are_used() -> None:
    """Names that are imported on first use are listed all the same, and unknown ones are errors."""
    assert set(NAMES) <= set(dir(rtms_client))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = vars(rtms_client)["__getattr__"]("nonsense")


@pytest.mark.parametrize("module", ["rtms_client", *MODULES])
def test_every_module_says_what_it_offers(module: str) -> None:
    """``__all__`` exists wherever there is something to offer, and every name in it resolves."""
    found = importlib.import_module(module)
    if not hasattr(found, "__all__"):
        tree = ast.parse(inspect.getsource(found))
        assert [type(node) for node in tree.body] == [ast.Expr], "more than a docstring"
        return
    assert [name for name in found.__all__ if not hasattr(found, name)] == []
    assert len(set(found.__all__)) == len(found.__all__)
