"""Pictures and tables of the documentation follow the code, and the text around them does too."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from tests.integration.support import first_of

import make_diagrams
import make_tables
from rtms_client import (
    AudioParams,
    NetworkOptions,
    RTMSClient,
    events,
    exceptions,
    parse_started,
)
from rtms_client.protocol import MEDIA_TABLE, SESSION_TABLE, SIGNALING_TABLE, Phase
from rtms_client.protocol.machine import Table
from rtms_client.testing import FakeRTMSServer, sample_meeting, tone_meeting

DOCS = Path(__file__).parents[2] / "docs"
MACHINES: Final[Mapping[str, Table[Any, Any]]] = {
    "session": SESSION_TABLE,
    "signaling": SIGNALING_TABLE,
    "media": MEDIA_TABLE,
}
SVG = "{http://www.w3.org/2000/svg}"


def pages() -> str:
    """Return the text of all pages."""
    return "\n".join(path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md")))


def words(name: str) -> list[str]:
    """Return what is written in a picture."""
    root = ET.fromstring(make_diagrams.PICTURES[name]())  # noqa: S314  # made by us
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", make_diagrams.PICTURES)
def test_every_picture_is_shown(name: str) -> None:
    """A picture that can be drawn is well-formed, and a page shows it."""
    assert words(name)
    assert f"<!-- picture: {name} -->" in pages()


def test_timeline_is_a_run_of_the_core() -> None:
    """The picture of a reconnect shows what the default policy does."""
    assert [word for word in words("timeline") if " " in word and not word.endswith(" s")] == [
        "StreamResumed after 3 tries",
        "Gap of transcript",
    ]
    assert [word for word in words("timeline") if word.startswith("ReconnectScheduled")] == [
        "ReconnectScheduled: try 1 in 0.25 s",
        "ReconnectScheduled: try 2 in 3 s",
        "ReconnectScheduled: try 3 in 6 s",
    ]


@pytest.mark.parametrize("name", make_tables.TABLES)
def test_every_table_is_shown(name: str) -> None:
    """A table that can be written has rows, and a page shows it."""
    assert make_tables.table(name).count("\n") > 1
    assert f"<!-- table: {name} -->" in pages()


def test_every_mark_is_known() -> None:
    """A page names only pictures and tables that exist."""
    marks = re.findall(r"^<!-- (picture|table): ([\w-]+) -->$", pages(), re.MULTILINE)
    known = {"picture": make_diagrams.PICTURES, "table": make_tables.TABLES}
    assert [name for kind, name in marks if name not in known[kind]] == []


@pytest.mark.parametrize("name", MACHINES)
def test_machine_is_drawn_completely(name: str) -> None:
    """Each state that can be reached and each transition of the table is in the picture."""
    table = MACHINES[name]
    text = " ".join(words(name))
    reached = {target for row in table.values() for target in row.values()}
    transitions = {(state, target) for state, row in table.items() for target in row.values()}
    svg = make_diagrams.PICTURES[name]()
    assert [state.name for state in reached if state.name not in text] == []
    for cause in [cause for row in table.values() for cause in row]:
        assert cause.description in text
    moves = sum(1 for source, target in transitions if source is not target)
    assert svg.count("marker-end") == moves


def test_every_phase_is_explained() -> None:
    """The page of state machines has a definition for each state of a stream."""
    text = (DOCS / "explanation/state-machines.md").read_text("utf-8")
    assert [phase.name for phase in Phase if f"\n{phase.name}\n: " not in text] == []


def test_every_error_has_advice() -> None:
    """The page of errors says what to do about each class, or about the family it belongs to."""
    text = (DOCS / "reference/errors.md").read_text("utf-8")
    terms = set(re.findall(r"[A-Z]\w+", " ".join(re.findall(r"^(.+)\n: ", text, re.MULTILINE))))
    families = {
        name: {base.__name__ for base in getattr(exceptions, name).__mro__}
        for name in exceptions.__all__
    }
    assert [name for name, bases in families.items() if not bases & terms] == ["RTMSError"]


def test_every_exception_is_in_the_tree() -> None:
    """The generated tree has all exceptions."""
    tree = make_tables.table("exceptions")
    assert [name for name in exceptions.__all__ if f".{name}`" not in tree] == []


async def test_conversation_is_true() -> None:
    """The messages of the picture travel in this order between these two."""
    async with FakeRTMSServer(sample_meeting(seconds=2), pace=None) as server:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=server.ca_file, proxy=False)
        client = RTMSClient(
            "test-client-id", "test-client-secret", audio=AudioParams(), network=network
        )
        async with client.stream(parse_started(server.started_webhook())) as stream:
            await first_of(stream.events(), events.ParticipantJoined)
        seen = [(entry.msg_type, entry.direction) for entry in server.log]
    first = [seen.index((number, "in")) for number in (1, 3, 7)]
    assert first == sorted(first)
    for step in make_diagrams.JOINING:
        if step.message is not None:
            assert (step.message, "out" if step.source > 1 else "in") in seen


async def test_coming_back_is_true() -> None:
    """After a loss of signaling the messages of the picture travel in its order."""
    async with FakeRTMSServer(tone_meeting(seconds=3)) as server:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=server.ca_file, proxy=False)
        client = RTMSClient(
            "test-client-id", "test-client-secret", audio=AudioParams(), network=network
        )
        async with client.stream(parse_started(server.started_webhook())) as stream:
            await anext(stream.audio())
            server.stream.drop("signaling")
            before = len(server.log)
            await first_of(stream.events(), events.StreamResumed)

            def missing() -> list[make_diagrams.Step]:
                log = iter([(entry.msg_type, entry.direction) for entry in server.log[before:]])
                return [
                    step
                    for step in make_diagrams.RECONNECTING
                    if (step.message, "out" if step.source > 1 else "in") not in log
                ]

            await server.wait_until(lambda: not missing())
