"""The rules as Prometheus' own tool reads them: each alert fires when it is to, not before, and is over when it is."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from components.monitoring import RULES, rules
from components.releases import IMAGE_REFERENCES
from components.templates import FILES
from ops.limits import Limits
from tests.monitoring.test_monitoring import MAIL, files
from tests.unit.recorder import ROOT, recorded
from toolchain.images import obtain
from toolchain.report import Report

FOLDER = FILES / "monitoring"
PLACE = "/etc/prometheus"
TESTS = Path(__file__).with_name("rules")
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
NAMES = [rule["alert"] for rule in ALERTS]


def cases_of(name: str) -> list[bool]:
    """Of each test of an alert, whether it is to fire."""
    files = [yaml.safe_load(path.read_text()) for path in TESTS.iterdir()]
    cases = [case for file in files for test in file["tests"] for case in test.get("alert_rule_test", ())]
    return [bool(case["exp_alerts"]) for case in cases if case["alertname"] == name]


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    assert set(cases_of(name)) == {True, False}


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_names_a_section_of_the_page_that_is_there(rule: dict[str, dict[str, str]]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^### (\S+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor == str(rule["alert"]).lower()
    assert rule["alert"] in headings
    assert sorted(headings) == sorted(NAMES)


def test_every_limit_that_a_rule_names_is_in_the_table_and_every_alert_has_its_severity() -> None:
    text = (FOLDER / "rules.yaml").read_text() + (FOLDER / "alerts.yaml").read_text()
    assert set(re.findall(r"langfuse:limit:(\w+)", text)) <= set(Limits.__dataclass_fields__)
    assert {rule["labels"]["severity"] for rule in ALERTS} == {"critical", "warning", "info"}


def test_all_times_of_the_rules_follow_the_interval() -> None:
    slow, fast = (rules("monitoring/alerts.yaml", interval, {}) for interval in (15, 1))
    assert "for: 120s" in slow
    assert "[300s]" in slow
    assert "for: 8s" in fast
    assert "[20s]" in fast
    assert not re.search(r"for: \d+m|\[\d+m", fast)


def test_a_limit_of_the_settings_takes_the_place_of_the_usual_one() -> None:
    table = yaml.safe_load(rules("monitoring/limits.yaml", 15, {"disk_percent": 55.5}))["groups"][0]["rules"]
    values = {rule["record"]: rule["expr"] for rule in table}
    assert values["langfuse:limit:disk_percent"] == "55.5"
    assert values["langfuse:limit:waiting_jobs"] == "1000"
    every = dict.fromkeys(Limits.__dataclass_fields__, 1.0)
    assert rules("monitoring/rules.yaml", 15, every) == rules("monitoring/rules.yaml", 15, {})
    assert rules("monitoring/alerts.yaml", 15, every) == rules("monitoring/alerts.yaml", 15, {})


def image() -> str:
    """Id of the image that has Prometheus and promtool in it."""
    found = obtain.obtain({"prometheus": IMAGE_REFERENCES["prometheus"]}, Report())
    return found["prometheus"].image.id


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Prometheus' own tool over the files of a folder."""
    return tool("promtool", folder, *arguments)


def tool(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A tool over the files of a folder, in a container without a network."""
    created = [
        "docker",
        "create",
        "--network=none",
        f"--workdir={PLACE}",
        f"--entrypoint={program}",
        image(),
        *arguments,
    ]
    container = subprocess.run(created, capture_output=True, text=True, check=True).stdout.strip()
    try:
        subprocess.run(["docker", "cp", "-q", f"{folder}/.", f"{container}:{PLACE}"], check=True, capture_output=True)
        argv = ["docker", "start", "--attach", container]
        return subprocess.run(argv, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All rule files and their tests, as one folder."""
    tmp_path.chmod(0o755)
    for path in (*(FOLDER / name for name in RULES), *TESTS.iterdir()):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


@pytest.mark.docker
def test_promtool_takes_the_rules_as_they_are_and_as_a_stack_gets_them(folder: Path) -> None:
    for name in RULES:
        (folder / f"fast-{name}").write_text(rules(f"monitoring/{name}", 1, {"disk_percent": 1}))
    checked = promtool(folder, "check", "rules", *RULES, *(f"fast-{name}" for name in RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (folder / "broken.yaml").write_text("groups: [{name: x, rules: [{record: x, expr: 'sum('}]}]")
    assert promtool(folder, "check", "rules", "broken.yaml").returncode != 0


@pytest.mark.docker
def test_prometheus_and_alertmanager_take_what_a_stack_gives_them(folder: Path) -> None:
    settings = {"monitoring:enabled": "true", "langfuse:publicUrl": "https://langfuse.example.com", **MAIL}
    found = recorded({**settings, "monitoring:webhookUrl": "https://hooks.example.com/x"})
    for service in ("prometheus", "alertmanager"):
        for path, content in files(found, service).items():
            (folder / Path(path).name).write_text(content)
    checked = promtool(folder, "check", "config", "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    taken = tool("amtool", folder, "check-config", "alertmanager.yml")
    assert taken.returncode == 0, taken.stdout + taken.stderr


@pytest.mark.docker
def test_each_alert_fires_when_it_is_to_and_is_over_when_it_is(folder: Path) -> None:
    tests = [path.name for path in TESTS.iterdir()]
    ran = promtool(folder, "test", "rules", *tests)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (ran.stdout + ran.stderr).count("SUCCESS") == len(tests)


def test_the_dashboard_shows_only_what_is_recorded_or_collected() -> None:
    dashboard = json.loads((FOLDER / "dashboards" / "langfuse.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    recorded = set(
        re.findall(r"record: \"?([\w:]+)", (FOLDER / "rules.yaml").read_text() + (FOLDER / "limits.yaml").read_text())
    )
    named = {name for expression in expressions for name in re.findall(r"langfuse:[\w:]+", expression)}
    assert named <= recorded
    assert len({panel["title"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
