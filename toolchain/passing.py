"""Which of the caller's variables reach the engine and whatever else the operator commands start.

The engine takes each of its options from a variable (`PULUMI_OPTION_TARGET`), the loader and Python take code from
some. A run that a gate judges must not be changed by them, so what is not on this list is not passed on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FURTHER_VARIABLE = "LANGFUSE_STACK_PASS_ON"
"""Names further variables, with commas between them; a `*` at the end stands for whatever a name goes on with."""
PASSED_ON = (
    # the user and the terminal
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_*"),
    *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "LANG", "LANGUAGE", "LC_*", "TZ"),
    # the way to the network, and whom to believe there
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"),
    "SSH_AUTH_SOCK",
    # which Docker, and who one is at Fly
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION"),
    *("FLY_BIN", "FLY_API_TOKEN", "FLY_ACCESS_TOKEN", "FLY_CONFIG_DIR", "FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL"),
    # where the state is, what opens it, and who one is there
    *("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_CREDENTIALS_PATH"),
    *("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"),
    *("AWS_*", "GOOGLE_*", "CLOUDSDK_*", "AZURE_*", "ARM_*", "VAULT_*"),
    # this program's own
    "LANGFUSE_STACK_*",
)
NEVER = ("PULUMI_*", "PYTHON*", "LD_*", "DYLD_*")
"""What can change which options, plugins or code run; `FURTHER_VARIABLE` does not let it through."""
HARMLESS = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8"})
"""How Python writes its output and keeps its caches: dropped in silence, since containers and editors set them."""
HEEDED = (*NEVER, "FLY_*", "DOCKER_*", "GRPC_*", "OTEL_*", "GODEBUG")
"""What the engine, its plugins or the command lines that they call would take notice of."""


def passed_on(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that are on the list, or that the caller put on it.

    Args:
        environment: the caller's; without, this process's own.

    Raises:
        ToolchainError: the caller put one on the list that can change what runs.
    """
    variables = os.environ if environment is None else environment
    further = _further(variables)
    return {
        name: value
        for name, value in variables.items()
        if _matches(name, PASSED_ON) or (_matches(name, further) and not _matches(name, NEVER))
    }


def held_back(ours: Mapping[str, str], environment: Mapping[str, str] | None = None) -> str:
    """One line on what is not passed on and would have been heeded; names alone. Empty where there is nothing of it.

    Args:
        ours: what the engine gets in any case; a variable with the same value as here is not worth a word.
        environment: see `passed_on`.

    Raises:
        ToolchainError: see `passed_on`.
    """
    variables = dict(os.environ if environment is None else environment)
    kept = passed_on(variables)
    dropped = sorted(name for name, value in variables.items() if name not in kept and ours.get(name) != value)
    heeded = [name for name in dropped if _matches(name, HEEDED) and name not in HARMLESS]
    return f"variables that are not passed on: {', '.join(heeded)}" if heeded else ""


def _further(variables: Mapping[str, str]) -> list[str]:
    further = [name.strip() for name in variables.get(FURTHER_VARIABLE, "").split(",") if name.strip()]
    for name in further:
        start = name.partition("*")[0]
        if any(start.startswith(prefix) or prefix.startswith(start) for prefix in (never[:-1] for never in NEVER)):
            raise ToolchainError(
                f"{FURTHER_VARIABLE} names {name}: what begins with {', '.join(never[:-1] for never in NEVER)} can "
                "change what a run does after it was judged, and is never passed on. Take it out."
            )
    return further


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in patterns)
