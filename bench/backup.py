"""Throughput of `backup` against ClickHouse's own BACKUP alone: `python3 toolchain/venv.py bench/backup.py`."""

import json
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path[0] = str(Path(__file__).resolve().parents[1])  # Python put this file's own folder there

BUDGET = 0.9
ROWS = 1_000_000
TEXT_BYTES = 500
"""Of a row: about what a trace takes on disk with its prompt and its answer, compressed."""
ROW_BYTES = 8 + TEXT_BYTES
QUICK_ROUNDS, ROUNDS = 3, 5


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Back up the same rows in turns, by ClickHouse alone and by the whole command; exits 1 below the budget."""
    from bench.series import in_turns
    from ops.backup import clickhouse
    from ops.backup.make import back_up
    from tests.backup.servers import servers

    rounds = QUICK_ROUNDS if quick else ROUNDS
    with servers() as world:
        to = world.access
        world.run(
            f"CREATE TABLE {to.database}.traces (id UInt64, input String) ENGINE = MergeTree ORDER BY id",
            # Incompressible, so that as many bytes are written as are read.
            f"INSERT INTO {to.database}.traces SELECT number, randomString({TEXT_BYTES}) FROM numbers({ROWS})",
            f"OPTIMIZE TABLE {to.database}.traces FINAL",
        )
        client = to.clickhouse.connect()

        def alone() -> None:
            run = f"alone-{secrets.token_hex(4)}"
            clickhouse.back_up(client, to.database, to.store.place(run), run=run, base=None, progress=lambda _: None)

        taken = in_turns({"alone": alone, "whole": lambda: back_up(to)}, rounds)
        client.close()
    ratio = taken.ratio("alone", "whole")
    megabytes = ROWS * ROW_BYTES / 1e6
    speeds = {name: megabytes / taken.spread(name).median for name in ("alone", "whole")}
    if as_json:
        result = {"ratio": ratio.median, "low": ratio.low, "high": ratio.high, "budget": BUDGET}
        print(json.dumps({**result, "megabytes": megabytes, "megabytes_per_second": speeds}, indent=2))
    else:
        print(f"ClickHouse's BACKUP alone      {speeds['alone']:7.0f} MB/s   of {megabytes:.0f} MB")
        print(f"`backup`, all of it            {speeds['whole']:7.0f} MB/s")
        print(f"ratio {ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f}), budget ≥ {BUDGET}")
    sys.exit(0 if ratio.median >= BUDGET else 1)


if __name__ == "__main__":
    typer.run(main)
