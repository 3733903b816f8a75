"""What numbers mean and what to do about them."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from rtms_client.codes import (
    CLOSE_CODES,
    STATUS_CODES,
    STOP_REASONS,
    Explanation,
    Retry,
    explain_close,
    explain_status,
    explain_stop,
)
from rtms_client.enums import StatusCode, StopReason

DOCUMENTED: dict[str, dict[str, int]] = json.loads(
    (Path(__file__).parents[1] / "data" / "enums.json").read_text("utf-8")
)

# The column "Retry?" of the status codes, row by row. 15 and 16 are tried briefly first, like 8
# (protocol notes, row 29).
STATUS_RETRY = {
    0: Retry.OK,
    1: Retry.FINAL,
    2: Retry.FINAL,
    3: Retry.FINAL,
    4: Retry.FINAL,
    5: Retry.FINAL,
    6: Retry.FINAL,
    7: Retry.FINAL,
    8: Retry.BRIEFLY,
    9: Retry.MEDIUM,
    10: Retry.MEDIUM,
    11: Retry.MEDIUM,
    12: Retry.MEDIUM,
    13: Retry.MEDIUM,
    14: Retry.FINAL,
    15: Retry.BRIEFLY,
    16: Retry.BRIEFLY,
    17: Retry.FINAL,
    18: Retry.FINAL,
    19: Retry.FINAL,
    20: Retry.FINAL,
    21: Retry.FINAL,
    22: Retry.FINAL,
    23: Retry.FINAL,
    24: Retry.FINAL,
    25: Retry.FINAL,
    26: Retry.FINAL,
    27: Retry.FINAL,
    28: Retry.FINAL,
    29: Retry.FINAL,
    30: Retry.FINAL,
    31: Retry.FINAL,
    32: Retry.FINAL,
    33: Retry.FINAL,
    34: Retry.FINAL,
    35: Retry.FINAL,
    36: Retry.FINAL,
    37: Retry.FINAL,
    38: Retry.FINAL,
    39: Retry.FINAL,
    40: Retry.FINAL,
    41: Retry.FINAL,
    42: Retry.FINAL,
    43: Retry.FINAL,
    44: Retry.HARMLESS,
    45: Retry.BACK_OFF,
    46: Retry.FINAL,
    47: Retry.BACK_OFF,
}

# The column "After rtms_stopped" of the stop reasons, row by row.
STOP_RETRY = {
    0: Retry.FINAL,
    1: Retry.FINAL,
    2: Retry.FINAL,
    3: Retry.FINAL,
    4: Retry.FINAL,
    5: Retry.FINAL,
    6: Retry.FINAL,
    7: Retry.FINAL,
    8: Retry.FINAL,
    9: Retry.FINAL,
    10: Retry.RESTART,
    11: Retry.RESTART,
    12: Retry.RESTART,
    13: Retry.RESTART,
    14: Retry.RESTART,
    15: Retry.RESTART,
    16: Retry.RESTART,
    17: Retry.RESTART,
    18: Retry.RESTART,
    19: Retry.RESTART,
    20: Retry.FINAL,
    21: Retry.FINAL,
    22: Retry.FINAL,
    23: Retry.FINAL,
    24: Retry.RESTART,
    25: Retry.FINAL,
    26: Retry.FINAL,
}

EVERY_EXPLANATION = [
    pytest.param(explanation, id=f"{kind}-{code}")
    for kind, table in (("status", STATUS_CODES), ("stop", STOP_REASONS), ("close", CLOSE_CODES))
    for code, explanation in table.items()
]


def test_every_documented_status_code_is_explained() -> None:
    """The table has one row for each documented status code, under Zoom's name."""
    assert {f"STATUS_{row.name}": code for code, row in STATUS_CODES.items()} == DOCUMENTED[
        "RTMS_STATUS_CODE"
    ]


def test_every_documented_stop_reason_is_explained() -> None:
    """The table has one row for each documented stop reason, under Zoom's name."""
    rows = {row.name: code for code, row in STOP_REASONS.items()}
    assert {
        name.removeprefix("STOP_BC_"): code for name, code in DOCUMENTED["RTMS_STOP_REASON"].items()
    } == rows


@pytest.mark.parametrize(("code", "retry"), STATUS_RETRY.items())
def test_retry_after_status(code: int, retry: Retry) -> None:
    """Each status code allows what the documentation and Zoom's samples allow."""
    assert explain_status(code).retry is retry


@pytest.mark.parametrize(("code", "retry"), STOP_RETRY.items())
def test_retry_after_stop(code: int, retry: Retry) -> None:
    """Technical stop reasons ask for a new start of RTMS, the others are final."""
    assert explain_stop(code).retry is retry


def test_expected_retries_are_complete() -> None:
    """The expectations above leave no code out."""
    assert set(STATUS_RETRY) == set(STATUS_CODES)
    assert set(STOP_RETRY) == set(STOP_REASONS)


@pytest.mark.parametrize("explanation", EVERY_EXPLANATION)
def test_explanation_reads_well(explanation: Explanation) -> None:
    """Meaning and advice are clauses: not empty, not capitalised, without a full stop."""
    for clause in (explanation.meaning, explanation.advice):
        assert clause
        assert clause == clause.strip()
        assert not clause.endswith(".")
    first = explanation.meaning[0]
    assert first == first.lower() or explanation.meaning.startswith(("TLS", "WebSocket"))


def test_explain_takes_enum_members() -> None:
    """Members of the enums work like their numbers."""
    assert explain_status(StatusCode.INVALID_SIGNATURE).name == "INVALID_SIGNATURE"
    assert explain_stop(StopReason.MEETING_ENDED).meaning == "the meeting is over"


def test_wrong_signature_says_what_to_check() -> None:
    """The most frequent mistake of all has the most helpful advice."""
    assert explain_status(3) == Explanation(
        "INVALID_SIGNATURE",
        "signature does not match",
        "check client id and secret: they must belong to the app that received the webhook, and "
        "the id must be signed exactly as received",
        Retry.FINAL,
    )


def test_revoked_stream_demands_deletion() -> None:
    """Consent was revoked: the advice says that stored data must go."""
    assert explain_stop(8).advice == "delete everything stored from this stream at once"


def test_authentication_failure_checks_credentials_before_a_restart() -> None:
    """A restart with the same wrong credentials would be in vain."""
    assert explain_stop(18).advice == (
        "check client id and secret first, then start RTMS again over the REST API"
    )


def test_unknown_status_is_tried_once_more() -> None:
    """A status code of a later version allows one retry."""
    assert explain_status(4711) == Explanation(
        "UNKNOWN_4711",
        "status code unknown to this version",
        "wait and try again; if it stays, ask Zoom's support",
        Retry.ONCE,
    )


def test_unknown_stop_reason_is_final() -> None:
    """A stop reason of a later version is taken for the end."""
    assert explain_stop(4711) == Explanation(
        "UNKNOWN_4711",
        "stop reason unknown to this version",
        "nothing to do: the stream is over",
        Retry.FINAL,
    )


def test_no_close_code_proves_the_end() -> None:
    """Code 1000 is no proof of a normal end, and no code is (protocol notes, row 30)."""
    assert {row.retry for row in CLOSE_CODES.values()} == {Retry.BACK_OFF}
    assert explain_close(1000).advice == (
        "not a proof that the stream ended: only TERMINATED and the stopped webhook are"
    )


def test_unknown_close_code_proves_nothing() -> None:
    """A private close code counts like a broken connection."""
    assert explain_close(4001) == Explanation(
        "CODE_4001",
        "private close code",
        "not a proof that the stream ended: only TERMINATED and the stopped webhook are",
        Retry.BACK_OFF,
    )


@pytest.mark.parametrize("table", [STATUS_CODES, STOP_REASONS, CLOSE_CODES])
def test_tables_are_constant(table: dict[int, Explanation]) -> None:
    """Nobody changes what a code means while the program runs."""
    with pytest.raises(TypeError, match="does not support item assignment"):
        table[0] = explain_status(0)


@pytest.mark.parametrize("field", ["name", "meaning", "advice", "retry"])
def test_explanations_are_constant(field: str) -> None:
    """An explanation handed out cannot be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(explain_status(0), field, "changed")
