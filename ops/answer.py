"""What a script gets: one JSON document on standard output, while all that people read goes to standard error."""

import json
import sys
from typing import Any


def answer(document: Any) -> None:
    """Print the document; a command does so once.

    Args:
        document: free of secrets, unless a secret was asked for by name.
    """
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
