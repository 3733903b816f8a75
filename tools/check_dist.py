"""Fail when the wheel lacks a file of the package, or the sdist one needed to test it.

Usage: ``check_dist.py SOURCE_ROOT DIST_FOLDER``.
"""

import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

IN_SDIST: Final = ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "tests/conftest.py")
"""Besides the package, what the sdist must have at its root."""


def package_files(root: Path) -> set[str]:
    """Return every file of the packages below a source root, data and marker files included."""
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def missing(wanted: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return what is wanted but not there, sorted."""
    return sorted(set(wanted) - set(names))


def main(source_root: str, dist: str) -> int:
    """Check the one wheel and the one sdist of a folder."""
    files = package_files(Path(source_root))
    [wheel] = Path(dist).glob("*.whl")
    [sdist] = Path(dist).glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        found = {wheel.name: missing({*files, "rtms_client/py.typed"}, archive.namelist())}
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    found[sdist.name] = missing([*IN_SDIST, *(f"src/{file}" for file in files)], names)
    for name, absent in found.items():
        print(f"{name}: {'missing ' + ', '.join(absent) if absent else 'complete'}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
