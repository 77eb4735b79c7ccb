# Ends the process groups that it was told of when whoever told it is gone, also by a kill that nobody can catch: then
# its standard input ends. Lines in: `+ GROUP`, answered with `GROUP` once it is held, and `- GROUP`.
trap '' HUP INT TERM PIPE
groups=

without() {
  kept=
  for held in $groups; do
    [ "$held" = "$1" ] || kept="$kept $held"
  done
  groups=$kept
}

while read -r sign group; do
  without "$group"
  if [ "$sign" = + ]; then
    groups="$groups $group"
    echo "$group"
  fi
done

keep_living() {
  for group in $groups; do
    kill -0 "-$group" || without "$group"
  done
}

for group in $groups; do kill -TERM "-$group"; done
ticks=0
keep_living
while [ -n "$groups" ] && [ "$ticks" -lt 20 ]; do
  sleep 0.1 || { sleep 1; ticks=$((ticks + 9)); }
  ticks=$((ticks + 1))
  keep_living
done
for group in $groups; do kill -KILL "-$group"; done
exit 0
