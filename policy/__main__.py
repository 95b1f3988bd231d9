#!/usr/bin/env -S python3 -u
"""Starts the CrossGuard pack, in a process of its own.

The engine runs this file when it is given its path, and needs a language host besides when it is given the folder's.
"""

import gc
import signal
import sys
from pathlib import Path


def main() -> None:
    """Serve the rules until the engine is done."""
    gc.disable()  # it lives for one run of the engine, and imports alone set off many collections
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the engine ends it so, and waits: there is nothing to tidy up
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from pulumi_policy import PolicyPack

    from policy import sdk
    from policy.rules import RULES

    sdk.prepare()
    PolicyPack(name="langfuse-stack", policies=list(RULES))


main()
