"""The extraction of commands from README.md."""

import pytest

import readme_command

TEXT = """\
<!-- command: one -->
```sh
first \\
  second
```

<!-- command: two -->

```sh
third
```
"""


def test_command() -> None:
    """A command is the block after its mark, unchanged."""
    assert readme_command.command(TEXT, "one") == "first \\\n  second\n"
    assert readme_command.command(TEXT, "two") == "third\n"


@pytest.mark.parametrize(("text", "count"), [(TEXT, 0), (TEXT.replace("one", "three") * 2, 2)])
def test_not_exactly_one(text: str, count: int) -> None:
    """A missing or ambiguous command is an error, or CI would run the wrong one."""
    with pytest.raises(ValueError, match=f"'three' in the text, found {count}"):
        readme_command.command(text, "three")
