#!/bin/sh
# Serve the app in a folder of its own, publish, and look at the page.
set -eu
dir=$(mktemp -d)
pid=
finish() { [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$dir"; }
trap finish EXIT

mkfifo "$dir/out"
concordanced --http 127.0.0.1:0 --store memory --data "$dir/data" ./@name@.so \
    >"$dir/out" 2>"$dir/log" &
pid=$!
read -r ready <"$dir/out" || { cat "$dir/log"; echo "FAIL: no start"; exit 1; }
export CONCORDANCE_LINK="$dir/data/link"

concordctl publish @name@ \
    '<item xmlns="urn:x-@name@"><title>First</title></item>' one >/dev/null
concordctl items @name@ | grep -q '<title>First</title>' ||
    { echo "FAIL: the item is not there"; exit 1; }
if concordctl publish @name@ '<item xmlns="urn:x-@name@"/>' 2>/dev/null; then
    echo "FAIL: an item without a title was taken"; exit 1
fi
# The page's file follows; it is asked for until it has the item.
tries=0
until grep -q First "$dir/data/www/index.html"; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || { echo "FAIL: the page does not show it"; exit 1; }
    concordctl status >/dev/null
done
echo "PASS: ${ready}"
