"""Starting, stopping, pausing and resuming RTMS: what is sent, and what answers mean."""

import re
import string
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtms_client import InvalidParameters, Product, StreamInfo, StreamStopped
from rtms_client.control import (
    API_URL,
    ControlAction,
    ControlAnswer,
    ControlRequest,
    ControlTarget,
    RTMSControl,
)
from rtms_client.enums import StopReason
from rtms_client.exceptions import ControlRejected, ControlUnavailable
from rtms_client.protocol.restart import RestartRequest

# Webhook notes, section 9, written out.
CALLS = {
    Product.MEETING: ("PATCH", "/v2/live_meetings/the-id/rtms_app/status"),
    Product.VIDEO_SDK: ("PATCH", "/v2/videosdk/sessions/the-id/rtms_app/status"),
    Product.CONTACT_CENTER: ("PUT", "/v2/contact_center/the-id/rtms_app/status"),
    Product.PHONE: ("PATCH", "/v2/phone/calls/the-id/rtms_app/status"),
}
MEETING = ControlTarget(product=Product.MEETING, id="98765432101")
UNRESERVED = set(f"{string.ascii_letters}{string.digits}-._~")


class Api:
    """Keeps requests, and answers the same to each."""

    def __init__(self, status: int = 204, body: bytes = b"") -> None:
        self.requests: list[ControlRequest] = []
        self._answer = ControlAnswer(status=status, body=body)

    async def __call__(self, request: ControlRequest, /) -> ControlAnswer:
        """Answer."""
        self.requests.append(request)
        return self._answer


def info_of(product: Product, **extra: object) -> StreamInfo:
    """Return a stream of a product."""
    return StreamInfo(
        product=product,
        product_id="the-id",
        stream_id="stream",
        server_urls=("wss://zoom.us",),
        extra=extra,
    )


def build(target: ControlTarget | StreamInfo) -> ControlRequest:
    """Return a request to start."""
    return ControlRequest.build(ControlAction.START, target, client_id="the-client")


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", CALLS, ids=lambda product: product.name)
@pytest.mark.parametrize("action", ControlAction)
def test_each_action_of_each_product(action: ControlAction, product: Product) -> None:
    """Method, path and body are the documented ones."""
    target = ControlTarget(product=product, id="the-id")
    request = ControlRequest.build(action, target, client_id="the-client")
    assert (request.method, request.path) == CALLS[product]
    assert request.body == {"action": action.value, "settings": {"client_id": "the-client"}}
    assert request.url == f"https://api.zoom.us{request.path}" == f"{API_URL}{request.path}"
    assert request == ControlRequest.build(action, info_of(product), client_id="the-client")


def test_actions() -> None:
    """There are four."""
    assert [action.value for action in ControlAction] == ["start", "stop", "pause", "resume"]


def test_on_behalf_of_somebody() -> None:
    """The user is named in the settings."""
    request = ControlRequest.build(
        ControlAction.START, MEETING, client_id="the-client", participant_user_id="ada"
    )
    assert request.body == {
        "action": "start",
        "settings": {"client_id": "the-client", "participant_user_id": "ada"},
    }


def test_webinars_have_no_documented_call() -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidParameters, match=r"documented call, got WEBINAR; start it from"):
        build(info_of(Product.WEBINAR))


@pytest.mark.parametrize(
    ("product", "extra", "id_"),
    [
        (Product.MEETING, {"meeting_id": "98765432101"}, "98765432101"),
        (Product.MEETING, {"meeting_id": 98765432101}, "98765432101"),
        (Product.MEETING, {"meeting_id": ""}, "the-id"),
        (Product.MEETING, {"meeting_id": ["98765432101"]}, "the-id"),
        (Product.MEETING, {}, "the-id"),
        (Product.PHONE, {"meeting_id": "98765432101"}, "the-id"),
    ],
)
def test_a_meeting_goes_by_its_number(product: Product, extra: dict[str, object], id_: str) -> None:
    """If the webhook had it; everything else goes by its id."""
    target = ControlTarget.of(info_of(product, **extra))
    assert target == ControlTarget(product=product, id=id_)


# --- ids in paths --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product_id", "segment"),
    [
        ("98765432101", "98765432101"),
        ("aBcDeFgHiJkLmNoPqRsTuA==", "aBcDeFgHiJkLmNoPqRsTuA%3D%3D"),
        ("a/b+c==", "a%2Fb%2Bc%3D%3D"),
        ("/abc==", "%252Fabc%253D%253D"),
        ("a//bc==", "a%252F%252Fbc%253D%253D"),
        ("Grüße?#%", "Gr%C3%BC%C3%9Fe%3F%23%25"),
        ("...", "..."),
    ],
)
def test_path(product_id: str, segment: str) -> None:
    """UUIDs are encoded twice where once would let them fall apart (webhook notes, 3.5)."""
    request = build(ControlTarget(product=Product.MEETING, id=product_id))
    assert request.path == f"/v2/live_meetings/{segment}/rtms_app/status"


@pytest.mark.parametrize("product_id", [".", ".."])
def test_steps_are_no_ids(product_id: str) -> None:
    """An HTTP client would go to another path."""
    with pytest.raises(InvalidParameters, match="id: expected an id, got '"):
        build(ControlTarget(product=Product.MEETING, id=product_id))


@pytest.mark.parametrize("product_id", ["", None, 98765432101, "\ud800"])
def test_what_is_no_id(product_id: str) -> None:
    """It shows where it is made."""
    with pytest.raises(InvalidParameters, match=r"^id: expected"):
        ControlTarget(product=Product.MEETING, id=product_id)


ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.text("/a+=%.", min_size=1)


@given(ids.filter(lambda one: one not in {".", ".."}), st.sampled_from([*CALLS]))
@example("//", Product.MEETING)
@example("%2F", Product.PHONE)
def test_an_id_stays_one_segment(product_id: str, product: Product) -> None:
    """Whatever it is: no other path, no query, and decoded as often it is what it was."""
    path = build(ControlTarget(product=product, id=product_id)).path
    before, after = CALLS[product][1].split("the-id")
    assert path.startswith(before)
    assert path.endswith(after)
    segment = path[len(before) : -len(after)]
    assert set(segment) <= UNRESERVED | {"%"}
    twice = product_id.startswith("/") or "//" in product_id
    once = unquote(segment) if twice else segment
    assert unquote(once) == product_id
    assert "/" not in once  # what decodes the path on its way sees one segment too


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_accepted(status: int) -> None:
    """Nothing in the body of an answer matters then."""
    build(MEETING).check(ControlAnswer(status=status, body=b"{"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (199, ControlRejected),
        (301, ControlRejected),
        (400, ControlRejected),
        (401, ControlRejected),
        (403, ControlRejected),
        (404, ControlRejected),
        (428, ControlRejected),
        (429, ControlUnavailable),
        (430, ControlRejected),
        (499, ControlRejected),
        (500, ControlUnavailable),
        (503, ControlUnavailable),
        (599, ControlUnavailable),
        (600, ControlRejected),
    ],
)
def test_refused(status: int, kind: type[ControlRejected]) -> None:
    """The class tells whether the same request may succeed later."""
    with pytest.raises(ControlRejected) as caught:
        build(MEETING).check(ControlAnswer(status=status))
    assert type(caught.value) is kind
    assert caught.value.args == ("start", status, None, "")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"code": 2308, "message": "No."}', 2308, "No."),
        (b'{"code": "2310"}', 2310, ""),
        (b'{"message": "No."}', None, "No."),
        (b'{"code": true, "message": ["No."]}', None, ""),
        (b'["code"]', None, ""),
        (b"<html>", None, ""),
        (b"\xff", None, ""),
        (b"", None, ""),
        (b"[" * 100_000, None, ""),
    ],
    ids=["both", "code as text", "message", "types", "list", "HTML", "UTF-8", "none", "deep"],
)
def test_what_a_refusal_says(body: bytes, code: int | None, message: str) -> None:
    """Zoom's number and words, as far as they are there."""
    with pytest.raises(ControlRejected) as caught:
        build(MEETING).check(ControlAnswer(status=400, body=body))
    assert (caught.value.code, caught.value.message) == (code, message)


def test_text_of_a_refusal() -> None:
    """What was asked for, what came, what to do."""
    with pytest.raises(ControlRejected) as caught:
        build(MEETING).check(ControlAnswer(status=403, body=b'{"code": 1, "message": "No\\n."}'))
    assert str(caught.value) == (
        r"expected Zoom to start RTMS, got HTTP status 403 (code 1: No\n.); add the scope of this "
        "call to the app that the access token is of, and re-authorise it"
    )


def test_an_answer_without_status() -> None:
    """A text is no number."""
    with pytest.raises(InvalidParameters, match="status: expected an int, got '204'"):
        ControlAnswer(status="204")  # type: ignore[arg-type]  # that is the point  # pyright: ignore[reportArgumentType]


# --- the four methods ----------------------------------------------------------------------------


async def test_methods() -> None:
    """Each sends its action."""
    api = Api()
    control = RTMSControl(api, "the-client")
    await control.start(MEETING, participant_user_id="ada")
    await control.pause(info_of(Product.MEETING))
    await control.resume(MEETING)
    await control.stop(MEETING)
    assert [request.action.value for request in api.requests] == [
        "start",
        "pause",
        "resume",
        "stop",
    ]
    assert api.requests[0].body["settings"] == {
        "client_id": "the-client",
        "participant_user_id": "ada",
    }
    assert [re.sub(r"\D", "", request.path) for request in api.requests] == [
        "298765432101",
        "2",
        "298765432101",
        "298765432101",
    ]


async def test_methods_raise_what_the_answer_means() -> None:
    """A refusal is an error."""
    control = RTMSControl(Api(503), "the-client")
    for method in (control.start, control.pause, control.resume, control.stop):
        with pytest.raises(ControlUnavailable, match="got HTTP status 503; wait and try again"):
            await method(MEETING)


async def test_restart() -> None:
    """What died is started again."""
    api = Api()
    error = StreamStopped(StopReason.KEEP_ALIVE_TIMEOUT)
    await RTMSControl(api, "the-client").restart(
        RestartRequest(
            info=info_of(Product.PHONE),
            stop_reason=StopReason.KEEP_ALIVE_TIMEOUT,
            error=error,
            attempt=1,
        )
    )
    assert api.requests == [build(info_of(Product.PHONE))]
