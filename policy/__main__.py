"""Starts the CrossGuard pack. The engine runs this file in a process of its own."""

import gc
import sys
from pathlib import Path


def main() -> None:
    """Serve the rules until the engine is done."""
    gc.disable()  # it lives for one run of the engine, and imports alone set off many collections
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from pulumi_policy import PolicyPack

    from policy.rules import RULES
    from policy.values import keep_secrets

    keep_secrets()
    PolicyPack(name="langfuse-stack", policies=list(RULES))


main()
