"""``explain``: what a number or name of the protocol means and what to do about it."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from rtms_client.codes import (
    CLOSE_CODES,
    STATUS_CODES,
    STOP_REASONS,
    Explanation,
    explain_close,
    explain_status,
    explain_stop,
)

from .failures import EXIT_OK, EXIT_USAGE, CommandError
from .text import clean

__all__ = ["run"]


@attrs.frozen
class _Kind:
    title: str
    table: Mapping[int, Explanation]
    explain: Callable[[int], Explanation]


_KINDS: Final = {
    "status": _Kind("status code", STATUS_CODES, explain_status),
    "stop": _Kind("stop reason", STOP_REASONS, explain_stop),
    "close": _Kind("WebSocket close code", CLOSE_CODES, explain_close),
}


def run(options: argparse.Namespace) -> int:
    """Explain a code, or list all of them; returns the exit code.

    Raises:
        CommandError: There is no such code.
    """
    kinds = [_KINDS[options.kind]] if options.kind else list(_KINDS.values())
    code: str | None = options.code
    if code is None:
        lines = [line for kind in kinds for line in _listed(kind)]
    else:
        found = [
            (kind, number, kind.explain(number))
            for kind in kinds
            for number in _numbers(kind, code, narrowed=len(kinds) == 1)
        ]
        if not found:
            what = kinds[0].title if len(kinds) == 1 else "code"
            raise CommandError(
                EXIT_USAGE,
                f"no {what} is called {clean(code)!r}; "
                "call `explain` without a code for the list of all",
            )
        lines = [line for one in found for line in _explained(*one)]
    print("\n".join(lines).strip())
    return EXIT_OK


def _numbers(kind: _Kind, code: str, *, narrowed: bool) -> list[int]:
    """Find the codes that a number, a name or a part of a name stands for."""
    if code.removeprefix("-").isdecimal():
        return [int(code)] if narrowed or int(code) in kind.table else []
    name = code.upper().replace("-", "_").replace(" ", "_")
    exact = [number for number, known in kind.table.items() if known.name == name]
    return exact or [number for number, known in kind.table.items() if name and name in known.name]


def _explained(kind: _Kind, number: int, known: Explanation) -> Iterator[str]:
    yield ""
    yield f"{kind.title} {number} {known.name}"
    yield f"  meaning  {known.meaning}"
    yield f"  do       {known.advice}"
    yield f"  retry    {known.retry.value}"


def _listed(kind: _Kind) -> Iterator[str]:
    yield ""
    yield f"{kind.title}s"
    width = max(len(known.name) for known in kind.table.values())
    for number, known in sorted(kind.table.items()):
        yield f"  {number:>4}  {known.name:<{width}}  {known.meaning}"
