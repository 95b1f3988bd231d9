"""Measures the budgets: `make bench`, or with fewer repetitions `python3 toolchain/venv.py bench/run.py --quick`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path[0] = str(Path(__file__).resolve().parents[1])  # Python put this file's own folder there


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Measure every budget in one run, as ratios; exits 1 when one is missed."""
    from rich.console import Console

    from bench.measure import QUICK, THOROUGH, measure
    from bench.table import WIDTH, show
    from ops.session import OpsError
    from platforms.errors import PlatformError
    from toolchain.report import ToolchainError

    try:
        results = measure(QUICK if quick else THOROUGH, Console(stderr=True).print)
    except (OpsError, PlatformError, ToolchainError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was put up for the measurements is removed")
    if as_json:
        print(json.dumps(results.as_json(), indent=2))
    else:
        show(results, Console(width=WIDTH))
    sys.exit(1 if results.missed else 0)


if __name__ == "__main__":
    typer.run(main)
