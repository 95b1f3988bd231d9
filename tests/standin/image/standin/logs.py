"""One line per record on standard output, as text or JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = {
    "trace": "DEBUG",
    "debug": "DEBUG",
    "info": "INFO",
    "warn": "WARNING",
    "error": "ERROR",
    "fatal": "CRITICAL",
}


class TextLines(logging.Formatter):
    """Records as lines that begin with the time, in UTC."""

    converter = staticmethod(time.gmtime)


class JsonLines(TextLines):
    """Records as JSON objects, for LANGFUSE_LOG_FORMAT=json."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object without line breaks."""
        return json.dumps(
            {
                "level": record.levelname.lower(),
                "message": record.getMessage(),
                "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            }
        )


def start_logging(variables: Mapping[str, str]) -> None:
    """Log as LANGFUSE_LOG_LEVEL and LANGFUSE_LOG_FORMAT say."""
    handler = logging.StreamHandler(sys.stdout)
    if variables.get("LANGFUSE_LOG_FORMAT") == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(TextLines("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(
        level=LEVELS.get(variables.get("LANGFUSE_LOG_LEVEL", "info"), "INFO"), handlers=[handler], force=True
    )
