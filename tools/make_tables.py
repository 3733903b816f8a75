"""Write the tables of the documentation from the code, so that no number can drift.

The documentation build puts them into its pages in place of ``<!-- table: NAME -->``.

Usage: ``make_tables.py NAME`` prints one.
"""

import argparse
import ast
import functools
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs

import rtms_client
from rtms_client import codes, config, exceptions
from rtms_client._runtime.buffers import BufferStatistics
from rtms_client.enums import OpenIntEnum
from rtms_client.event_socket import EventSocketOptions
from rtms_client.protocol import CoreStatistics

__all__ = ["TABLES", "table"]

_MIB: Final = 1024 * 1024
_HELP_WIDTH: Final = 84
# Where a rule comes from, which concerns those who work on the code.
_NOTES: Final = re.compile(r",? \((?:[a-z]+ )*notes, [^()]*\)")


def _markdown(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    cells = [list(header)]
    cells.append(["---"] * len(cells[0]))
    cells += [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _field_docs(kind: type) -> dict[str, str]:
    """Return the text under each field of a class."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101  # that is what getsource was asked for
    docs: dict[str, str] = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str() as doc)
            ):
                docs[name] = " ".join(doc.split())
            case _:
                pass
    return docs


def _role(name: str) -> str:
    """Return a link to a public name."""
    where = "rtms_client" if name in rtms_client.__all__ else "rtms_client.exceptions"
    return f"{{class}}`~{where}.{name}`"


def _linked(doc: str) -> str:
    """Turn the marks of docstrings into those of Markdown."""
    return _NOTES.sub("", doc).replace("``", "`")


def _size(value: int) -> str:
    return f"{value // _MIB} MiB" if value >= _MIB and not value % _MIB else f"{value:,}"


def _timeouts() -> str:
    default = config.Timeouts()
    docs = _field_docs(config.Timeouts)
    return _markdown(
        ("`Timeouts`", "default", "meaning"),
        (
            (f"`{name}`", f"{getattr(default, name):g} s", _linked(docs[name]))
            for name in attrs.fields_dict(config.Timeouts)
        ),
    )


def _buffers() -> str:
    default = config.Buffers()
    limits = {name: getattr(default, name) for name in attrs.fields_dict(config.Buffers)}
    return _markdown(
        ("`Buffers`", "items", "bytes", "when full"),
        (
            (f"`{name}`", _size(one.max_items), _size(one.max_bytes), f"`{one.policy.name}`")
            for name, one in limits.items()
        ),
    )


def _network() -> str:
    default = config.NetworkOptions()
    docs = _field_docs(config.NetworkOptions)

    def shown(value: object) -> str:
        if isinstance(value, tuple):
            return ", ".join(f"`{item}`" for item in value)
        return _size(value) if type(value) is int else f"`{value}`"

    return _markdown(
        ("`NetworkOptions`", "default", "meaning"),
        (
            (f"`{name}`", shown(getattr(default, name)), _linked(docs.get(name, "")))
            for name in attrs.fields_dict(config.NetworkOptions)
        ),
    )


def _reconnect_policy() -> str:
    docs = _field_docs(config.ReconnectPolicy)
    default, documented = config.ReconnectPolicy(), config.ReconnectPolicy.documented()

    def shown(value: object) -> str:
        if isinstance(value, tuple):
            return ", ".join(map(shown, value))
        return f"{value:g}" if isinstance(value, float) else f"`{value}`"

    return _markdown(
        ("`ReconnectPolicy`", "default", "`documented()`", "meaning"),
        (
            (
                f"`{name}`",
                shown(getattr(default, name)),
                shown(getattr(documented, name)),
                _linked(docs.get(name, "")),
            )
            for name in attrs.fields_dict(config.ReconnectPolicy)
        ),
    )


def _defaults(kind: type[attrs.AttrsInstance]) -> str:
    """Return the fields of options with their defaults."""
    docs, default = _field_docs(kind), kind()

    def shown(value: object) -> str:
        match value:
            case config.ReconnectPolicy(attempts=attempts):
                return f"{attempts} tries"
            case config.BufferLimits(max_items=items, max_bytes=size):
                return f"{_size(items)} items, {_size(size)}"
            case float():
                return f"{value:,g}"
            case _:
                return f"`{value}`"

    return _markdown(
        (f"`{kind.__name__}`", "default", "meaning"),
        (
            (f"`{name}`", shown(getattr(default, name)), _linked(docs.get(name, "")))
            for name in attrs.fields_dict(kind)
        ),
    )


def _reconnect_waits() -> str:
    """Return when tries that all fail at once fall, at the earliest and at the latest."""

    def rows(policy: config.ReconnectPolicy) -> Iterator[str]:
        early = late = 0.0
        for attempt in itertools.count(1):
            early, late = early + policy.delay_s(attempt, 1), late + policy.delay_s(attempt, 0)
            if late >= policy.signaling_window_s:
                return
            yield f"{early:.3g} to {late:g} s"

    policies = (config.ReconnectPolicy(), config.ReconnectPolicy.documented())
    columns = itertools.zip_longest(*map(rows, policies), fillvalue="")
    tries = ((number, *row) for number, row in enumerate(columns, 1))
    return _markdown(("try", "default", "`documented()`"), tries)


_RETRIES: Final = (codes.Retry.FINAL, codes.Retry.MEDIUM, codes.Retry.BRIEFLY, codes.Retry.BACK_OFF)


def _reconnect_statuses() -> str:
    """Return which answers to a handshake are worth another try."""
    by_retry = {
        retry: [code for code, one in sorted(codes.STATUS_CODES.items()) if one.retry is retry]
        for retry in _RETRIES
    }
    return _markdown(
        ("status of the answer", "what follows"),
        [
            *((_ranges(found), retry.value) for retry, found in by_retry.items()),
            ("any other", codes.Retry.ONCE.value),
        ],
    )


def _ranges(numbers: Iterable[int]) -> str:
    """Write ascending numbers, three or more in a row as a range."""
    groups = itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    runs = [[number for _, number in group] for _, group in groups]
    return ", ".join(
        f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run))  # noqa: PLR2004
        for run in runs
    )


def _webhook_answers() -> str:
    """Return the errors by HTTP status."""
    kinds = [
        kind
        for kind in map(vars(exceptions).get, exceptions.__all__)
        if isinstance(kind, type) and issubclass(kind, exceptions.WebhookError)
    ]
    statuses = sorted({kind.http_status for kind in kinds})
    families = {exceptions.WebhookError, exceptions.WebhookUnreadable}
    return _markdown(
        ("`http_status`", "raised as"),
        (
            (
                status,
                ", ".join(
                    _role(kind.__name__)
                    for kind in kinds
                    if kind.http_status == status and kind not in families
                ),
            )
            for status in statuses
        ),
    )


def _audio() -> str:
    def names(values: Iterable[OpenIntEnum]) -> str:
        return ", ".join(f"`{value.name}`" for value in values)

    return _markdown(
        ("`content_type`", "`codec`", "`sample_rate`", "`channel`", "`send_rate_ms`"),
        (
            (
                names([row.content_type]),
                names([row.codec]),
                names(row.sample_rates),
                names(row.channels),
                row.send_rates_ms[0]
                if len(row.send_rates_ms) == 1
                else f"{row.send_rates_ms[0]} to {row.send_rates_ms[-1]}, "
                f"step {row.send_rates_ms.step}",
            )
            for row in config.AUDIO_MATRIX
        ),
    )


def _tree(kind: type[exceptions.RTMSError], depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Go through the exceptions, parents first."""
    summary = (kind.__doc__ or "").split("\n\n", 1)[0]
    indent = "&nbsp;" * 5 * depth + ("↳&nbsp;" if depth else "")
    yield (
        f"{indent}{_role(kind.__name__)}",
        _linked(" ".join(summary.split())),
        "yes" if kind.retryable else "",
    )
    drawn = exceptions.__doc__ or ""  # has them in a good order
    for child in sorted(
        kind.__subclasses__(), key=lambda child: drawn.find(f"── {child.__name__}")
    ):
        if child.__name__ in exceptions.__all__ and child.__bases__[0] is kind:
            yield from _tree(child, depth + 1)


def _exceptions() -> str:
    return _markdown(("exception", "raised when", "retryable"), _tree(exceptions.RTMSError))


def _codes(table: Mapping[int, codes.Explanation]) -> str:
    return _markdown(
        ("code", "meaning", "what to do", "retry"),
        (
            (f"{code}<br>`{one.name}`", one.meaning, one.advice, one.retry.value)
            for code, one in sorted(table.items())
        ),
    )


def _statistics(kind: type[attrs.AttrsInstance]) -> str:
    docs = _field_docs(kind)
    return _markdown(
        ("field", "meaning"),
        ((f"`{name}`", _linked(docs.get(name, ""))) for name in attrs.fields_dict(kind)),
    )


def _metrics() -> str:
    from rtms_client.otel import METRICS  # noqa: PLC0415  # only this table needs OpenTelemetry

    return _markdown(
        ("metric, and its name in Prometheus", "attributes", "meaning"),
        (
            (
                f"`{one.name}`<br>`{one.prometheus_name}`",
                "<br>".join(f"`{key}`" for key in one.attributes),
                one.help,
            )
            for one in METRICS
        ),
    )


def _commands() -> str:
    """Return the help of each command, as wide as a page."""
    from rtms_client._cli.parser import make_parser  # noqa: PLC0415  # not needed by the others

    [commands] = [
        action.choices
        for action in make_parser()._actions  # noqa: SLF001  # argparse has no public way
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
    ]
    sections = []
    for name, parser in commands.items():
        parser.prog = f"rtms-client {name}"
        parser.formatter_class = functools.partial(
            argparse.RawDescriptionHelpFormatter, width=_HELP_WIDTH
        )
        sections.append(f"## {name}\n\n```console\n{parser.format_help()}```")
    return "\n\n".join(sections)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "timeouts": _timeouts,
    "buffers": _buffers,
    "network": _network,
    "audio": _audio,
    "reconnect-policy": _reconnect_policy,
    "reconnect-waits": _reconnect_waits,
    "restart-policy": lambda: _defaults(config.RestartPolicy),
    "event-socket": lambda: _defaults(EventSocketOptions),
    "reconnect-statuses": _reconnect_statuses,
    "webhook-answers": _webhook_answers,
    "exceptions": _exceptions,
    "statistics": lambda: _statistics(CoreStatistics),
    "buffer-statistics": lambda: _statistics(BufferStatistics),
    "metrics": _metrics,
    "commands": _commands,
    "status-codes": lambda: _codes(codes.STATUS_CODES),
    "stop-reasons": lambda: _codes(codes.STOP_REASONS),
    "close-codes": lambda: _codes(codes.CLOSE_CODES),
}
"""What can be written, by name."""


def table(name: str) -> str:
    """Return a table as Markdown.

    Raises:
        KeyError: There is no table of this name.
    """
    return TABLES[name]()


if __name__ == "__main__":
    print(table(*sys.argv[1:]))
