#!/bin/sh
# Same contract as the official image: arguments or a .conf file alone mean redis-server, which never runs as root.
set -eu

case "${1:-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis:redis {} +
    exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi

# The data directory holds the dumps: nobody else on the machine reads them.
umask 0077
exec "$@"
