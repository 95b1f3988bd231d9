# Prints the migration in folder $1 whose number is $2, nothing where there is none.
for file in "$1"/*_*.up.sql; do
    number="${file##*/}"
    number="${number%%_*}"
    while [ "${number#0}" != "$number" ]; do
        number="${number#0}"
    done
    if [ "$number" = "$2" ] && [ -f "$file" ]; then
        cat "$file"
    fi
done
