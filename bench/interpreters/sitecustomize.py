"""First on the path of what is measured: each Python that starts adds a line to a file that the environment names."""

import os
import sys

_file = os.environ.get("BENCH_INTERPRETERS")
_is_the_fake = any(word.endswith("/fly") for word in sys.orig_argv[1:2])
if _file and not _is_the_fake:
    _descriptor = os.open(_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(_descriptor, b"1\n")
    os.close(_descriptor)
