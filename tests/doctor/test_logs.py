"""What a log shows, whatever the log looks like."""

import io
import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ops.commands import cli
from ops.doctor.logs import GROUP, _literal, explain
from ops.doctor.rows import ROWS

MESSAGES = yaml.safe_load((Path(__file__).parent / "messages.yaml").read_text(encoding="utf-8"))
CASES = [(row, message) for row, messages in MESSAGES.items() for message in messages]
HEALTHY = b"""2026-11-25T13:00:00Z INFO no change: no ClickHouse migrations applied
2026-11-25T13:00:01Z INFO Listening: http://0.0.0.0:3030
{"level":"info","message":"GET /api/public/health 200","timestamp":"2026-11-25T13:00:02Z"}
2026-11-25 13:00:03 UTC [1] LOG:  database system is ready to accept connections
Eviction policy is noeviction
"""


def rows_in(log: bytes) -> set[str]:
    return {shown.row.id for shown in explain(io.BytesIO(log), ROWS)}


@pytest.mark.parametrize(("row", "message"), CASES)
def test_a_message_names_its_row_and_no_other(row: str, message: str) -> None:
    assert rows_in(message.encode()) == {row}


@pytest.mark.parametrize(("row", "message"), CASES)
def test_colours_and_json_do_not_hide_a_message(row: str, message: str) -> None:
    assert rows_in(f"\x1b[31m{message[:20]}\x1b[0m{message[20:]}".encode()) == {row}
    assert rows_in(json.dumps({"level": "error", "message": f"\x1b[1m{message}\n  at x"}).encode()) == {row}


def test_every_row_with_a_signature_has_a_message() -> None:
    assert {row.id for row in ROWS if row.signatures} == set(MESSAGES)


@pytest.mark.parametrize("signature", [text for row in ROWS for text in row.signatures])
def test_a_signature_has_a_text_to_look_for_first(signature: str) -> None:
    assert "|" not in GROUP.sub("", GROUP.sub("", signature))
    assert len(_literal(signature)) >= 4


def test_a_healthy_log_shows_nothing() -> None:
    assert rows_in(HEALTHY) == set()


def test_a_message_is_found_in_garbage_and_counted() -> None:
    garbage = bytes(range(256)) * 8
    line = b"\xff\xfe error: Dirty database version 3. Fix and force version.\x00\n"
    [shown] = explain(io.BytesIO(b"\n".join([garbage, line + line, garbage])), ROWS)
    assert (shown.row.id, shown.times) == ("clickhouse-ledger-dirty", 2)
    assert shown.text.isprintable()


def test_a_log_is_never_held_as_a_whole() -> None:
    class Endless(io.RawIOBase):
        """Ten megabytes in one line, then a message."""

        pieces = 160
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size > 0
            type(self).longest = max(self.longest, size)
            self.pieces -= 1
            if self.pieces > 0:
                return b"x" * size
            return b"\n" if self.pieces == 0 else b"P3005\n" if self.pieces == -1 else b""

    [shown] = explain(Endless(), ROWS)  # type: ignore[arg-type]
    assert (shown.row.id, shown.line) == ("postgres-schema-not-empty", 2)


PASSWORD = "kN7wQ2zR5tYc3uVb8xLm6sJd4hGf9pEa"
SECRETS = (
    f"postgresql://langfuse:{PASSWORD}@db:5432/x",
    f"postgresql://langfuse:{PASSWORD[:9]}@{PASSWORD[9:20]}/{PASSWORD[20:]}@db:5432/x",
    f"redis://:{PASSWORD}@cache:6379",
    f"smtp://me@example.com:{PASSWORD}@mail:25",
    f'{{"url":"postgresql://langfuse:{PASSWORD}@db:5432/x"}}',
    f"clickhouse://ch:9000?username=langfuse&password={PASSWORD}&database=langfuse",
    f"clickhouse://ch:9000?username=langfuse&password={PASSWORD[:9]}@{PASSWORD[9:]}",
    f"https://idp.example.com/token?client_secret={PASSWORD}",
    f"https://store/x?X-Amz-Security-Token={PASSWORD}",
    f'host=db password="{PASSWORD[:9]} {PASSWORD[9:]}"',
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("first", ["message", "secret"])
def test_no_part_of_a_password_is_shown_again_wherever_the_line_is_cut(secret: str, first: str) -> None:
    slices = {PASSWORD[at : at + 4] for at in range(len(PASSWORD) - 3)}
    for apart in (0, 1, 20, 35, 60, 100, 120, 140):
        parts = ["error: P1001:", " " + "." * apart + " ", secret]
        line = "".join(parts if first == "message" else reversed(parts))
        [shown] = explain(io.BytesIO(line.encode()), ROWS)
        assert "P1001" in shown.text
        assert [part for part in slices if part in shown.text] == []


def test_what_surrounds_a_password_is_shown() -> None:
    line = '{"db":"postgresql://me:canary@db/x?sslpassword=canary&a=b","code":"P1001","by":"me@example.com"}'
    [shown] = explain(io.BytesIO(line.encode()), ROWS)
    assert shown.text.endswith('@db/x?sslpassword=…&a=b","code":"P1001","by":"me@example.com"}')


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["://u:", "token", "password=", "://", "a@", "secret-", "x"])
def test_a_long_line_is_masked_in_a_moment(text: str) -> None:
    [shown] = explain(io.BytesIO(f"P1001 {text * (60_000 // len(text))}".encode()), ROWS)
    assert "P1001" in shown.text


def test_the_command_explains_a_file_and_says_so_in_its_exit_code(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_bytes(HEALTHY + b"error: driver: bad connection\n")
    found = CliRunner().invoke(cli, ["doctor", str(log), "--json"])
    assert found.exit_code == 1
    [row] = json.loads(found.output)["rows"]
    assert (row["id"], row["line"]) == ("clickhouse-connection", 6)
    log.write_bytes(HEALTHY)
    assert CliRunner().invoke(cli, ["doctor", str(log)]).exit_code == 0
    assert CliRunner().invoke(cli, ["doctor", str(tmp_path / "absent.log")]).exit_code == 2


def test_the_command_explains_standard_input_at_80_columns() -> None:
    found = CliRunner().invoke(cli, ["doctor", "-"], input=b"P1002 advisory lock", env={"COLUMNS": "80"})
    assert found.exit_code == 1
    assert "postgres-migration-lock" in found.output
    assert max(map(len, found.output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("stack", "command"),
    [
        ("local", "docker restart langfuse-langfuse-web"),
        ("prod", "fly apps restart hotdash-langfuse-web"),
        ("of-nobody", "docker restart langfuse-langfuse-web"),
    ],
)
def test_a_fix_is_worded_for_the_stack_whose_log_it_is(stack: str, command: str) -> None:
    words = ["doctor", "-", "--json", "--stack", stack]
    found = CliRunner().invoke(cli, words, input=b"Failed to prepare server\n")
    [row] = json.loads(found.output)["rows"]
    assert (found.exit_code, row["fix"]) == (1, f"`{command}`")
