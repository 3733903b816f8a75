"""Make the sample meeting that is shipped inside ``rtms_client.testing``.

The data files are committed; this program is only needed to change them. It draws the pictures,
has the speech synthesised, encodes the video and writes ``meeting.json``::

    apt-get install espeak-ng ffmpeg fonts-inter fonts-dejavu-core
    pip install pillow
    python tools/make_sample.py [--out DIR]

Everything is drawn and spoken from the constants below, with no randomness, no clock and one
encoder thread: the same versions of the tools give the same bytes. Other versions give a meeting
that looks and sounds the same, but sentences may become some milliseconds longer or shorter; the
program stops when they no longer fit into the script.
"""

from __future__ import annotations

import argparse
import array
import functools
import io
import json
import math
import shutil
import subprocess
import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAMPLE: Final = Path(__file__).parents[1] / "src" / "rtms_client" / "testing" / "sample"

ADA: Final = 16778240
GRACE: Final = 16779264
NAMES: Final = {ADA: "Ada", GRACE: "Grace"}

# The script ------------------------------------------------------------------------------------

DURATION_MS: Final = 25_000


class Line(NamedTuple):
    """One utterance of the script; the recording decides how long it is."""

    user_id: int
    start_ms: int
    text: str


LINES: Final = (
    Line(ADA, 600, "Good morning, Grace. Let me share my screen."),
    Line(GRACE, 3_700, "Good morning! Is the release ready?"),
    Line(ADA, 6_300, "Yes. All tests pass, and it reconnects twice as fast."),
    Line(GRACE, 10_200, "Impressive! How did you do that?"),
    Line(ADA, 12_900, "With one small change. Here it is."),
    Line(GRACE, 15_500, "Only five lines? That is lovely!"),
    # The overlap: Ada starts before Grace has finished.
    Line(ADA, 17_400, "The release notes are in the chat."),
    Line(GRACE, 19_300, "I see them. Then let's ship it!"),
    Line(ADA, 21_900, "Shipped. Thank you, Grace!"),
)
OVERLAPPING: Final = (6,)
"""Indices of the lines that start while the one before is still being spoken."""

MEETING: Final[dict[str, Any]] = {
    "duration_ms": DURATION_MS,
    "sample_rate_hz": 16_000,
    "camera_fps": 15,
    "share_fps": 5,
    "participants": [
        {"user_id": ADA, "user_name": "Ada", "join_ms": 0, "leave_ms": 25_000},
        {"user_id": GRACE, "user_name": "Grace", "join_ms": 200, "leave_ms": 24_600},
    ],
    "cameras": [
        {"user_id": ADA, "start_ms": 200, "stop_ms": 24_800, "file": "ada.h264"},
        {"user_id": GRACE, "start_ms": 1_000, "stop_ms": 24_200, "file": "grace.h264"},
    ],
    "share": [
        {
            "user_id": ADA,
            "start_ms": 3_400,
            "stop_ms": 24_000,
            "slides": [
                {"at_ms": 3_400, "slide": 0},
                {"at_ms": 7_400, "slide": 1},
                {"at_ms": 14_200, "slide": 2},
                {"at_ms": 21_800, "slide": 3},
            ],
        },
    ],
    "slides": ["slide-1.jpg", "slide-2.jpg", "slide-3.jpg", "slide-4.jpg"],
    "share_file": "share.h264",
    "chat": [
        {
            "message_id": "sample-message-1",
            "at_ms": 5_600,
            "user_id": GRACE,
            "text": "Can everybody see the slides?",
            "files": [],
        },
        {
            "message_id": "sample-message-2",
            "at_ms": 17_000,
            "user_id": ADA,
            "text": "Release notes of Harbour 2.1",
            "files": [
                {
                    "file_id": "sample-file-1",
                    "file_name": "harbour-2.1-notes.pdf",
                    "file_size": 48_213,
                },
            ],
        },
        {
            "message_id": "sample-message-3",
            "at_ms": 22_600,
            "user_id": GRACE,
            "text": "Congratulations 🎉",
            "files": [],
        },
    ],
}


def run(program: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run a program found on the PATH and return what it wrote to its standard output."""
    executable = shutil.which(program)
    if executable is None:
        sys.exit(f"{program} is needed; see the top of this file")
    command = [executable, *arguments]
    # Every argument is a constant of this file; no shell is involved.
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603


# Speech ----------------------------------------------------------------------------------------

VOICES: Final = {
    # Fundamental frequencies of about 200 and 140 Hz: far enough apart to tell the speakers
    # from each other by ear and by measurement.
    ADA: ("-v", "en-gb-x-rp+f2", "-p", "60", "-s", "172"),
    GRACE: ("-v", "en-us+f4", "-p", "28", "-s", "172"),
}
RATE_HZ: Final = 16_000
PEAK: Final = 16_000
"""Below half of full scale, so that two voices at once never saturate."""

FRAME: Final = RATE_HZ // 50
"""Samples in 20 ms. Recordings are whole multiples, so that every packet size divides them."""


def speak(line: Line) -> array.array[int]:
    """Synthesise one line: 16 kHz mono, trimmed, normalised, with soft edges."""
    spoken = run("espeak-ng", *VOICES[line.user_id], "--stdout", line.text)
    # The high-pass takes away the rumble that the synthesiser adds under the voice.
    raw = run(
        *("ffmpeg", "-v", "error", "-f", "wav", "-i", "pipe:0", "-af", "highpass=f=70"),
        *("-bitexact", "-ar", str(RATE_HZ), "-ac", "1", "-f", "s16le", "pipe:1"),
        stdin=spoken,
    )
    samples = array.array("h", raw)
    if sys.byteorder == "big":
        samples.byteswap()
    loud = max(abs(sample) for sample in samples)
    audible = [index for index, sample in enumerate(samples) if abs(sample) > loud // 60]
    margin = FRAME // 2
    samples = samples[max(0, audible[0] - margin) : audible[-1] + margin]
    samples.extend([0] * (-len(samples) % FRAME))
    for index, sample in enumerate(samples):
        edge = min(index, len(samples) - 1 - index, margin) / margin
        samples[index] = round(sample * edge * PEAK / loud)
    return samples


def write_wav(path: Path, samples: array.array[int]) -> None:
    """Write 16 kHz mono samples as a WAV file."""
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def make_speech(out: Path) -> list[dict[str, object]]:
    """Write one WAV file per line and return the utterances of ``meeting.json``."""
    utterances: list[dict[str, object]] = []
    previous_end_ms = 0
    for index, line in enumerate(LINES):
        samples = speak(line)
        end_ms = line.start_ms + len(samples) * 1000 // RATE_HZ
        if (line.start_ms < previous_end_ms) != (index in OVERLAPPING) or end_ms > DURATION_MS:
            sys.exit(
                f"line {index} lasts from {line.start_ms} to {end_ms} ms, the one before ends at "
                f"{previous_end_ms} ms: adapt the times in LINES"
            )
        name = f"{index + 1:02}-{NAMES[line.user_id].lower()}.wav"
        write_wav(out / name, samples)
        utterances.append({**line._asdict(), "file": name})
        previous_end_ms = end_ms
    return utterances


# Drawing ---------------------------------------------------------------------------------------

Face = tuple[str, int]
"""File name of a font, and its size in pixels."""

SCALE: Final = 2
"""Pictures are drawn twice as large and shrunk, which gives smooth edges."""


@functools.cache
def font(face: Face) -> ImageFont.FreeTypeFont:
    """Load a font by its file name, from wherever the system keeps its fonts."""
    name, size = face
    return ImageFont.truetype(name, size * SCALE)


class Canvas:
    """A picture to draw on, in pixels of the finished picture."""

    def __init__(self, width: int, height: int, top: str, bottom: str) -> None:
        """Fill the picture with a vertical gradient."""
        self.width, self.height = width, height
        size = (width * SCALE, height * SCALE)
        mask = Image.linear_gradient("L").resize(size)
        self.image = Image.composite(
            Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask
        )
        self.draw = ImageDraw.Draw(self.image)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: str) -> None:
        """Draw an ellipse around the centre (x, y)."""
        box = (x - rx, y - ry, x + rx, y + ry)
        self.draw.ellipse([value * SCALE for value in box], fill=fill)

    def box(self, at: tuple[float, float, float, float], fill: str, radius: int) -> None:
        """Draw a rectangle (x, y, width, height) with rounded corners."""
        x, y, w, h = at
        corners = [value * SCALE for value in (x, y, x + w, y + h)]
        self.draw.rounded_rectangle(corners, radius * SCALE, fill=fill)

    def arc(self, x: float, y: float, r: float, angles: tuple[float, float], fill: str) -> None:
        """Draw a part of a circle, from one angle to another in degrees."""
        box = [value * SCALE for value in (x - r, y - r, x + r, y + r)]
        self.draw.arc(box, *angles, fill=fill, width=4 * SCALE)

    def shape(self, points: Sequence[tuple[float, float]], fill: str) -> None:
        """Draw a filled polygon."""
        self.draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=fill)

    def line(self, points: Sequence[tuple[float, float]], fill: str, width: int) -> None:
        """Draw a line through the points."""
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self.draw.line(scaled, fill=fill, width=width * SCALE, joint="curve")

    def text(self, at: tuple[float, float], text: str, face: Face, fill: str, anchor: str) -> None:
        """Write a line of text; ``anchor`` says which point of it lies at (x, y)."""
        x, y = at
        self.draw.text((x * SCALE, y * SCALE), text, font=font(face), fill=fill, anchor=anchor)

    def finished(self) -> Image.Image:
        """Return the picture in its final size."""
        return self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)


REGULAR: Final = "Inter-Regular.otf"
BOLD: Final = "Inter-Bold.otf"
MONO: Final = "DejaVuSansMono.ttf"
MONO_BOLD: Final = "DejaVuSansMono-Bold.ttf"

# Cameras ---------------------------------------------------------------------------------------

CAMERA_FPS: Final = 15
CAMERA_FRAMES: Final = 8 * CAMERA_FPS
"""Every movement below has a period that divides these 8 s: the video loops without a jump."""


class Look(NamedTuple):
    """The colours that tell one avatar from the other."""

    top: str
    bottom: str
    clothes: str
    collar: str
    skin: str
    shade: str
    hair: str
    lips: str


LOOKS: Final = {
    ADA: Look(
        "#1f6f78", "#0f3d4c", "#8e2f5c", "#f2d5e0", "#f0c8a8", "#dcae8c", "#3a2418", "#b5485a"
    ),
    GRACE: Look(
        "#f2a65a", "#c8553d", "#1d2f53", "#f4f4f4", "#e8b894", "#d09d78", "#8d8f98", "#a64a44"
    ),
}


def draw_hair(canvas: Canvas, user_id: int, x: float, y: float, hair: str) -> None:
    """Draw what is behind the face: Ada's long hair and bun, Grace's short wavy hair."""
    if user_id == ADA:
        canvas.ellipse(x, y - 104, 34, 28, hair)
        canvas.ellipse(x, y - 10, 88, 100, hair)
        canvas.box((x - 88, y - 10, 40, 104), hair, 20)
        canvas.box((x + 48, y - 10, 40, 104), hair, 20)
        return
    for dx, dy, radius in ((-62, -30, 36), (62, -30, 36), (-68, 14, 26), (68, 14, 26)):
        canvas.ellipse(x + dx, y + dy, radius, radius, hair)
    canvas.ellipse(x, y - 52, 72, 54, hair)


def draw_fringe(canvas: Canvas, user_id: int, x: float, y: float, look: Look) -> None:
    """Draw what is in front of the face: Ada's parting, Grace's wave and glasses."""
    if user_id == ADA:
        left = [(x, y - 84), (x - 44, y - 76), (x - 72, y - 30), (x - 66, y - 4), (x - 30, y - 50)]
        canvas.shape([*left, (x, y - 72)], look.hair)
        canvas.shape([*((2 * x - px, py) for px, py in left), (x, y - 72)], look.hair)
        return
    for dx, dy, rx in ((-40, -64, 34), (4, -70, 40), (44, -60, 28)):
        canvas.ellipse(x + dx, y + dy, rx, 22, look.hair)
    for side in (-1, 1):
        canvas.arc(x + side * 28, y - 4, 22, (0, 360), "#3d3d45")
        canvas.line([(x + side * 50, y - 6), (x + side * 68, y - 12)], "#3d3d45", 3)
    canvas.line([(x - 7, y - 6), (x + 7, y - 6)], "#3d3d45", 3)


def draw_face(canvas: Canvas, x: float, y: float, look: Look, number: int) -> None:
    """Draw eyes that blink and a mouth that speaks in groups of syllables."""
    turn = 2 * math.pi * number / CAMERA_FRAMES
    canvas.ellipse(x, y, 66, 80, look.skin)
    gaze = 4 * math.sin(turn)
    blinking = number % 60 in {40, 41}
    for side in (-1, 1):
        eye = x + side * 28
        if blinking:
            canvas.line([(eye - 11, y - 3), (eye + 11, y - 3)], look.hair, 3)
        else:
            canvas.ellipse(eye, y - 4, 12, 8, "#ffffff")
            canvas.ellipse(eye + gaze, y - 4, 6, 6, "#27303f")
        canvas.line([(eye - 13, y - 25), (eye, y - 29), (eye + 13, y - 25)], look.hair, 4)
    canvas.line([(x + 2, y + 2), (x + 7, y + 22), (x - 3, y + 24)], "#b98463", 3)
    syllable = max(0.0, math.sin(24 * turn)) * (0.6 + 0.4 * math.sin(7 * turn))
    speaking = max(0.0, min(1.0, 2 * math.sin(2 * turn) + 1))
    opening = 14 * syllable * speaking
    if opening < 2:  # noqa: PLR2004 -- a mouth so small is closed, and smiles
        canvas.arc(x, y + 24, 30, (50, 130), look.lips)
        return
    canvas.ellipse(x, y + 48, 24 - opening / 3, 4 + opening, look.lips)
    canvas.ellipse(x, y + 48, 18 - opening / 3, opening, "#4a1820")


def draw_clock(canvas: Canvas, number: int) -> None:
    """Draw a clock whose hand goes round once per loop, and the number of the frame."""
    x, y = 572, 62
    canvas.ellipse(x, y, 40, 40, "#ffffff")
    canvas.ellipse(x, y, 35, 35, "#23304a")
    for hour in range(8):
        angle = hour * math.pi / 4
        dx, dy = math.sin(angle), -math.cos(angle)
        canvas.line([(x + 28 * dx, y + 28 * dy), (x + 33 * dx, y + 33 * dy)], "#ffffff", 2)
    angle = 2 * math.pi * number / CAMERA_FRAMES
    tip = (x + 27 * math.sin(angle), y - 27 * math.cos(angle))
    canvas.line([(x, y), tip], "#ffcf56", 4)
    canvas.ellipse(x, y, 4, 4, "#ffcf56")
    canvas.text((x, 120), f"{number + 1:03}/{CAMERA_FRAMES}", (MONO_BOLD, 17), "#ffffff", "mm")


def draw_camera(user_id: int, number: int) -> Image.Image:
    """Draw one frame of a camera, 640x360."""
    look = LOOKS[user_id]
    canvas = Canvas(640, 360, look.top, look.bottom)
    turn = 2 * math.pi * number / CAMERA_FRAMES
    x = 320 + 5 * math.sin(turn)
    y = 168 + 2.5 * math.sin(4 * turn)
    draw_hair(canvas, user_id, x, y, look.hair)
    canvas.ellipse(320, 380, 150, 118, look.clothes)
    canvas.shape([(282, 268), (358, 268), (320, 322)], look.collar)
    canvas.box((x - 24, y + 60, 48, 56), look.shade, 22)
    draw_face(canvas, x, y, look, number)
    draw_fringe(canvas, user_id, x, y, look)
    draw_clock(canvas, number)
    name = NAMES[user_id]
    canvas.box((20, 304, 30 + 17 * len(name), 40), "#141a26", 10)
    canvas.text((35, 324), name, (BOLD, 24), "#ffffff", "lm")
    return canvas.finished()


# Screen share ----------------------------------------------------------------------------------

INK: Final = "#14213d"
ACCENT: Final = "#fca311"
GREEN: Final = "#2a9d8f"
MUTED: Final = "#5c6b8a"


def footer(canvas: Canvas, number: int, colour: str) -> None:
    """Write the line at the bottom of a slide."""
    canvas.text((80, 672), "Harbour 2.1 release meeting", (REGULAR, 20), colour, "lm")
    canvas.text((1200, 672), f"{number} / 4", (REGULAR, 20), colour, "rm")


def waves(canvas: Canvas) -> None:
    """Draw the sea at the bottom of the first and the last slide."""
    for level, colour in enumerate(("#1d3a63", "#24507f", "#2c6a98")):
        top = 520 + 55 * level
        crest = [
            (x, top + 16 * math.sin(x / (90 + 25 * level) + 1.9 * level)) for x in range(0, 1281, 8)
        ]
        canvas.shape([*crest, (1280, 720), (0, 720)], colour)


def draw_lighthouse(canvas: Canvas) -> None:
    """Draw a lighthouse with its beam."""
    canvas.shape([(1030, 190), (1280, 110), (1280, 250)], "#35507f")
    canvas.shape([(970, 572), (1070, 572), (1048, 220), (992, 220)], "#f4f1ea")
    for low, high in ((572, 460), (380, 310)):
        left, right = (970 + (572 - y) / 16 for y in (low, high))
        stripe = [(left, low), (2040 - left, low), (2040 - right, high), (right, high)]
        canvas.shape(stripe, "#d1495b")
    canvas.box((980, 208, 80, 14), INK, 4)
    canvas.box((1000, 172, 40, 36), "#ffe9a8", 4)
    canvas.shape([(990, 174), (1050, 174), (1020, 138)], "#d1495b")


def title_slide() -> Image.Image:
    """Draw the first slide."""
    canvas = Canvas(1280, 720, INK, "#3d6096")
    draw_lighthouse(canvas)
    waves(canvas)
    canvas.text((80, 230), "Harbour 2.1", (BOLD, 92), "#ffffff", "lm")
    canvas.box((82, 300, 150, 8), ACCENT, 4)
    canvas.text((80, 356), "Faster reconnection,", (REGULAR, 40), "#e5ecf6", "lm")
    canvas.text((80, 406), "the same small API", (REGULAR, 40), "#e5ecf6", "lm")
    canvas.text((80, 470), "Ada and Grace", (REGULAR, 26), "#b8c6de", "lm")
    footer(canvas, 1, "#dfe9f5")
    return canvas.finished()


def chart_slide() -> Image.Image:
    """Draw the second slide: a bar chart of made-up reconnection times."""
    canvas = Canvas(1280, 720, "#ffffff", "#eef2f8")
    canvas.text((80, 86), "It reconnects twice as fast", (BOLD, 52), INK, "lm")
    canvas.text((80, 142), "Time until media flows again, in seconds", (REGULAR, 26), MUTED, "lm")
    base, unit = 570, 84
    for tick in range(5):
        y = base - tick * unit
        canvas.line([(130, y), (1200, y)], "#d5dceb", 2)
        canvas.text((112, y), str(tick), (REGULAR, 22), MUTED, "rm")
    rows = (("Wi-Fi change", 2.4, 1.2), ("Server move", 3.2, 1.5), ("Cable pulled", 4.0, 2.1))
    for index, (label, old, new) in enumerate(rows):
        x = 210 + index * 350
        for offset, value, colour in ((0, old, "#a9b6d0"), (110, new, GREEN)):
            height = value * unit
            canvas.box((x + offset, base - height, 96, height), colour, 6)
            at = (x + offset + 48, base - height - 20)
            canvas.text(at, f"{value:.1f}", (BOLD, 24), INK, "mm")
        canvas.text((x + 103, base + 32), label, (REGULAR, 26), INK, "mm")
    for x, label, colour in ((900, "2.0", "#a9b6d0"), (1040, "2.1", GREEN)):
        canvas.box((x, 126, 30, 30), colour, 6)
        canvas.text((x + 44, 141), label, (BOLD, 26), INK, "lm")
    canvas.line([(130, base), (1200, base)], INK, 3)
    footer(canvas, 2, MUTED)
    return canvas.finished()


CODE: Final = (
    (" ", "class Harbour:"),
    (" ", "    async def reconnect(self) -> None:"),
    (" ", '        """Call every known host; the first answer wins."""'),
    ("-", "        for host in self.hosts:"),
    ("-", "            self.link = await self.call(host)"),
    ("+", "        calls = [create_task(self.call(host)) for host in self.hosts]"),
    ("+", "        done, late = await wait(calls, return_when=FIRST_COMPLETED)"),
    ("+", "        for call in late:"),
    ("+", "            call.cancel()"),
    ("+", "        self.link = done.pop().result()"),
)


def code_slide() -> Image.Image:
    """Draw the third slide: a change of five new lines in an editor."""
    canvas = Canvas(1280, 720, "#2b3350", "#1f2540")
    canvas.text((80, 80), "One small change", (BOLD, 48), "#ffffff", "lm")
    canvas.box((70, 130, 1140, 500), "#11162a", 16)
    for x, colour in ((104, "#ff5f57"), (132, "#febc2e"), (160, "#28c840")):
        canvas.ellipse(x, 158, 8, 8, colour)
    canvas.text((640, 158), "harbour.py", (MONO, 18), "#8b96b8", "mm")
    backs = {" ": "#11162a", "-": "#43202d", "+": "#15392f"}
    inks = {" ": "#d7def0", "-": "#f0a3ae", "+": "#9fe8bf"}
    for index, (mark, code) in enumerate(CODE):
        y = 205 + index * 42
        canvas.box((86, y - 19, 1108, 40), backs[mark], 4)
        canvas.text((128, y), str(41 + index), (MONO, 20), "#5a6690", "rm")
        canvas.text((146, y), mark, (MONO_BOLD, 22), inks[mark], "lm")
        canvas.text((172, y), code, (MONO, 23), inks[mark], "lm")
    footer(canvas, 3, "#aab5d4")
    return canvas.finished()


def thanks_slide() -> Image.Image:
    """Draw the last slide."""
    canvas = Canvas(1280, 720, "#f7b267", "#f4845f")
    canvas.ellipse(1000, 420, 150, 150, "#fff1d0")
    waves(canvas)
    canvas.text((80, 250), "Thank you!", (BOLD, 104), INK, "lm")
    canvas.box((84, 322, 150, 8), "#ffffff", 4)
    canvas.text((80, 380), "Harbour 2.1 is out.", (REGULAR, 44), INK, "lm")
    canvas.text((80, 440), "Questions? Write into the chat.", (REGULAR, 30), "#4a2c2a", "lm")
    footer(canvas, 4, "#dfe9f5")
    return canvas.finished()


SHARE_FPS: Final = 5
SHARE_SLIDES: Final = (0, 1, 2, 2, 3)
"""The slide of each 2 s of the share video; slides change on key frames only."""

POINTER: Final = ((0, 0), (0, 34), (8, 27), (14, 40), (20, 37), (14, 25), (25, 25))


def draw_share(slides: Sequence[Image.Image], number: int) -> Image.Image:
    """Draw one frame of the share video: a slide with the pointer moving over it."""
    picture = slides[SHARE_SLIDES[number // (2 * SHARE_FPS)]].copy()
    turn = 2 * math.pi * number / (len(SHARE_SLIDES) * 2 * SHARE_FPS)
    x, y = 640 + 380 * math.sin(turn), 380 + 180 * math.sin(2 * turn)
    draw = ImageDraw.Draw(picture)
    draw.polygon([(x + dx, y + dy) for dx, dy in POINTER], fill="#ffffff", outline="#000000")
    return picture


# Encoding --------------------------------------------------------------------------------------


def encode_h264(frames: Iterator[Image.Image], fps: int, quality: int) -> bytes:
    """Encode pictures as an Annex B stream with a self-contained key frame every 2 s.

    Constrained baseline, no B-frames, one slice per picture: what every decoder reads and what
    splits into access units without a parser of slice headers. The encoder's SEI message is taken
    out: it holds its name and settings, which nobody needs to receive.
    """
    pictures = list(frames)
    width, height = pictures[0].size
    keyint = f"keyint={2 * fps}:min-keyint={2 * fps}:scenecut=0:open-gop=0"
    return run(
        *("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
        *("-s", f"{width}x{height}", "-r", str(fps), "-i", "pipe:0"),
        *("-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
        *("-c:v", "libx264", "-profile:v", "baseline", "-preset", "veryslow"),
        *("-tune", "animation", "-crf", str(quality), "-threads", "1"),
        *("-x264-params", f"{keyint}:bframes=0:slices=1:repeat-headers=1:aud=0"),
        *("-bsf:v", "filter_units=remove_types=6", "-f", "h264", "pipe:1"),
        stdin=b"".join(picture.tobytes() for picture in pictures),
    )


def encode_jpeg(picture: Image.Image) -> bytes:
    """Encode a slide as a baseline JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=74, optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Write every file of the sample, except its README."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=SAMPLE, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    meeting = {**MEETING, "utterances": make_speech(out)}
    text = json.dumps(meeting, indent=2, ensure_ascii=False)
    (out / "meeting.json").write_text(text + "\n", encoding="utf-8")

    slides = (title_slide(), chart_slide(), code_slide(), thanks_slide())
    for name, slide in zip(MEETING["slides"], slides, strict=True):
        (out / name).write_bytes(encode_jpeg(slide))
    shared = (draw_share(slides, n) for n in range(2 * SHARE_FPS * len(SHARE_SLIDES)))
    (out / "share.h264").write_bytes(encode_h264(shared, SHARE_FPS, quality=33))
    for user_id, name in NAMES.items():
        frames = (draw_camera(user_id, number) for number in range(CAMERA_FRAMES))
        stream = encode_h264(frames, CAMERA_FPS, quality=24)
        (out / f"{name.lower()}.h264").write_bytes(stream)

    for path in sorted(out.iterdir()):
        print(f"{path.stat().st_size:>8} {path.name}")


if __name__ == "__main__":
    main()
