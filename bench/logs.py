"""How fast the doctor reads logs: `python3 toolchain/venv.py bench/logs.py`."""

import io
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # Python put this file's own folder there

LINES = 1_000_000
TROUBLES = 1000
"""Lines among them that show something."""


def sample() -> bytes:
    """A log of all services, with lines of known troubles strewn in; the same each time."""
    import yaml

    tests = ROOT / "tests" / "doctor"
    healthy = [
        line for line in (tests / "healthy.txt").read_text(encoding="utf-8").splitlines() if line[:1] not in "#["
    ]
    messages = yaml.safe_load((tests / "messages.yaml").read_text(encoding="utf-8"))
    troubles = [line for texts in messages.values() for text in texts for line in text.splitlines()]
    chosen = random.Random(0)  # noqa: S311 - the same log each time
    lines = chosen.choices(healthy, k=LINES - TROUBLES) + chosen.choices(troubles, k=TROUBLES)
    chosen.shuffle(lines)
    return "\n".join(lines).encode()


def main() -> None:
    """Print how long the doctor takes for them."""
    from ops.doctor.logs import explain
    from ops.doctor.rows import ROWS

    log = sample()
    started, worked = time.perf_counter(), time.process_time()
    found = explain(io.BytesIO(log), ROWS)
    seconds, of_processor = time.perf_counter() - started, time.process_time() - worked
    print(f"{LINES:,} lines, {len(log) / 1e6:.0f} MB: {seconds:.1f} s, {of_processor:.1f} s of one processor")
    print(f"{len(found)} rows found")


if __name__ == "__main__":
    main()
