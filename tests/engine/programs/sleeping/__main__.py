"""Tells when it runs, and then never ends by itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # a child that the program forgets
Path(os.environ["SLEEPING_FILE"]).touch()
time.sleep(600)
