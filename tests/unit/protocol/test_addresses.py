"""Which URLs may be opened: the allow-list against everything that tries to get around it."""

from __future__ import annotations

import pytest

from rtms_client.config import NetworkOptions
from rtms_client.exceptions import HostNotAllowed
from rtms_client.protocol.addresses import check_url, origin, signaling_url

ZOOM = NetworkOptions()
TESTS = NetworkOptions(allowed_hosts=("127.0.0.1", "::1", "Example.TEST."), allow_plaintext=True)

SCHEME = "expected a wss URL"
PARTS = "expected a URL of host, port, path and query only"
HOST = "expected a host of zoom.us, zoomgov.com or a subdomain"


@pytest.mark.parametrize(
    "url",
    [
        "wss://zoom.us",
        "wss://zoom.us/",
        "wss://zoom.us:443/path?query=1&b=%2F",
        "wss://rtms.sjc.zoom.us:8443/s",
        "wss://zoomgov.com/s",
        "wss://a.zoomgov.com/s",
        "WSS://RTMS.ZOOM.US/S",
        "wss://a-1.zoom.us:65535/",
    ],
)
def test_zoom_is_allowed(url: str) -> None:
    """Zoom's hosts and their subdomains pass, and the URL is used exactly as given."""
    assert check_url(url, ZOOM) == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ws://zoom.us/s", SCHEME),
        ("http://zoom.us/s", SCHEME),
        ("https://zoom.us/s", SCHEME),
        ("srt://zoom.us/s", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("javascript:alert(1)", SCHEME),
        ("zoom.us/s", SCHEME),
        ("//zoom.us/s", SCHEME),
        ("", SCHEME),
        (" ", SCHEME),
        ("wss", SCHEME),
        ("wss:zoom.us", PARTS),
        ("wss:/zoom.us", PARTS),
        ("wss:///zoom.us", PARTS),
        ("wss://", PARTS),
        ("wss://:443/s", PARTS),
        ("wss://user@zoom.us/s", PARTS),
        ("wss://user:password@zoom.us/s", PARTS),
        ("wss://zoom.us@evil.test/s", PARTS),
        ("wss://zoom.us:443@evil.test/s", PARTS),
        ("wss://@zoom.us/s", PARTS),
        ("wss://zoom.us\\@evil.test/s", PARTS),
        ("wss://evil.test\\.zoom.us/s", PARTS),
        ("wss://zoom.us/s#fragment", PARTS),
        ("wss://zoom.us:0/s", PARTS),
        ("wss://evil.test%2f.zoom.us/s", PARTS),
        ("wss://evil.test\t.zoom.us/s", PARTS),
        ("wss://zoom.us/s\r\nHost: evil.test", PARTS),
        ("wss://zoom.us/a b", PARTS),
        (" wss://zoom.us/s", PARTS),
        ("wss://zoom.us/s\x00", PARTS),
        ("wss://zoom.us/é", PARTS),
        ("wss://zoom.us./s", PARTS),
        ("wss://.zoom.us/s", PARTS),
        ("wss://a..zoom.us/s", PARTS),
        ("wss://zoöm.us/s", PARTS),
        ("wss://zoom.u\u0455/s", PARTS),
        ("wss://ev\uff0eil.zoom.us/s", PARTS),
        ("wss://*.zoom.us/s", PARTS),
        ("wss://zoom.us:99999/s", "expected a URL, got: Port out of range 0-65535"),
        ("wss://zoom.us:port/s", "expected a URL, got: Port could not be cast to integer value"),
        ("wss://[::1/s", "expected a URL, got: Invalid IPv6 URL"),
        ("wss://[zoom.us]/s", "expected a URL, got: "),
        ("wss://evil.test/s", HOST),
        ("wss://zoom.us.evil.test/s", HOST),
        ("wss://evilzoom.us/s", HOST),
        ("wss://zoom.usa/s", HOST),
        ("wss://zoom-us/s", HOST),
        ("wss://us/s", HOST),
        ("wss://evil.test/zoom.us", HOST),
        ("wss://evil.test?zoom.us", HOST),
        ("wss://localhost/s", HOST),
        ("wss://127.0.0.1/s", HOST),
        ("wss://2130706433/s", HOST),
        ("wss://[::1]/s", HOST),
        ("wss://[::ffff:127.0.0.1]/s", HOST),
    ],
    ids=ascii,
)
def test_everything_else_is_refused(url: str, problem: str) -> None:
    """Other schemes, credentials, look-alike hosts and odd characters are refused with a reason."""
    with pytest.raises(HostNotAllowed) as caught:
        check_url(url, ZOOM)
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    "url",
    [
        "ws://127.0.0.1:8080/s",
        "wss://127.0.0.1/s",
        "ws://[::1]:8080/s",
        "ws://[::1]",
        "wss://example.test/",
        "wss://a.EXAMPLE.test/",
    ],
)
def test_other_hosts_can_be_allowed(url: str) -> None:
    """Test servers, proxies and IPv6 are allowed where the application says so."""
    assert check_url(url, TESTS) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1/s", "ws://1127.0.0.1/", "ws://zoom.us/s"])
def test_only_what_is_allowed(url: str) -> None:
    """Plain text is allowed for WebSockets only, and Zoom's hosts only where they are listed."""
    with pytest.raises(HostNotAllowed):
        check_url(url, TESTS)


def test_nothing_can_be_allowed() -> None:
    """An empty list allows no host at all."""
    with pytest.raises(HostNotAllowed):
        check_url("wss://zoom.us", NetworkOptions(allowed_hosts=()))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://rtms.zoom.us:443/s?token=canary", "wss://rtms.zoom.us:443"),
        ("wss://rtms.zoom.us?token=canary", "wss://rtms.zoom.us"),
        ("wss://rtms.zoom.us#canary", "wss://rtms.zoom.us"),
        ("wss://canary:canary@evil.test/s", "wss://evil.test"),
        ("wss://can@ary@evil.test/s", "wss://evil.test"),
        ("wss://evil.test\\canary", "wss://evil.test"),
        ("canary:canary@evil.test/s", "(no scheme)://evil.test"),
        ("canary:canary@evil.test?u=wss://x", "(no scheme)://evil.test"),
        ("zoom.us/canary", "(no scheme)://zoom.us"),
        ("//zoom.us/canary", "(no scheme)://"),
        ("wss://evil\r\n.test/", "wss://evil??.test"),
        ("wss://ev\u202eil.test/", "wss://ev?il.test"),
        ("wss://[::1]:80/", "wss://[::1]:80"),
        ("wss://" + "x" * 5000, "wss://" + "x" * 100),
        ("x" * 5000 + "://y", "(no scheme)://" + "x" * 100),
        ("", "(no scheme)://"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_origin_gives_nothing_away(url: str, shown: str) -> None:
    """Logs and errors show where, but neither path nor query nor credentials."""
    assert origin(url) == shown


def test_error_shows_the_origin_only() -> None:
    """The refused URL itself may hold a token."""
    with pytest.raises(HostNotAllowed) as caught:
        check_url("wss://evil.test/canary?token=canary", ZOOM)
    assert caught.value.url == "wss://evil.test"
    assert "canary" not in str(caught.value)


def test_first_usable_url_is_taken() -> None:
    """URLs that may not be opened are passed over."""
    urls = ("ws://zoom.us/1", "wss://evil.test/2", "wss://zoom.us/3", "wss://zoom.us/4")
    assert signaling_url(urls, ZOOM) == "wss://zoom.us/3"


def test_error_is_about_the_first_url() -> None:
    """Where no URL may be opened, the first one was meant."""
    with pytest.raises(HostNotAllowed) as caught:
        signaling_url(("wss://evil.test/1", "ws://zoom.us/2"), ZOOM)
    assert (caught.value.url, caught.value.problem) == ("wss://evil.test", HOST)


def test_no_url_at_all() -> None:
    """An empty webhook says so."""
    with pytest.raises(HostNotAllowed, match="expected a server URL, got none"):
        signaling_url((), ZOOM)
