"""ClickHouse's list of a backup's files, taken apart without a server."""

import pytest

from ops.backup.clickhouse import REFUSED_REMOVAL
from ops.backup.contents import read
from ops.session import OpsError

LIST = b"""<config><version>1</version><contents>
<file><name>/metadata/langfuse/traces.sql</name><size>10</size><checksum>a</checksum></file>
<file><name>/data/langfuse/traces/all_1_1_0/data.bin</name><size>100</size><checksum>b</checksum></file>
<file><name>/data/langfuse/traces/all_2_2_0/data.bin</name><size>90</size><checksum>c</checksum>
  <use_base>true</use_base></file>
<file><name>/data/langfuse/traces/all_3_3_0/data.bin</name><size>100</size><checksum>b</checksum>
  <data_file>/data/langfuse/traces/all_1_1_0/data.bin</data_file></file>
<file><name>/data/langfuse/traces/all_1_1_0/empty.txt</name><size>0</size></file>
<file><name>/data/other%2Done/traces/all_1_1_0/data.bin</name><size>1</size><checksum>d</checksum></file>
</contents></config>"""


def test_what_is_stored_here_is_told_from_what_the_base_or_another_file_holds() -> None:
    found = read(LIST, "langfuse")
    assert found.stored == {
        "metadata/langfuse/traces.sql": 10,
        "data/langfuse/traces/all_1_1_0/data.bin": 100,
        "data/other%2Done/traces/all_1_1_0/data.bin": 1,
    }
    assert found.parts == {"traces": {"all_1_1_0", "all_2_2_0", "all_3_3_0"}}
    assert (found.tables, found.files) == ({"traces"}, 6)


def test_names_that_clickhouse_escapes_are_read_as_they_are() -> None:
    assert read(LIST, "other-one").parts == {"traces": {"all_1_1_0"}}


@pytest.mark.parametrize(
    "broken", [LIST[:200], b"", b"<config><contents><file><size>1</size></file></contents></config>"]
)
def test_a_list_that_is_cut_short_is_refused(broken: bytes) -> None:
    with pytest.raises(OpsError, match="cannot be read"):
        read(broken, "langfuse")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("Access Denied. (Code: 15) while removing object with path one/clickhouse/.lock from S3.", True),
        ("Access Denied. (Code: 15) while removing object with path one/clickhouse/data/x.bin from S3.", False),
        ("Access Denied. (Code: 15) while writing object one/clickhouse/.lock", False),
        ("Storage backend has reached its minimum free drive threshold", False),
    ],
)
def test_only_the_lock_that_the_key_may_not_remove_is_no_failure(error: str, *, expected: bool) -> None:
    assert bool(REFUSED_REMOVAL.search(error)) == expected
