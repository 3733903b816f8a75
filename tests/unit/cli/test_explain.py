"""``explain``, as users type it."""

import pytest

from rtms_client.__main__ import main


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command says."""
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_a_number_of_several_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    """All kinds that know the number are shown."""
    assert explain(capsys, "18") == (
        "status code 18 INVALID_MEDIA_AUDIO_PARAMS\n"
        "  meaning  bad combination of audio parameters\n"
        "  do       choose a supported combination of parameters\n"
        "  retry    final: the same request will fail again\n"
        "\n"
        "stop reason 18 AUTHENTICATION_FAILURE\n"
        "  meaning  authentication failed\n"
        "  do       check client id and secret first, then start RTMS again over the REST API\n"
        "  retry    the stream is dead: start RTMS again over the REST API, a new stream follows\n"
    )


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [
        (["--status", "18"], ["status code 18 INVALID_MEDIA_AUDIO_PARAMS"]),
        (["--stop", "18"], ["stop reason 18 AUTHENTICATION_FAILURE"]),
        (["--close", "1006"], ["WebSocket close code 1006 ABNORMAL_CLOSURE"]),
        (["1006"], ["WebSocket close code 1006 ABNORMAL_CLOSURE"]),
        (["--close", "4321"], ["WebSocket close code 4321 CODE_4321"]),
        (["--stop", "-1"], ["stop reason -1 UNKNOWN_-1"]),
        (["invalid signature"], ["status code 3 INVALID_SIGNATURE"]),
        (["AUTHENTICATION_FAILURE"], ["stop reason 18 AUTHENTICATION_FAILURE"]),
        (
            ["--stop", "user-"],
            [
                "stop reason 2 USER_TRIGGERED",
                "stop reason 3 USER_LEFT",
                "stop reason 4 USER_EJECTED",
            ],
        ),
    ],
    ids=["status", "stop", "close", "one-kind", "private", "negative", "name", "whole", "part"],
)
def test_what_is_found(
    capsys: pytest.CaptureFixture[str], arguments: list[str], titles: list[str]
) -> None:
    """Numbers and names, whole or in part, of one kind or all."""
    lines = explain(capsys, *arguments).splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == titles


def test_a_whole_name_wins(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is also part of others means itself."""
    assert explain(capsys, "--status", "OK").startswith("status code 0 OK\n")


def test_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a code, the tables are shown."""
    text = explain(capsys)
    assert text.startswith("status codes\n     0  OK ")
    assert "\nstop reasons\n     0  UNDEFINED " in text
    assert "\nWebSocket close codes\n  1000  NORMAL_CLOSURE " in text
    assert explain(capsys, "--close").startswith("WebSocket close codes\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["999"], "no code is called '999'"),
        ([""], "no code is called ''"),
        (["--stop", "nonsense\x1b"], "no stop reason is called 'nonsense\ufffd'"),
    ],
    ids=["number", "empty", "name"],
)
def test_what_is_not_found(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    """The error says how to see all of them."""
    assert main(["explain", *arguments]) == 2
    error = capsys.readouterr().err
    assert f": {text}; call `explain` without a code for the list of all\n" in error
