"""Entry point of both images."""

from __future__ import annotations

import logging
import os
import sys

from standin.logs import start_logging
from standin.release import release_named


def main() -> int:
    """Run the role that the image was built for.

    Returns:
        The process's exit status.
    """
    variables = dict(os.environ)
    start_logging(variables)
    role = variables.get("LANGFUSE_STANDIN_ROLE", "")
    release = release_named(variables.get("LANGFUSE_STANDIN_RELEASE", "3"))
    logging.getLogger("standin").warning(
        "This is not Langfuse but a conformance stand-in of its %s, release %s", role, release.version
    )
    if role == "web":
        from standin.web.main import run_web

        return run_web(variables, release)
    if role == "worker":
        from standin.worker.main import run_worker

        return run_worker(variables, release)
    sys.stderr.write("LANGFUSE_STANDIN_ROLE must be web or worker\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
