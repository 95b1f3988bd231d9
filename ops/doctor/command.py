"""The `doctor` command: the live stack, or a log, explained."""

import sys
from pathlib import Path
from typing import Any

from ops.answer import answer
from ops.doctor import report, words
from ops.doctor.access import Access
from ops.doctor.examine import examine
from ops.doctor.logs import explain
from ops.doctor.looks import masked
from ops.doctor.opening import of_session
from ops.doctor.rows import ROWS, models
from ops.failure import COULD_NOT_LOOK, explained, fail
from ops.report import release_warnings, show_warnings
from ops.session import OpsError, Session, open_session, settings_file
from ops.stackfile import StackFileError
from ops.terminal import Console, waiting
from platforms.errors import PlatformError
from settings import SettingsError
from settings.recorded import NOTHING

HEALTHY, FINDINGS = 0, 1
STANDARD_INPUT = "-"
SHOWN_ENVIRONMENTS = ("langfuse-web", "langfuse-worker", "gateway")


def live(stack: str, config_file: Path | None, *, as_json: bool, everything: bool, models_too: bool) -> None:
    """Look at the stack; exits 0 when it is healthy, 1 with findings, 2 when it could not be looked at.

    Args:
        stack: which one.
        config_file: its settings.
        as_json: print JSON.
        everything: show healthy rows too, and what the services were given.
        models_too: call each model of the gateway once, and show a row for it.
    """
    with explained(COULD_NOT_LOOK, as_json=as_json), of_session(open_session(stack, config_file)) as access:
        with waiting.on("the stack's answers"):
            results, warnings = examine(ROWS, access), release_warnings(access.release)
            called = examine(models.rows(access), access, seconds=models.SECONDS) if models_too else []
        given = _given(access) if as_json or everything else {}
    results = [*results, *called]
    verdicts = {result.verdict for result in results}
    code = FINDINGS if "finding" in verdicts else COULD_NOT_LOOK if "not seen" in verdicts else HEALTHY
    if as_json:
        body: dict[str, Any] = {"healthy": code == HEALTHY, "rows": [report.as_dict(result) for result in results]}
        answer({**body, "environment": given, "warnings": warnings})
    else:
        report.show(results, Console(), others=results if everything else called, given=given)
        show_warnings(warnings, Console())
    sys.exit(code)


def log(name: str, stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Explain a log; exits 0 when it shows no row, 1 when it does, 2 when it cannot be read.

    Args:
        name: path of the log, or `-` for standard input.
        stack: whose log it is: fixes say what is done where that stack runs.
        config_file: its settings; the log is explained without them too.
        as_json: print JSON.
    """
    try:
        if name == STANDARD_INPUT:
            found = explain(sys.stdin.buffer, ROWS)
        else:
            with Path(name).open("rb") as file:
                found = explain(file, ROWS)
    except OSError as error:
        fail(f"{name} cannot be read: {error.strerror}", COULD_NOT_LOOK, as_json=as_json)
    own = _words(stack, config_file)
    if as_json:
        rows = [report.shown_as_dict(entry, own) for entry in found]
        answer({"healthy": not found, "rows": rows})
    else:
        report.show_log(found, Console(), own)
    sys.exit(FINDINGS if found else HEALTHY)


def _words(stack: str, config_file: Path | None) -> words.Words:
    try:
        session = Session(stack, {}, settings_file(stack, config_file), known=NOTHING)
        return words.of(session.settings, stack)
    except (OpsError, StackFileError, SettingsError):
        return report.USUAL


def _given(access: Access) -> dict[str, dict[str, str]]:
    """Environment of the services, with secrets masked."""
    try:
        facts = access.inspector.instances()
    except PlatformError:
        return {}
    told = {name: facts[name][0] for name in SHOWN_ENVIRONMENTS if facts.get(name)}
    return {
        name: masked(found.env, found.secrets | (found.env.keys() - access.plain.get(name, frozenset())))
        for name, found in told.items()
    }
