"""Pictures as pixels."""

import sys

import pytest
from tests.unit.cli.items import GRACE, H264, JPG, PNG, share, video
from tests.unit.media.pictures import black, encode, still

from rtms_client.config import PictureFormat
from rtms_client.enums import MediaCodec, Resolution
from rtms_client.exceptions import InvalidParameters, MissingExtra
from rtms_client.frames import ShareFrame, VideoFrame
from rtms_client.media import VideoDecoder, to_image

KEY, *DELTAS = encode([50, 100, 150, 200])
STRANGE = PictureFormat(fps=1, codec=MediaCodec(99), resolution=Resolution.HD)


def brightness(decoder: VideoDecoder, *frames: VideoFrame | ShareFrame) -> list[int]:
    """Decode frames; returns how bright each picture is, rounded to tens."""
    found = [picture for frame in frames for picture in decoder.decode(frame)]
    return [round(bytes(one.planes[0])[0], -1) for one in found]


def test_pictures_come_at_once() -> None:
    """Each frame gives its picture, none is held back."""
    decoder = VideoDecoder()
    assert brightness(decoder, video(data=KEY)) == [50]
    assert brightness(decoder, video(data=DELTAS[0])) == [100]
    assert brightness(decoder, video(data=DELTAS[1]), video(data=DELTAS[2])) == [150, 200]
    assert (decoder.skipped, decoder.failed) == (0, 0)


def test_nothing_before_a_key_frame() -> None:
    """At the start, after a loss, and when somebody else is shown."""
    decoder = VideoDecoder()
    assert brightness(decoder, video(data=DELTAS[0])) == []
    assert brightness(decoder, video(data=KEY), video(data=DELTAS[0])) == [50, 100]
    assert brightness(decoder, video(data=DELTAS[1], discontinuity=True)) == []
    assert brightness(decoder, video(data=DELTAS[2])) == []
    assert brightness(decoder, video(data=KEY)) == [50]
    assert brightness(decoder, video(data=DELTAS[0], user_id=GRACE)) == []
    assert brightness(decoder, video(data=KEY, user_id=GRACE)) == [50]
    assert decoder.skipped == 4


def test_a_broken_picture_waits_for_the_next_key_frame() -> None:
    """What follows a picture that cannot be decoded would be smeared."""
    decoder = VideoDecoder()
    assert brightness(decoder, video(data=KEY)) == [50]
    assert brightness(decoder, video(data=b"\0\0\1\x41")) == []
    assert brightness(decoder, video(data=DELTAS[0])) == []
    assert brightness(decoder, video(data=KEY), video(data=DELTAS[0])) == [50, 100]
    assert (decoder.skipped, decoder.failed) == (1, 1)


def test_stills() -> None:
    """JPEG and PNG are decoded by the same call."""
    decoder = VideoDecoder()
    [jpeg] = decoder.decode(share(data=still("red")))
    [png] = decoder.decode(share(data=still("blue", "PNG"), format=PNG))
    assert jpeg.to_ndarray(format="rgb24")[0, 0].tolist() == [254, 0, 0]
    assert png.to_ndarray(format="rgb24")[47, 63].tolist() == [0, 0, 255]


def test_an_unknown_codec() -> None:
    """It is counted."""
    decoder = VideoDecoder()
    assert decoder.decode(share(format=STRANGE)) == []
    assert decoder.failed == 1


def test_to_image() -> None:
    """One call from a frame to an image."""
    image = to_image(share(data=still("red")))
    assert (image.size, image.getpixel((5, 5))) == ((64, 48), (254, 0, 0))
    assert to_image(video(data=black())).getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (video(data=DELTAS[0]), "needs the frames before it; use a VideoDecoder"),
        (share(data=b"broken"), "cannot be decoded; leave it out"),
        (video(data=b"\0\0\1\x65", format=H264), "cannot be decoded; leave it out"),
    ],
    ids=["delta", "jpeg", "h264"],
)
def test_no_image(frame: VideoFrame, problem: str) -> None:
    """The error says why and what to do."""
    with pytest.raises(InvalidParameters, match=problem):
        to_image(frame)


@pytest.mark.parametrize("module", ["av", "PIL.Image"])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """The error has the command that installs it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"pip install 'rtms_client\[video\]'"):
        to_image(share(data=still("red")))


def test_an_empty_picture_is_no_end() -> None:
    """A frame without data counts as broken; after it, pictures come again."""
    decoder = VideoDecoder()
    assert brightness(decoder, video(data=KEY), video(data=b"")) == [50]
    assert brightness(decoder, video(data=DELTAS[0])) == []
    assert brightness(decoder, video(data=KEY), video(data=DELTAS[0])) == [50, 100]
    stills = VideoDecoder()
    assert [len(stills.decode(share(data=data))) for data in (still("red"), b"", still("red"))] == [
        *(1, 0, 1)
    ]
    assert (decoder.failed, stills.failed) == (1, 1)


def test_absurdly_large_pictures() -> None:
    """What claims to be larger than 4096 x 2304 is not decoded, whatever it takes to do so."""
    wide = (4112, 2304)
    h264 = VideoDecoder()
    assert brightness(h264, video(data=black(wide)), video(data=DELTAS[0])) == []
    assert brightness(h264, video(data=black((4096, 2304))), video(data=KEY)) == [20, 50]
    assert (h264.failed, h264.skipped) == (1, 1)
    for kind, form in (("JPEG", JPG), ("PNG", PNG)):
        stills = VideoDecoder()
        pictures = [still("red", kind, size) for size in (wide, (64, 48))]
        found = [stills.decode(share(data=data, format=form)) for data in pictures]
        assert [len(one) for one in found] == [0, 1]
        assert stills.failed == 1
