"""From frames to results: recordings, captions, decoding, who speaks.

Helpers beside the client, which never needs them. Importing this package loads nothing optional;
what needs a package of an extra imports it when it is used, and raises `MissingExtra` without it.
"""

from ._captions import CaptionFile, Cue, LiveCaptions
from ._clock import SessionClock
from ._decoding import AudioDecoder
from ._files import RecordedFile
from ._jsonlines import ItemEncoder
from ._recorder import Recorded, Recorder
from ._speech import duration_ms, samples, to_array

__all__ = [
    "AudioDecoder",
    "CaptionFile",
    "Cue",
    "ItemEncoder",
    "LiveCaptions",
    "Recorded",
    "RecordedFile",
    "Recorder",
    "SessionClock",
    "duration_ms",
    "samples",
    "to_array",
]
