"""What monitoring costs beside the stack: `python3 toolchain/venv.py bench/monitoring.py`."""

import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # Python put this file's own folder there

ROUNDS, SAMPLES, PAUSE_SECONDS = 1, 12, 5


def main() -> None:
    """Print the cold start against Compose, and each container's memory and share of a processor, at rest."""
    from bench import cold
    from bench.rig import assembled
    from components.releases import MONITORING
    from platforms.docker.runtime import used_memory

    with assembled(monitoring__enabled=True) as rig:
        for row in cold.cold_start(rig, ROUNDS):
            print(row)
        names = {f"{rig.instance}-{service}": service for service in _services(rig.instance)}
        memory, processor = defaultdict(list), defaultdict(list)
        for _ in range(SAMPLES):
            time.sleep(PAUSE_SECONDS)
            lines = _output("stats", "--no-stream", "--format", "{{json .}}", *names)
            for entry in used_memory(lines, names):
                memory[entry.of].append(entry.used / 1e6)
            for line in map(json.loads, lines.splitlines()):
                processor[names[line["Name"]]].append(float(line["CPUPerc"].rstrip("%")))
    for kind, chosen in (("stack", set(memory) - set(MONITORING)), ("monitoring", set(memory) & set(MONITORING))):
        for service in sorted(chosen):
            print(f"{service:<20}{median(memory[service]):>8.0f} MB{median(processor[service]):>8.2f} %")
        total = (
            sum(median(memory[service]) for service in chosen),
            sum(median(processor[service]) for service in chosen),
        )
        print(f"{kind:<20}{total[0]:>8.0f} MB{total[1]:>8.2f} % of a processor")


def _services(instance: str) -> list[str]:
    from platforms.docker.labels import INSTANCE_LABEL

    names = _output("ps", "--filter", f"label={INSTANCE_LABEL}={instance}", "--format", "{{.Names}}").split()
    return [name.removeprefix(f"{instance}-") for name in names]


def _output(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
