"""Frozen values that are built without their `__init__`."""

from typing import Any

import attrs
import pytest

from rtms_client._wire.blanks import blank_of
from rtms_client._wire.shapes import CommonFrame
from rtms_client.frames import AudioFrame, ShareFrame, VideoFrame


@pytest.mark.parametrize("kind", [AudioFrame, VideoFrame, ShareFrame])
def test_becomes_the_frozen_class(kind: type[CommonFrame]) -> None:
    """A blank that got all fields is an ordinary, frozen value."""
    values: dict[str, Any] = {field.name: field.name for field in attrs.fields(kind)}
    blank: Any = object.__new__(blank_of(kind))
    for name in values:
        setattr(blank, name, name)
    blank.__class__ = kind
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        blank.sequence = 1
    assert blank == kind(**values)
    assert type(blank) is kind


def test_class_without_slots() -> None:
    """What has no slots has no blank that could become it."""
    with pytest.raises(TypeError, match="slots"):
        blank_of(attrs.make_class("Roomy", ["x"], slots=False))
