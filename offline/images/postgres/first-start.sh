#!/bin/bash
# Makes the cluster in a folder of its own inside PGDATA and moves it up when it is complete.
# PG_VERSION is moved last: while it is missing, nothing in PGDATA can have been used.
set -euo pipefail
shopt -s dotglob nullglob extglob

staging=$PGDATA/.first-start
sockets=/tmp/.first-start

refuse() {
    echo "postgres: $*" >&2
    exit 1
}

if [[ -s $PGDATA/PG_VERSION ]]; then
    rm -rf "$staging"
    exit 0
fi

content=("$PGDATA"/!(lost+found))
if [[ -d $staging ]]; then
    echo "postgres: an earlier first start was interrupted, starting over" >&2
    rm -rf "${content[@]}"
elif [[ ${#content[@]} -gt 0 ]]; then
    refuse "$PGDATA is neither empty nor a database cluster: mount an empty volume or the right one"
fi

if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
    [[ -z ${POSTGRES_PASSWORD:-} ]] || refuse "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set: set one"
    POSTGRES_PASSWORD=$(<"$POSTGRES_PASSWORD_FILE")
fi
[[ -n ${POSTGRES_PASSWORD:-} ]] || refuse "POSTGRES_PASSWORD is empty: set it, or POSTGRES_PASSWORD_FILE"
[[ ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256} == scram-sha-256 ]] ||
    refuse "POSTGRES_HOST_AUTH_METHOD=$POSTGRES_HOST_AUTH_METHOD is not offered: only scram-sha-256 is"
POSTGRES_USER=${POSTGRES_USER:-postgres}
POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
export POSTGRES_USER POSTGRES_DB

mkdir -m 0700 "$staging"
# Word splitting of POSTGRES_INITDB_ARGS is part of the official contract.
# shellcheck disable=SC2086
initdb --pgdata="$staging" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
echo "listen_addresses = '*'" >>"$staging/postgresql.conf"
echo "host all all all scram-sha-256" >>"$staging/pg_hba.conf"

# A private socket: a health check must not take this server for the real one.
rm -rf "$sockets"
mkdir -m 0700 "$sockets"
export PGHOST=$sockets PGUSER=$POSTGRES_USER
pg_ctl --pgdata="$staging" --wait --options="-c listen_addresses='' -c unix_socket_directories=$sockets" start

run_sql=(psql --set=ON_ERROR_STOP=1 --no-psqlrc --quiet)
"${run_sql[@]}" --dbname=postgres --set=db="$POSTGRES_DB" \
    --file=/usr/local/share/postgres/create-database.sql
for script in /docker-entrypoint-initdb.d/*; do
    echo "postgres: running $script" >&2
    case $script in
        *.sh) PGDATABASE=$POSTGRES_DB bash "$script" ;;
        *.sql) "${run_sql[@]}" --dbname="$POSTGRES_DB" --file="$script" ;;
        *.sql.gz) gunzip --stdout "$script" | "${run_sql[@]}" --dbname="$POSTGRES_DB" ;;
        *) echo "postgres: $script is neither .sh nor .sql: ignored" >&2 ;;
    esac
done

pg_ctl --pgdata="$staging" --mode=fast --wait stop
rm -rf "$sockets"

for entry in "$staging"/*; do
    [[ $entry == "$staging/PG_VERSION" ]] || mv "$entry" "$PGDATA/"
done
sync "$PGDATA" "$PGDATA"/*.conf
mv "$staging/PG_VERSION" "$PGDATA/"
sync "$PGDATA"
rmdir "$staging"
