"""Medians, spreads, ratios and Markdown tables; and the options that all programs have."""

import argparse
import importlib.metadata
import os
import platform
import ssl
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .turns import BARE, FLOOR, SDK, SPINNING, Results

__all__ = ["arguments", "column", "machine", "publish", "ratio", "ratios", "spread", "table"]

_PACKAGES: Final = (
    *("rtms_client", "websockets", "attrs", "pybase64", "uvloop"),
    *("rtms", "picows", "orjson"),
)


def arguments(description: str, *, turns: int, minutes: str) -> argparse.ArgumentParser:
    """Make a parser with the options of all programs."""
    parser = argparse.ArgumentParser(description=description, epilog=f"Takes about {minutes}.")
    parser.add_argument("--smoke", action="store_true", help="few and small, to see that it works")
    parser.add_argument("--turns", type=int, default=turns, help="turns of each side (%(default)s)")
    parser.add_argument("--out", type=Path, help="file to write the tables to, as Markdown")
    return parser


def column(results: Results, name: str, key: str) -> list[float]:
    """Return one value of all turns of a side."""
    return [float(result[key]) for result in results[name]]


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Write the median with the lowest and the highest value."""
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low} to {high})"


def ratio(results: Results, name: str, base: str, key: str) -> list[float]:
    """Return, turn by turn, how many times the value of another side a side needs."""
    ours, theirs = column(results, name, key), column(results, base, key)
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def ratios(results: Results, name: str, key: str) -> list[str]:
    """Write how many times as much as each of those to be compared with a side needs."""
    return [
        spread(ratio(results, name, base, key), 2) if base in results else ""
        for base in (BARE, FLOOR, SDK, SPINNING)
    ]


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make a Markdown table."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def machine() -> str:
    """Describe what was measured on, and with."""
    versions = []
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"CPython {platform.python_version()}, {ssl.OPENSSL_VERSION}, {', '.join(versions)}; "
        "median (lowest to highest).\n"
    )


def publish(parts: Sequence[str], out: Path | None) -> None:
    """Print the tables, and write them to a file."""
    text = "\n".join([machine(), *parts])
    print(text)
    if out is not None:
        out.write_text(text, "utf-8")
