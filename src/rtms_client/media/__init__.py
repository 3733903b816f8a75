"""From frames to results: recordings, captions, decoding, who speaks.

Helpers beside the client, which never needs them. Importing this package loads nothing optional;
what needs a package of an extra imports it when it is used, and raises `MissingExtra` without it.
"""

from ._captions import CaptionFile, Cue, LiveCaptions
from ._clock import SessionClock
from ._decoding import AudioDecoder
from ._files import RecordedFile
from ._h264 import nal_units, parameter_sets, picture_size
from ._jsonlines import ItemEncoder
from ._movie import Filler, MovieFormat
from ._recorder import Recorded, Recorder
from ._speakers import Attendee, Speakers, Turn
from ._speech import Speaker, duration_ms, samples, to_array
from ._video_decoder import VideoDecoder, to_image

__all__ = [
    "Attendee",
    "AudioDecoder",
    "CaptionFile",
    "Cue",
    "Filler",
    "ItemEncoder",
    "LiveCaptions",
    "MovieFormat",
    "Recorded",
    "RecordedFile",
    "Recorder",
    "SessionClock",
    "Speaker",
    "Speakers",
    "Turn",
    "VideoDecoder",
    "duration_ms",
    "nal_units",
    "parameter_sets",
    "picture_size",
    "samples",
    "to_array",
    "to_image",
]
