"""The limits on the length of files and functions."""

from pathlib import Path

import pytest

import check_sizes


def function(lines: int, head: str = "def f():") -> str:
    """Write a function of so many lines without its docstring."""
    return f'{head}\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize("head", ["def f():", "async def f():"])
def test_function_at_the_limit(head: str) -> None:
    """Sixty lines without the docstring are allowed, one more is not."""
    assert list(check_sizes.problems("a.py", function(60, head))) == []
    assert list(check_sizes.problems("a.py", function(61, head))) == [
        "a.py:1: f: 61 lines without its docstring, at most 60"
    ]


def test_function_without_docstring() -> None:
    """All lines count when there is no docstring."""
    assert list(check_sizes.problems("a.py", "def f():\n" + "    x = 1\n" * 59)) == []
    assert len(list(check_sizes.problems("a.py", "def f():\n" + "    x = 1\n" * 60))) == 1


def test_file_at_the_limit() -> None:
    """Six hundred lines are allowed, one more is not."""
    assert list(check_sizes.problems("a.py", "x = 1\n" * 600)) == []
    assert list(check_sizes.problems("a.py", "x = 1\n" * 601)) == ["a.py: 601 lines, at most 600"]


def test_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program checks folders recursively and fails when it found something."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text("x = 1\n")
    assert check_sizes.main([str(tmp_path)]) == 0
    (tmp_path / "inner" / "b.py").write_text("x = 1\n" * 601)
    assert check_sizes.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "1 files are short enough"
