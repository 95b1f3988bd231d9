"""Files for a nightly backup: for this checkout and stack, printed or written, and never installed or overwritten."""

import configparser
import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.backup.schedule import Scheduler, rendered, write
from ops.commands import cli
from ops.session import ROOT, OpsError


@pytest.mark.parametrize("scheduler", list(Scheduler))
def test_the_files_back_up_this_stack_from_this_checkout(scheduler: Scheduler) -> None:
    text = "\n".join(rendered(scheduler, "blue", Path("/etc/blue.yaml")).values())
    assert "-m ops backup --stack blue --config-file /etc/blue.yaml" in text
    assert "-m ops backup --incremental --stack blue --config-file /etc/blue.yaml" in text
    assert "-m ops rehearse --stack blue --config-file /etc/blue.yaml" in text
    assert str(ROOT) in text


def test_a_unit_runs_a_full_backup_on_sundays_and_what_changed_in_other_nights() -> None:
    units = rendered(Scheduler.SYSTEMD, "blue", None)
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(units["langfuse-backup.service"])
    shell, option, script = shlex.split(parser["Service"]["ExecStart"])
    assert (shell, option) == ("/bin/sh", "-c")
    assert script.startswith(
        'if [ "$$(date -u +%%u)" = 7 ]; then exec python3 toolchain/venv.py -m ops backup --stack blue;'
    )
    parser.read_string(units["langfuse-backup.timer"])
    assert parser["Timer"]["Persistent"] == "true"


def test_a_watch_runs_all_day_and_starts_again() -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(rendered(Scheduler.SYSTEMD, "blue", None)["langfuse-watch.service"])
    assert (
        parser["Service"]["ExecStart"] == "/usr/bin/env python3 toolchain/venv.py -m ops watch --every 60 --stack blue"
    )
    assert parser["Service"]["Restart"] == "always"


def test_a_crontab_names_user_and_folder_on_every_line_and_no_percent_sign() -> None:
    [text] = rendered(Scheduler.CRON, "blue", None).values()
    jobs = [line.split(None, 6) for line in text.splitlines() if line[:1].isdigit()]
    assert [job[4] for job in jobs] == ["0", "1-6", "1"]
    assert all(job[6].startswith(f'cd "{ROOT}" && python3') and "%" not in job[6] for job in jobs)


def test_written_files_are_never_overwritten_and_twice_is_once(tmp_path: Path) -> None:
    files = rendered(Scheduler.CRON, "blue", None)
    assert write(files, tmp_path) == write(files, tmp_path)
    (tmp_path / "langfuse-backup.cron").write_text("mine")
    with pytest.raises(OpsError, match="with other content"):
        write(files, tmp_path)
    assert (tmp_path / "langfuse-backup.cron").read_text() == "mine"


def test_the_command_prints_them_and_says_how_to_install_them() -> None:
    shown = CliRunner().invoke(cli, ["backup", "--schedule", "systemd"])
    assert shown.exit_code == 0
    assert "OnCalendar=" in shown.stdout
    assert "nothing is installed" in shown.stderr


@pytest.mark.parametrize(
    "options", [["--list", "--verify"], ["--incremental", "--list"], ["--read-data"], ["--backup", "x"]]
)
def test_options_that_do_not_go_together_are_refused(options: list[str]) -> None:
    refused = CliRunner().invoke(cli, ["backup", *options])
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: --")


def test_a_script_gets_their_text_and_where_they_were_written(tmp_path: Path) -> None:
    options = ["--schedule", "cron", "--folder", str(tmp_path), "--json"]
    told = json.loads(CliRunner().invoke(cli, ["backup", *options]).stdout)
    assert told["written"] == [str(tmp_path / "langfuse-backup.cron")]
    assert told["files"] == {"langfuse-backup.cron": (tmp_path / "langfuse-backup.cron").read_text()}
