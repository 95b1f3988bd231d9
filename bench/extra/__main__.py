"""Services made by the same classes as the stack's: each a component with a volume, a container and its gate."""

import startup  # noqa: F401 - what the stack's own program does first
from bench.extra.services import declare

declare()
