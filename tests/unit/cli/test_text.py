"""Texts of strangers made harmless, and numbers made readable."""

import pytest

from rtms_client._cli.text import clean, clip, clock_time, counted, moment, text_width, volume
from rtms_client.media._text import slug


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße, 世界 🎉", "Grüße, 世界 🎉"),
        ("two\nlines\tand\r\nmore", "two lines and  more"),
        ("\x1b[2J\x07bell\x9b1m", "\ufffd[2J\ufffdbell\ufffd1m"),
        ("a\u202eb\u2066c\u200fd\u2028e", "a\ufffdb\ufffdc\ufffdd e"),
        ("lone \ud800", "lone \ufffd"),
    ],
    ids=["harmless", "blanks", "terminal", "direction", "surrogate"],
)
def test_strangers_cannot_control_the_terminal(text: str, expected: str) -> None:
    """Control characters are replaced, everything else stays."""
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada", "ada"),
        ("Ada Lovelace (she/her)", "ada-lovelace-she-her"),
        ("../../etc/passwd", "etc-passwd"),
        ("Zoë 世界", "zoë-世界"),
        ("\u2460\ud800 \x00", "1"),
        ("???", ""),
        ("x" * 50, "x" * 40),
    ],
    ids=["name", "blanks", "path", "letters", "odd", "nothing", "long"],
)
def test_names_become_parts_of_file_names(name: str, expected: str) -> None:
    """Only letters, digits, hyphens and underscores are left."""
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("世界", 4), ("e\u0301", 1), ("🎉", 2), ("a\u200bb", 2), ("", 0)],
    ids=["latin", "wide", "combining", "emoji", "invisible", "empty"],
)
def test_width_in_columns(text: str, columns: int) -> None:
    """Wide characters take two columns, combining ones none."""
    assert text_width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 6, "abcdef"),
        ("abcdef", 4, "abc…"),
        ("世界世界", 4, "世… "),
        ("abc", 1, "…"),
    ],
    ids=["filled", "exact", "cut", "wide", "one"],
)
def test_clip(text: str, columns: int, expected: str) -> None:
    """Texts are brought to an exact number of columns."""
    assert clip(text, columns) == expected


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(0, "00:00.0"), (12_345, "00:12.3"), (754_999, "12:34.9"), (4_354_500, "1:12:34.5")],
    ids=["zero", "seconds", "minutes", "hours"],
)
def test_times(ms: int, expected: str) -> None:
    """Times have minutes, hours only when needed, and tenths that are never rounded up."""
    assert clock_time(ms) == expected


@pytest.mark.parametrize(
    ("at_s", "exact_s", "expected"),
    [
        (12.345, 0.5, "00:12.3"),
        (0.3, 0.1, "00:00.3"),
        (0.3, 0.05, "300 ms"),
        (0.0025, 0.0005, "2.5 ms"),
        (0.0, 0.0005, "0 ms"),
    ],
    ids=["seconds", "tenths", "milliseconds", "less", "zero"],
)
def test_moments(at_s: float, exact_s: float, expected: str) -> None:
    """Times are as exact as it takes to tell them apart."""
    assert moment(at_s, exact_s) == expected


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 gaps"), (1, "1 gap"), (2, "2 gaps"), (1234, "1,234 gaps")]
)
def test_counted(number: int, expected: str) -> None:
    """One is singular."""
    assert counted(number, "gap") == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (12_345, "12 kB"),
        (3_456_789, "3.5 MB"),
        (7_000_000_000, "7.0 GB"),
        (7_000_000_000_000, "7000 GB"),
    ],
    ids=["zero", "bytes", "kilo", "two-digits", "mega", "giga", "tera"],
)
def test_volumes(size: int, expected: str) -> None:
    """Sizes have a unit and at least two digits."""
    assert volume(size) == expected
