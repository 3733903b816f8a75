"""Optional packages: used when they are there, and without a difference."""

from __future__ import annotations

import base64
import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtms_client import speedups
from rtms_client._wire.media import strict_base64

ALMOST = st.text(st.sampled_from("ABab01+/=-_ \n\\\x00ÿ"), max_size=12).map(str.encode)


def test_used_when_installed() -> None:
    """What is installed is used, and says so."""
    installed = importlib.util.find_spec("pybase64") is not None
    assert speedups.active() == ("pybase64",) * installed
    assert (speedups.base64_decoder() is strict_base64) is not installed


@pytest.mark.parametrize("value", ["0", "off", "No"])
def test_switched_off_by_the_environment(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A variable in the environment switches everything off."""
    monkeypatch.setenv("RTMS_CLIENT_SPEEDUPS", value)
    assert speedups.active() == ()
    assert speedups.base64_decoder() is strict_base64


def test_switched_off_by_an_option() -> None:
    """An application can do without, whatever is installed."""
    assert speedups.base64_decoder(wanted=False) is strict_base64


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the standard library does the work."""
    monkeypatch.setitem(sys.modules, "pybase64", None)
    assert speedups.active() == ()
    assert speedups.base64_decoder() is strict_base64


@given(st.binary(max_size=100))
def test_equal(data: bytes) -> None:
    """What was encoded is decoded."""
    encoded = base64.b64encode(data)
    assert speedups.base64_decoder()(encoded) == strict_base64(encoded) == data


@given(ALMOST)
def test_as_strict(text: bytes) -> None:
    """Nothing is decoded that the standard library refuses, or decodes to something else."""
    try:
        found = speedups.base64_decoder()(text)
    except ValueError:
        return
    assert found == strict_base64(text)
