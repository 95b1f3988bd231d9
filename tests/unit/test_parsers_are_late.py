"""A preview judges nothing, so it loads no parser."""

import subprocess
import sys

from tests.unit.recorder import ROOT

PARSERS = ("pgparse", "sqlglot", "policy.migrations", "tomllib")
CODE = f"""
import sys
import components.stores, components.monitoring, platforms.choice, checks.migrations, checks.clickhouse
print([name for name in {PARSERS!r} if name in sys.modules])
"""


def test_the_program_loads_no_parser_before_there_is_something_to_judge() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
