"""Ends itself, as a program may that has already said why."""

import sys

sys.exit(3)
