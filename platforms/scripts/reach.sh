# Connects to each `host:port` given, all at once, with what the image has: busybox' nc, or bash.
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
    if command -v nc >/dev/null 2>&1; then
        nc -z -w 3 "$host" "$port" >/dev/null 2>&1
    else
        timeout 3 bash -c ": </dev/tcp/$host/$port" >/dev/null 2>&1
    fi && echo "$1 ok${only:+, $only}" || echo "$1 ${only:-no connection}"
}
for target in "$@"; do
    reach "$target" &
done
wait
