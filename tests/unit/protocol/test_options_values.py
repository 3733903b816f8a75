"""Subscriptions that cannot be sent are refused where they are made."""

from typing import Any

import pytest

from rtms_client.exceptions import InvalidParameters
from rtms_client.protocol.options import check_subscriptions


@pytest.mark.parametrize("event", ["bogus", 3, {("a",): 1}, {"event_code": [1]}])
def test_no_event(event: Any) -> None:  # noqa: ANN401  # that is the point
    """Only members of the enums and flat mappings are subscriptions."""
    with pytest.raises(InvalidParameters, match=r"^events: expected"):
        check_subscriptions([event])
