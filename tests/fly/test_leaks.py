"""The search for leaked secrets finds what is planted, in every spelling and in every kind of place."""

import base64
import io
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.fly import leaks

SECRET = 'canary-of-the-search/+=&"% 1'
PLANTED = leaks.canaries(
    {"ONE": SECRET, "TWO": "postgresql://me:second-canary-of-a-database@db.example.com/x", "PLAIN": "nothing"}
)


def test_only_planted_secrets_are_looked_for_and_of_a_url_its_password() -> None:
    assert PLANTED.keys() == {"ONE", "TWO"}
    assert "second-canary-of-a-database" in PLANTED["TWO"]


@pytest.mark.parametrize(
    "text",
    [
        f"before {SECRET} after",
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps({"name": SECRET}),
        json.dumps(json.dumps({"name": SECRET})),
        *(base64.b64encode(f"{'x' * before}{SECRET} and more".encode()).decode() for before in range(4)),
        *(base64.urlsafe_b64encode(f"{'?' * before}{SECRET}".encode()).decode() for before in range(4)),
    ],
)
def test_it_is_found_in_every_spelling(text: str) -> None:
    assert leaks.found({"somewhere": text}, PLANTED) == {("somewhere", "ONE")}


def test_it_is_found_in_files_in_archives_and_in_what_the_state_keeps_encoded(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text(SECRET)
    with tarfile.open(tmp_path / "bundle.tar.gz", "w:gz") as archive:
        content = f"a log with {SECRET}".encode()
        info = tarfile.TarInfo("logs/web.log")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    texts = leaks.files(tmp_path)
    assert {place for place, _ in leaks.found(texts, PLANTED)} == texts.keys()
    assert len(texts) == 2
    pickled = base64.b64encode(b"\x80\x04 some bytes before it " + SECRET.encode()).decode()
    assert SECRET in leaks.decoded({"__provider": pickled})


def test_it_is_found_in_the_command_line_of_a_process_that_lives_shortly() -> None:
    with leaks.command_lines() as seen:
        time.sleep(0.1)
        subprocess.run([sys.executable, "-S", "-c", "import time; time.sleep(0.15)", SECRET], check=True)
    assert leaks.found({"processes": "\n".join(seen)}, PLANTED) == {("processes", "ONE")}
