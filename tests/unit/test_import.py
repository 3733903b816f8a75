"""What a plain import must not load."""

import json
import subprocess
import sys

import pytest

_PROGRAM = "import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"


def _loaded_by(module: str) -> set[str]:
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", _PROGRAM.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Names of all modules after a plain import in a fresh interpreter."""
    return _loaded_by("rtms_client")


@pytest.mark.parametrize(
    "module",
    ["cryptography", "rtms_client.testing", "rtms_client.media", "rtms_client._cli", "argparse"],
)
def test_plain_import_does_not_load(loaded: set[str], module: str) -> None:
    """Certificates, test doubles, helpers and the command line cost nothing until they are used."""
    assert not {name for name in loaded if name == module or name.startswith(f"{module}.")}


def test_plain_import_loads_no_dependency_but_the_declared(loaded: set[str]) -> None:
    """Nothing from outside the standard library comes along unnoticed."""
    outside = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    outside -= {name.partition(".")[0] for name in _loaded_by("sys")}  # of the environment itself
    assert outside <= {"attr", "attrs", "rtms_client", "typing_extensions", "websockets"}


def test_media_loads_nothing_optional() -> None:
    """What needs a package of an extra imports it when it is used."""
    optional = {"PIL", "av", "numpy"} - _loaded_by("sys")
    assert optional & _loaded_by("rtms_client.media") == set()
