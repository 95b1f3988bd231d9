# Removes what ClickHouse keeps in /data, all but `uuid`: the server stays the one that the stack knows.
set -eu

find /data -mindepth 1 -maxdepth 1 ! -name uuid -exec rm -rf {} +
sync
