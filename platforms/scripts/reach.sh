# Connects to each `host:port` given, all at once, with what the image has: an nc that knows -z, bash, or any other nc.
with=none
if ! command -v nc >/dev/null 2>&1; then
    with=bash
elif ! nc -z 2>&1 | grep -qiE "(invalid|illegal|unrecognized|unknown) option"; then
    with="nc -z"
elif command -v bash >/dev/null 2>&1; then
    with=bash
fi
connect() {
    case "$with" in
    "nc -z") nc -z -w 3 "$1" "$2" ;;
    bash) timeout 3 bash -c ": </dev/tcp/$1/$2" ;;
    *) nc -w 3 "$1" "$2" </dev/null ;;
    esac >/dev/null 2>&1
}
reach() {
    host="${1%:*}" port="${1##*:}" only=""
    case "$host" in
    *:*) name="" ;; # an address needs no name, and may have none
    *[!0-9.]*) name="$host" ;;
    *) name="" ;;
    esac
    if [ -n "$name" ] && command -v getent >/dev/null 2>&1; then
        found=$(getent hosts "$name" 2>/dev/null | cut -d ' ' -f 1 | tr '\n' ' ')
        case "$found" in
        "") echo "$1 the name does not resolve"; return ;;
        *:*) getent ahostsv4 "$name" >/dev/null 2>&1 || only="only IPv6 addresses: $found" ;;
        esac
    fi
    connect "$host" "$port" && echo "$1 ok${only:+, $only}" || echo "$1 ${only:-no connection}"
}
for target in "$@"; do
    reach "$target" &
done
wait
