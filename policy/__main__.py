"""Starts the CrossGuard pack. The engine runs this file in a process of its own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import PolicyPack

from policy.rules import RULES

PolicyPack(name="langfuse-stack", policies=list(RULES))
