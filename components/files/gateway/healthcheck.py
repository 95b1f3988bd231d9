"""Exits 0 when the gateway serves; runs inside the container, where only Python is certain to exist."""

import sys
import urllib.request

with urllib.request.urlopen("http://127.0.0.1:4000/health/readiness", timeout=4) as answer:
    sys.exit(0 if answer.status == 200 else 1)
