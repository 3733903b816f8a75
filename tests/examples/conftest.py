"""What the tests of the examples share."""

from tests.docs.conftest import zoom

__all__ = ["zoom"]
