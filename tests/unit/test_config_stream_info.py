"""A stream to join crosses a queue as JSON, whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtms_client.config import StreamInfo
from rtms_client.enums import Product
from rtms_client.exceptions import InvalidParameters

FULL = StreamInfo(
    product=Product.WEBINAR,
    product_id="wBcDeFgHiJkLmNoPqRsTuA==",
    stream_id="s-4",
    server_urls=("wss://a.zoom.us:443", "wss://b.zoom.us"),
    event_ts_ms=1790000000000,
    account_id="account-id",
    operator_id="user-id",
    is_original_host=False,
    alternate_id="mBcDeFgHiJkLmNoPqRsTuA==",
    extra={"session_key": "kéy", "nested": [1, None, {"deep": 0.5}]},
)
FULL_JSON = (
    '{"product": "webinar_uuid", "product_id": "wBcDeFgHiJkLmNoPqRsTuA==", "stream_id": "s-4", '
    '"server_urls": ["wss://a.zoom.us:443", "wss://b.zoom.us"], "event_ts_ms": 1790000000000, '
    '"account_id": "account-id", "operator_id": "user-id", "is_original_host": false, '
    '"alternate_id": "mBcDeFgHiJkLmNoPqRsTuA==", '
    '"extra": {"session_key": "k\\u00e9y", "nested": [1, null, {"deep": 0.5}]}}'
)
LEAST: dict[str, Any] = {
    "product": "call_id",
    "product_id": "7100000000000000001",
    "stream_id": "s-3",
    "server_urls": [],
}


def test_written_form() -> None:
    """The form is fixed, because writer and reader may be of different versions."""
    assert FULL.to_json() == FULL_JSON


@pytest.mark.parametrize("text", [FULL_JSON, FULL_JSON.encode()], ids=["text", "bytes"])
def test_read_form(text: str | bytes) -> None:
    """What was written comes back equal, from text and from bytes."""
    assert StreamInfo.from_json(text) == FULL


def test_optional_keys_may_be_absent_null_or_new() -> None:
    """An older or newer writer, or one by hand, is understood."""
    info = StreamInfo(
        product=Product.PHONE, product_id="7100000000000000001", stream_id="s-3", server_urls=()
    )
    assert StreamInfo.from_json(json.dumps(LEAST)) == info
    assert StreamInfo.from_json(json.dumps({**LEAST, "account_id": None, "new": 1})) == info


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", '"text"', "{", b"\xff\xfe\xfd", "[" * 200_000],
    ids=["empty", "null", "list", "text", "broken", "bytes", "deep"],
)
def test_no_object(text: str | bytes) -> None:
    """Whatever else is in the queue is refused as what it is."""
    with pytest.raises(InvalidParameters) as caught:
        StreamInfo.from_json(text)
    assert str(caught.value) == (
        "StreamInfo.from_json: expected a JSON object; pass on unchanged what to_json() wrote"
    )
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("product", None, "str"),
        ("product", "canary", "known product"),
        ("product_id", 7, "str"),
        ("stream_id", None, "str"),
        ("server_urls", "wss://canary", "list"),
        ("server_urls", ["wss://canary", 7], "list of texts"),
        ("event_ts_ms", True, "int"),
        ("event_ts_ms", 1.5, "int"),
        ("account_id", 7, "str"),
        ("operator_id", ["canary"], "str"),
        ("alternate_id", {}, "str"),
        ("is_original_host", 1, "bool"),
        ("extra", ["canary"], "dict"),
    ],
)
def test_wrong_type(key: str, value: object, expected: str) -> None:
    """The error names the key, and nothing of what came."""
    with pytest.raises(InvalidParameters) as caught:
        StreamInfo.from_json(json.dumps({**LEAST, key: value}))
    assert str(caught.value) == (
        f"StreamInfo.from_json: {key}: expected a {expected}; "
        "pass on unchanged what to_json() wrote"
    )


def test_empty_id() -> None:
    """Ids are checked as when they are given by hand."""
    with pytest.raises(InvalidParameters, match="stream_id: expected a non-empty str"):
        StreamInfo.from_json(json.dumps({**LEAST, "stream_id": ""}))


def _endless() -> list[object]:
    own: list[object] = []
    own.append(own)
    return own


@pytest.mark.parametrize(
    "value", [{1, 2}, float("nan"), b"canary", _endless()], ids=["set", "nan", "bytes", "endless"]
)
def test_what_json_cannot_express(value: object) -> None:
    """Fields added by hand are refused where they are written, not where they are read."""
    with pytest.raises(InvalidParameters, match="expected JSON values") as caught:
        attrs.evolve(FULL, extra={"key": value}).to_json()
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_subclass_is_read_as_itself() -> None:
    """Reading is a constructor of the class that it is called on."""

    @attrs.frozen(kw_only=True)
    class Special(StreamInfo):
        pass

    assert type(Special.from_json(FULL_JSON)) is Special


_TEXTS = st.text()
_IDS = st.text(st.characters(codec="utf-8"), min_size=1)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.builds(
        StreamInfo,
        product=st.sampled_from(Product),
        product_id=_IDS,
        stream_id=_IDS,
        server_urls=st.lists(_TEXTS).map(tuple),
        event_ts_ms=st.none() | st.integers(),
        account_id=st.none() | _TEXTS,
        operator_id=st.none() | _TEXTS,
        is_original_host=st.none() | st.booleans(),
        alternate_id=st.none() | _TEXTS,
        extra=st.dictionaries(_TEXTS, _JSON, max_size=3),
    )
)
def test_round_trip(info: StreamInfo) -> None:
    """Every stream survives the queue, and its JSON is ASCII that any JSON reader takes."""
    text = info.to_json()
    assert text.isascii()
    assert json.loads(text)["product"] == info.product.value
    assert StreamInfo.from_json(text) == info
