# Copies /from to the empty /to and prints what both hold; fails when they differ or the disk is too small.
set -eu

used=$(du -sk /from | cut -f1)
free=$(df -Pk /to | tail -n 1 | tr -s ' ' | cut -d' ' -f4)
if [ "$free" -lt $((used + used / 10 + 102400)) ]; then
    echo "the copy needs $((used / 1024 + 1)) MB and a tenth more, the disk has $((free / 1024)) MB left" >&2
    exit 3
fi

summary() {
    cd "$1"
    files=$(find . -type f | wc -l)
    digest=$(find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1)
    links=$(find . -type l -printf '%p %l\n' | LC_ALL=C sort | sha256sum | cut -d' ' -f1)
    echo "$files files $digest $links"
}

cp -a /from/. /to/
sync
original=$(summary /from)
copy=$(summary /to)
if [ "$original" != "$copy" ]; then
    echo "the copy differs: $copy instead of $original" >&2
    exit 4
fi
echo "$copy"
