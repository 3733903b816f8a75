"""The package imports its names when they are used."""

import pytest

import rtms_client


def test_dir_lists_what_was_not_imported_yet() -> None:
    """Completion in a shell knows every public name."""
    assert set(rtms_client.__all__) <= set(dir(rtms_client))


def test_unknown_name() -> None:
    """A name that does not exist is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        vars(rtms_client)["__getattr__"]("nope")
