"""The doors for tasks and timers."""

from pathlib import Path

import pytest

import check_doors

USES = {
    "asyncio.create_task(x)": "create_task",
    "group.create_task(x)": "create_task",
    "asyncio.ensure_future(x)": "ensure_future",
    "from asyncio import ensure_future as f": "ensure_future",
    "loop.call_later(1, x)": "call_later",
    "asyncio.get_running_loop().call_at(1, x)": "call_at",
}


@pytest.mark.parametrize(("source", "name"), USES.items())
def test_use_outside_the_door(source: str, name: str) -> None:
    """Every way to reach a name is found, with its line and the module whose duty it is."""
    [problem] = check_doors.problems("rtms_client.client", f"import asyncio\n{source}\n")
    assert problem == f"rtms_client.client:2: {name} belongs in {check_doors.DOORS[name]} only"


@pytest.mark.parametrize("source", USES)
def test_test_doubles_are_free(source: str) -> None:
    """The fake server starts tasks and timers of its own."""
    assert list(check_doors.problems("rtms_client.testing.server", source)) == []


def test_use_inside_the_door() -> None:
    """Each door is open for its own names and closed for the others'."""
    source = "group.create_task(x)\nloop.call_at(1, x)\n"
    assert list(check_doors.problems("rtms_client._runtime.scope", source)) == [
        "rtms_client._runtime.scope:2: call_at belongs in rtms_client._runtime.driver only"
    ]
    assert list(check_doors.problems("rtms_client._runtime.driver", source)) == [
        "rtms_client._runtime.driver:1: create_task belongs in rtms_client._runtime.scope only"
    ]


def test_similar_module_is_no_door() -> None:
    """A module whose name only begins like a door's is outside."""
    assert len(list(check_doors.problems("rtms_client.testing_more", "x.call_at()"))) == 1


def test_other_names_are_free() -> None:
    """Names that are nobody's duty are not reported."""
    source = "import asyncio\nasyncio.sleep(0)\n"
    assert list(check_doors.problems("rtms_client.client", source)) == []


def test_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program names modules by their place below the source root and fails if any is wrong."""
    package = tmp_path / "rtms_client"
    package.mkdir()
    (package / "__init__.py").write_text("x = 1\n")
    assert check_doors.main([str(tmp_path)]) == 0
    (package / "__init__.py").write_text("x.create_task()\n")
    (package / "stream.py").write_text("x.call_at()\n")
    assert check_doors.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "tasks and timers are where they belong",
        "rtms_client:1: create_task belongs in rtms_client._runtime.scope only",
        "rtms_client.stream:1: call_at belongs in rtms_client._runtime.driver only",
    ]
