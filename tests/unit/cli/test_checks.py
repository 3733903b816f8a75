"""``sign``, ``verify-webhook`` and ``doctor``: everything that needs no server."""

import io
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from rtms_client.__main__ import main
from rtms_client._cli.parser import make_parser
from rtms_client.testing import sign_webhook

STARTED = {
    "event": "meeting.rtms_started",
    "event_ts": 1790000000000,
    "payload": {
        "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
        "rtms_stream_id": "the-stream",
        "server_urls": "wss://rtms.example.zoom.us:443",
    },
}
TOKEN = "the secret token"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set credentials, and no proxy."""
    for name in ("ZM_RTMS_CLIENT", "ZM_RTMS_SECRET", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZOOM_CLIENT_ID", "id")
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "secret")
    monkeypatch.setenv("ZOOM_WEBHOOK_SECRET_TOKEN", f"another, {TOKEN}")


# --- sign ----------------------------------------------------------------------------------------


def signed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Return what ``sign`` prints."""
    assert main(["sign", *options]) == 0
    return capsys.readouterr().out.strip()


def test_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The event and its ids lead to the same signature, the one of the library."""
    from rtms_client import handshake_signature  # noqa: PLC0415

    event = tmp_path / "started.json"
    event.write_text(json.dumps(STARTED))
    ids = ["--product-id", "aBcDeFgHiJkLmNoPqRsTuA==", "--stream-id", "the-stream"]
    expected = handshake_signature("id", "secret", "aBcDeFgHiJkLmNoPqRsTuA==", "the-stream")
    assert signed(capsys, "--event", str(event)) == expected
    assert signed(capsys, *ids) == expected
    assert json.loads(signed(capsys, *ids, "--json")) == {
        "signature": expected,
        "signed": "id,aBcDeFgHiJkLmNoPqRsTuA==,the-stream",
    }


def test_sign_without_what_it_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what is missing."""
    assert main(["sign", "--product-id", "a"]) == 2
    assert "or --product-id and --stream-id\n" in capsys.readouterr().err
    assert main(["sign", "--event", "x", "--product-id", "a"]) == 2
    assert "--stream-id, not both\n" in capsys.readouterr().err
    monkeypatch.delenv("ZOOM_CLIENT_ID")
    assert main(["sign", "--product-id", "a", "--stream-id", "b"]) == 2
    assert "no credentials: set ZOOM_CLIENT_ID" in capsys.readouterr().err


# --- verify-webhook ------------------------------------------------------------------------------


def verdict(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    body: bytes,
    headers: Any,  # noqa: ANN401  # text or JSON
    *options: str,
) -> dict[str, Any]:
    """Return what ``verify-webhook`` says, and check its exit code."""
    (folder / "body").write_bytes(body)
    text = headers if isinstance(headers, str) else json.dumps(dict(headers))
    (folder / "headers").write_text(text)
    files = [str(folder / "body"), "--headers", str(folder / "headers")]
    code = main(["verify-webhook", *files, "--json", *options])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (found["verdict"] != "genuine")
    return found


def test_a_genuine_webhook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Headers may be JSON or as a client prints them."""
    webhook = sign_webhook(STARTED, TOKEN)
    found = verdict(capsys, tmp_path, webhook.body, webhook.headers, "--max-age", "300")
    assert found == {
        "verdict": "genuine",
        "why": "meeting.rtms_started, signed by Zoom",
        "do": None,
        "http_status": 200,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in webhook.headers.items())
    text = f"POST /webhook HTTP/1.1\r\n{lines}"
    assert verdict(capsys, tmp_path, webhook.body, text)["verdict"] == "genuine"


def test_an_old_webhook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is genuine, but a live receiver would not take it."""
    webhook = sign_webhook(STARTED, TOKEN, timestamp_s=1790000000)
    found = verdict(capsys, tmp_path, webhook.body, webhook.headers)
    assert found["verdict"] == "genuine"
    assert "a live receiver takes 300 s at most" in found["do"]
    found = verdict(capsys, tmp_path, webhook.body, webhook.headers, "--max-age", "300")
    assert found["http_status"] == 401
    assert found["do"].startswith("raise --max-age")


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda body: body + b"\n", "a line end was appended to the body"),
        (lambda body: body + b"  ", "white space was appended to the body"),
        (lambda body: b"\xef\xbb\xbf" + body, "a byte order mark was put before the body"),
        (lambda body: json.dumps(json.loads(body), indent=1).encode(), "the body was parsed"),
    ],
    ids=["line end", "blanks", "mark", "parsed"],
)
def test_a_body_that_was_changed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[bytes], bytes],
    advice: str,
) -> None:
    """It is found out how."""
    webhook = sign_webhook(STARTED, TOKEN)
    found = verdict(capsys, tmp_path, change(webhook.body), webhook.headers)
    assert found["verdict"] == "refused"
    assert found["do"].startswith(advice)


@pytest.mark.parametrize("body", [b'{"event": 1}', b"no JSON"])
def test_another_body(tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes) -> None:
    """Nothing that could have been done to it explains the signature."""
    found = verdict(capsys, tmp_path, body, sign_webhook(STARTED, TOKEN).headers)
    assert "the app's secret token (not the client secret)" in found["why"]
    assert found["do"] is None


def test_a_genuine_webhook_of_no_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The signature is right although the end of a line was added; the content is not."""
    webhook = sign_webhook({"event": "meeting.rtms_started"}, TOKEN)
    found = verdict(capsys, tmp_path, webhook.body, webhook.headers)
    assert found["http_status"] == 422
    found = verdict(capsys, tmp_path, webhook.body + b"\n", webhook.headers)
    assert found["do"].startswith("a line end was appended")


def test_a_body_without_headers(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said where the signature is, before anything is read."""
    assert main(["verify-webhook", "-"]) == 2
    assert "pass --headers FILE, or --header NAME=VALUE for each\n" in capsys.readouterr().err


def test_input_is_expected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody at a terminal learns why nothing happens."""

    class Keyboard(io.TextIOWrapper):
        @override
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard(io.BytesIO(json.dumps(STARTED).encode())))
    assert main(["sign", "--event", "-"]) == 0
    assert capsys.readouterr().err == "type or paste the started webhook; Ctrl-D ends it\n"


def test_verdicts_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line is the verdict; single headers and standard input are taken too."""
    webhook = sign_webhook(STARTED, TOKEN)
    headers = [f"--header={name}={value}" for name, value in webhook.headers.items()]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(webhook.body)))
    assert main(["verify-webhook", "-", *headers]) == 0
    assert capsys.readouterr().out == "genuine: meeting.rtms_started, signed by Zoom\n"
    path = tmp_path / "body"
    path.write_bytes(webhook.body + b"\n")
    assert main(["verify-webhook", str(path), *headers]) == 1
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("refused: expected a signature")
    assert second.startswith("  a line end was appended")
    assert third == "  a receiver answers with HTTP status 401"


def test_unusable_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the option."""
    body = tmp_path / "body"
    body.write_text("{}")
    (tmp_path / "headers").write_text("{broken")
    (tmp_path / "big").write_bytes(bytes(2 * 1024 * 1024))
    for options, problem in (
        ([str(tmp_path / "no"), "--header", "a=b"], "no: No such file or directory\n"),
        ([str(body), "--header", "x"], "--header x: expected NAME=VALUE\n"),
        ([str(body), "--headers", str(tmp_path / "headers")], "a JSON object or lines\n"),
    ):
        assert main(["verify-webhook", *options]) == 2
        assert capsys.readouterr().err.endswith(problem)
    monkeypatch.setenv("ZOOM_WEBHOOK_SECRET_TOKEN", "\udc80")
    assert main(["verify-webhook", str(body), "--header", "x-zm-signature=v0=" + "0" * 64,
                 "--header", "x-zm-request-timestamp=1790000000"]) == 2  # fmt: skip
    assert "secret: expected non-empty texts" in capsys.readouterr().err
    monkeypatch.setenv("ZOOM_WEBHOOK_SECRET_TOKEN", " , ")
    assert main(["verify-webhook", str(body)]) == 2
    assert "no secret token: set ZOOM_WEBHOOK_SECRET_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["-1", "nan", "x", "1e10"])
def test_ages_that_are_none(value: str) -> None:
    """A number of seconds is expected."""
    with pytest.raises(SystemExit):
        make_parser().parse_args(["verify-webhook", "-", "--max-age", value])


@pytest.mark.parametrize("value", ["0", "x"])
def test_counts_that_are_none(value: str) -> None:
    """A number from 1 is expected."""
    with pytest.raises(SystemExit):
        make_parser().parse_args(["replay", "x", "--times", value])


# --- doctor --------------------------------------------------------------------------------------


def findings(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, Any]]:
    """Return what ``doctor`` finds wrong."""
    assert main(["doctor", "--json", *options]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["name"]: line for line in found}


def event(folder: Path, url: str) -> str:
    """Write a started webhook with a server."""
    path = folder / "started.json"
    payload = {**STARTED["payload"], "server_urls": url}  # type: ignore[dict-item]
    path.write_text(json.dumps({**STARTED, "payload": payload}))
    return str(path)


def test_no_credentials_and_a_strange_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is connected to a host that is not allowed."""
    monkeypatch.delenv("ZOOM_CLIENT_SECRET")
    found = findings(capsys, "--event", event(tmp_path, "wss://evil.example"))
    assert found["credentials"]["state"] == "failed"
    assert found["host"]["advice"].startswith("add --allow-host")
    assert "dns" not in found


def test_a_name_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What depends on it is skipped; people get the advice on a line of its own."""
    options = ["--event", event(tmp_path, "wss://nobody.invalid"), "--allow-host", "invalid"]
    found = findings(capsys, *options, "--proxy", "none")
    assert [found[name]["state"] for name in ("dns", "tcp", "tls", "clock")] == [
        *("failed", "skipped", "skipped", "skipped")
    ]
    assert main(["doctor", *options, "--proxy", "none"]) == 1
    assert "-> check the name, the resolver" in capsys.readouterr().out


def test_a_port_that_is_shut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The address and what the network says."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"wss://localhost:{port}"
    found = findings(
        capsys, "--event", event(tmp_path, url), "--allow-host", "localhost", "--proxy", "none"
    )
    assert found["tcp"]["text"].startswith(f"localhost:{port}: ")


def test_something_that_is_no_tls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that does not speak TLS is found within the time given."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"wss://localhost:{server.getsockname()[1]}"
        found = findings(
            capsys,
            *("--event", event(tmp_path, url), "--allow-host", "localhost"),
            *("--proxy", "none", "--timeout", "0.1"),
        )
    assert found["tls"]["state"] == "failed"
    assert found["tls"]["advice"] == "something between here and there is no TLS server"


def test_proxies_of_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are used unless the host is excepted; other kinds cannot be checked."""
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:9")
    found = findings(capsys)
    assert found["proxy"]["text"] == "socks5: only http proxies can be checked"
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert findings(capsys)["tcp"]["text"].startswith("127.0.0.1:9: ")
    assert findings(capsys)["host"]["text"] == (
        "zoom.us of Zoom, because there is no --event, allowed"
    )
    monkeypatch.setenv("no_proxy", "invalid")
    away = ["--event", event(tmp_path, "wss://nobody.invalid"), "--allow-host", "invalid"]
    assert findings(capsys, *away)["proxy"]["text"] == "none, a direct connection"


@pytest.mark.parametrize("url", ["proxy", "http://proxy:99999", "http://:80"])
def test_what_is_no_proxy(capsys: pytest.CaptureFixture[str], url: str) -> None:
    """It is not shown, because it may hold a password."""
    found = findings(capsys, "--proxy", url)["proxy"]
    assert (found["state"], found["text"]) == ("failed", "this is no URL of a proxy")
    assert found["advice"] == "use http://host:port"


@pytest.mark.parametrize(
    "options", [["--allow-host", "*"], ["--ca-file", "missing.pem"]], ids=["host", "file"]
)
def test_unusable_options(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    """They are errors of usage, not findings."""
    assert main(["doctor", *options]) == 2
    assert options[0] in capsys.readouterr().err
