"""What holds for all rows: they are unique, explained, and their fixes exist."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from components.releases import WRITE_MODE
from ops.commands import cli
from ops.doctor.page import page
from ops.doctor.report import generic
from ops.doctor.row import Row
from ops.doctor.rows import ROWS
from ops.doctor.signatures import sources
from ops.doctor.words import of
from ops.stackfile import read_config
from settings import load
from settings.loading import known_keys
from tests.unit.recorder import ROOT
from tests.upgrade.page import INTRODUCTION as UPGRADE

COMMAND = re.compile(r"`([^`]+)`")
STORES = {"clickhouse", "minio", "postgres", "redis"}
SERVICES = STORES | {"langfuse-web", "langfuse-worker", "relay", "gateway", "<service>"}
DESTRUCTIVE = re.compile(r"\b(?:DROP|TRUNCATE|DELETE|RESET|rm -|prune|volume rm|down -v|FLUSH\w+)\b", re.IGNORECASE)


PROD = read_config(ROOT / "Pulumi.prod.yaml")
ELSEWHERE = {f"{part}:place": "external" for part in ("clickhouse", "s3", "postgres", "redis")}
PLACES = {
    "docker": of(load({}), "local"),
    "docker elsewhere": of(load(ELSEWHERE), "local"),
    "fly": of(load({**PROD, "postgres:place": "managed", "redis:place": "managed"}), "prod"),
    "fly elsewhere": of(load(PROD), "prod"),
}
FLY = (["apps", "restart"], ["releases", "-a"], ["logs", "--no-tail", "-a"], ["ssh", "console", "-a", "-C"])
APPS = {load(PROD).fly_app(service) for service in SERVICES}


@pytest.fixture(params=ROWS, ids=lambda row: row.id)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_ids_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_a_row_can_be_seen_in_the_live_stack(row: Row) -> None:
    assert row.probe or row.id in sources()


def test_no_fix_takes_data_away(row: Row) -> None:
    assert not DESTRUCTIVE.search(row.fix.replace("never recreate", ""))


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_commands_of_a_fix_exist_where_the_stack_runs(row: Row, place: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    fix = generic(row.fix, PLACES[place])
    assert "{" not in fix, fix
    for command in COMMAND.findall(fix):
        words = command.split()
        if words[0] == "make":
            assert words[1] in targets
        elif words[:2] == ["pulumi", "config"]:
            assert words[2] in {"set", "rm"}
            assert words[3] in known_keys()
        elif words[:3] == ["python", "-m", "ops"]:
            assert CliRunner().invoke(cli, [words[3], "--help"]).exit_code == 0
        elif command.startswith(("langfuse:", "langfuse-stack:", "gateway:", "fly:")):
            assert command in known_keys()
        else:
            assert command in PLAIN_WORDS or understood(place, command), command


def understood(place: str, command: str) -> bool:
    """Whether it is a command of the place, or a statement for a server that is elsewhere."""
    if "elsewhere" in place and re.match(
        r"(?:ALTER|CREATE|GRANT|SELECT|UPDATE) |redis-cli |(?:REDIS|CLICKHOUSE|LANGFUSE_\w+)_URL$", command
    ):
        return True
    words = shlex.split(command.partition(" 2>&1 |")[0].partition(" | python -m ops doctor -")[0])
    if place.startswith("docker"):
        inside = words[3:] if words[1] == "exec" else ["psql"]
        known = words[1] in {"exec", "restart", "logs"} and words[2].removeprefix("langfuse-") in SERVICES
    else:
        *before, last = words[1:]
        inside = shlex.split(last) if before[:2] == ["ssh", "console"] else ["psql"]
        name = before[3] if before[:2] == ["ssh", "console"] else last
        known = [word for word in before if word != name] in FLY and name in {*APPS, "APP"}
    return known and inside[0] in {"psql", "clickhouse-client", "redis-cli"}


@pytest.mark.parametrize(
    ("place", "fix", "said"),
    [
        ("docker", "{restart langfuse-web}", "`docker restart langfuse-langfuse-web`"),
        ("docker", "{psql GRANT x}", '`docker exec langfuse-postgres psql -U postgres -c "GRANT x"`'),
        ("fly", "{restart langfuse-web}", "`fly apps restart hotdash-langfuse-web`"),
        ("fly", "{log gateway}", "`fly logs --no-tail -a hotdash-llm-gateway`"),
        ("fly", "{log <service>}", "`fly logs --no-tail -a APP`"),
        (
            "fly",
            "{explain langfuse-worker}",
            "`fly logs --no-tail -a hotdash-langfuse-worker | python -m ops doctor - --stack prod`",
        ),
        (
            "fly",
            "{clickhouse ALTER USER <name> IDENTIFIED BY '<password>'}",
            r"""`fly ssh console -a hotdash-langfuse-clickhouse -C "clickhouse-client -q \"ALTER USER <name> """,
        ),
        ("fly elsewhere", "{redis CONFIG SET appendonly yes}", "`redis-cli CONFIG SET appendonly yes` at the server"),
        ("fly elsewhere", "{psql GRANT x}", "`GRANT x` as the login of LANGFUSE_DIRECT_URL"),
        ("docker elsewhere", "{psql GRANT x}", "`GRANT x` as the login of LANGFUSE_DIRECT_URL"),
        ("docker elsewhere", "{restart langfuse-web}", "`docker restart langfuse-langfuse-web`"),
    ],
)
def test_a_fix_is_worded_for_the_place(place: str, fix: str, said: str) -> None:
    assert generic(fix, PLACES[place]).startswith(said)


def test_what_a_place_calls_its_commands_stands_in_no_row() -> None:
    sources = {path.name: path.read_text() for path in (ROOT / "ops/doctor/rows").glob("*.py")}
    assert [name for name, text in sources.items() if re.search(r"\b(?:docker|fly) [a-z]+ ", text)] == []


@pytest.mark.parametrize("place", [place for place in PLACES if place.startswith("fly")])
def test_no_fix_on_fly_speaks_of_containers_of_this_machine(row: Row, place: str) -> None:
    assert "docker" not in generic(row.fix, PLACES[place])


def test_what_it_says_of_producers_is_what_the_upgrade_says() -> None:
    [row] = [entry for entry in ROWS if entry.id == "langfuse-legacy-producer"]
    said = re.findall(r"(Python|JS) SDK (\d\S*\d)", row.fix)
    assert said
    assert said == re.findall(r"(Python|JS) SDK (\d\S*\d)", UPGRADE.read_text(encoding="utf-8"))


def test_no_fix_goes_back_in_the_way_rows_are_written(row: Row) -> None:
    assert f"{WRITE_MODE}=" not in row.fix


PLAIN_WORDS = {"false", "pgbouncer=true", "?family=6", "pulumi cancel"}


def test_the_page_equals_the_rows() -> None:
    assert (ROOT / "docs/doctor.md").read_text(encoding="utf-8") == page(), (
        "run `python -m ops.doctor.page > docs/doctor.md`"
    )
