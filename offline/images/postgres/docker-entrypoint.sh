#!/bin/bash
# Same contract as the official image, but a first start that is killed at any moment is simply done again.
set -euo pipefail

if [[ ${1:-} == -* ]]; then
    set -- postgres "$@"
fi
if [[ ${1:-} != postgres ]]; then
    exec "$@"
fi

if [[ $(id -u) == 0 ]]; then
    mkdir -p "$PGDATA" /run/postgresql
    find "$PGDATA" \! -user postgres -exec chown postgres:postgres {} +
    chown postgres:postgres /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

chmod 0700 "$PGDATA"
first-start.sh
unset POSTGRES_PASSWORD PGPASSWORD
exec "$@"
