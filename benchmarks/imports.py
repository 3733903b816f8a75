"""How long the import takes, compared with what it cannot do without; ends with 1 if too long.

Fresh interpreters in turns; the time is taken inside, from before to after the import, so the start
of the interpreter does not soften the ratio. All bytecode is cached before the first turn.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, Final

from harness.tables import arguments, column, publish, ratio, spread, table
from harness.turns import turns

_BOUND: Final = 1.3
_OURS: Final = "import rtms_client"
_FLOOR: Final = "import websockets.asyncio.client, attrs"
_MUST_NOT: Final = ("cryptography", "rtms_client.testing", "rtms_client._cli")
_PROGRAM: Final = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
{statement}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
import json
print(json.dumps({{"wall": wall * 1e3, "cpu": cpu * 1e3, "modules": sorted(sys.modules)}}))
"""


def _interpreter(
    environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # this interpreter, programs from this file, no shell
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    )


def _explain(environment: Mapping[str, str]) -> str:
    """List the modules that cost most by themselves, as ``-X importtime`` sees them."""
    done = _interpreter(environment, "-X", "importtime", "-c", _OURS)
    costs = []
    for line in done.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            costs.append((int(own), name.strip()))
    ours = sum(cost for cost, name in costs if name.startswith("rtms_client"))
    rows = [[name, f"{cost / 1e3:.1f}"] for cost, name in sorted(costs, reverse=True)[:20]]
    rows.append(["all of rtms_client itself", f"{ours / 1e3:.1f}"])
    return table("Dearest modules, one run", ("module", "ms of its own"), rows)


def main() -> None:
    """Measure, print, judge."""
    parser = arguments(__doc__ or "", turns=31, minutes="20 seconds")
    parser.add_argument("--explain", action="store_true", help="also list the dearest modules")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rtms-client-") as directory:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": directory}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(statement: str) -> dict[str, Any]:
            done = _interpreter(environment, "-c", _PROGRAM.format(statement=statement))
            result: dict[str, Any] = json.loads(done.stdout)
            return result

        loaded = set(run(_OURS)["modules"])
        run(_FLOOR)
        results = turns((_OURS, _FLOOR), 3 if options.smoke else options.turns, run)
        explanation = [_explain(environment)] if options.explain else []
    rows = [
        [name, *(spread(column(results, name, key)) for key in ("wall", "cpu"))] for name in results
    ]
    walls, cpus = (ratio(results, _OURS, _FLOOR, key) for key in ("wall", "cpu"))
    rows.append(["ratio, turn by turn", spread(walls, 2), spread(cpus, 2)])
    forbidden = sorted(loaded & set(_MUST_NOT))
    quick = options.smoke or statistics.median(cpus) < _BOUND  # a few turns say nothing
    kept = quick and not forbidden
    verdict = (
        f"Bound: median ratio of processor time less than {_BOUND:g}"
        f"{' (not judged by --smoke)' if options.smoke else ''}, "
        f"and none of {', '.join(_MUST_NOT)} loaded: "
        f"{'kept' if kept else 'BROKEN'}{' by ' + ', '.join(forbidden) if forbidden else ''}.\n"
    )
    publish(
        [table("Import", ("", "wall, ms", "CPU, ms"), rows), verdict, *explanation], options.out
    )
    if not kept:
        sys.exit(1)


if __name__ == "__main__":
    main()
