"""How examples are run: as programs, as their texts say, or as modules."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.docs.conftest import Zoom

from rtms_client import MediaType

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: object, timeout_s: float = 40) -> subprocess.CompletedProcess[str]:
    """Run an example in a process of its own."""
    return subprocess.run(  # noqa: S603  # a program of ours
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={
            **os.environ,
            "ZOOM_CLIENT_ID": "test-client-id",
            "ZOOM_CLIENT_SECRET": "test-client-secret",
            "PYTHONASYNCIODEBUG": "",  # it would say on stderr what takes long
        },
    )


def started(zoom: Zoom, path: Path, media: MediaType) -> Path:
    """Write the webhook of a new stream."""
    path.write_text(json.dumps(zoom.open(media)), "utf-8")
    return path


def load(name: str) -> Any:  # noqa: ANN401  # a module that no type checker knows
    """Import an example, to call its parts."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
