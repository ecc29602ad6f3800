#!/bin/sh
# Install into a prefix and use it from there: the daemon, the tool, the
# pkg-config file, a new app in each language with its test, the units; into
# DESTDIR the same, and nowhere else; and take it away again.
#   tests/install.sh BUILD
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: tests/install.sh BUILD}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
prefix=$dir/prefix

meson setup "$dir/build" "$top" --prefix "$prefix" --libdir lib \
    -Dtests=false -Dpython_program=/usr/bin/python3 >"$dir/log" 2>&1 &&
    DESTDIR=$dir/dest meson install -C "$dir/build" >>"$dir/log" 2>&1 &&
    meson install -C "$dir/build" >>"$dir/log" 2>&1 ||
    { tail -40 "$dir/log"; exit 1; }

list() {
    (cd "$1" 2>/dev/null && find . -type f -o -type l) | grep -v __pycache__ | sort
}
list "$prefix" >"$dir/installed"
list "$dir/dest$prefix" >"$dir/staged"
diff "$dir/installed" "$dir/staged"
outside=$(list "$dir/dest" | grep -v "^\.$prefix/" || true)
test -z "$outside" || { echo "outside of the prefix: $outside"; exit 1; }

# All that a machine needs is there.
while read -r what; do
    grep -q "^\./$what\$" "$dir/installed" || { echo "missing: $what"; exit 1; }
done <<'IN'
bin/concordanced
bin/concordctl
lib/libconcordance\.so\.0
lib/pkgconfig/concordance-xmpp\.pc
lib/concordance/store-sqlite\.so
lib/concordance/apps/auth\.so
lib/concordance/apps/admin\.so
lib.*/concordance/concordance-render
include/concordance\.h
include/concordance/app\.h
.*-packages/concordance/__init__\.py
.*-packages/nodetree/__init__\.py
share/concordance/runtime/.*\.js
share/concordance/skeleton/.*
share/concordance/examples/concordance\.conf
share/bash-completion/completions/concordctl
share/man/man1/concordanced\.1
share/man/man1/concordctl\.1
lib/systemd/system/concordance\.service
lib/systemd/system/concordance\.socket
lib/systemd/system/concordance-c2s\.socket
lib/systemd/system/concordance-agent\.service
lib/sysusers\.d/concordance\.conf
lib/tmpfiles\.d/concordance\.conf
etc/logrotate\.d/concordance
IN
if command -v systemd-analyze >/dev/null 2>&1; then
    systemd-analyze verify --man=no --recursive-errors=no \
        "$prefix"/lib/systemd/system/concordance*.service \
        "$prefix"/lib/systemd/system/concordance*.socket 2>"$dir/said" || true
    if grep concordance "$dir/said"; then exit 1; fi
fi

# Nothing of the build tree may be needed; to take everything away, it is.
mv "$dir/build" "$dir/kept"
unset LD_LIBRARY_PATH CONCORDANCE_RENDER CONCORDANCE_PLUGINS CONCORDANCE_RUNTIME \
    CONCORDANCE_SKELETONS CONCORDANCE_LINK
export PATH="$prefix/bin:$PATH"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
PYTHONPATH=$(find "$prefix/lib" -type d -name concordance -path '*packages*' \
    -exec dirname {} \; | head -n 1)
export PYTHONPATH

concordanced --version
concordctl --version
test -f "$prefix/share/man/man1/concordctl.1"
cd "$dir"
concordctl new shelf --lang c >/dev/null
(cd shelf && make -s check)
concordctl new pile --lang python >/dev/null
(cd pile && make -s check)
# The example is a good file, but for an app.
concordanced --config "$prefix/share/concordance/examples/concordance.conf" \
    --check 2>"$dir/said" || true
grep -q "names no app" "$dir/said"
cat "$prefix/share/concordance/examples/concordance.conf" - >"$dir/c.conf" <<IN
app = auth
IN
concordanced --config "$dir/c.conf" --check
/usr/bin/python3 -m concordance --version

mv "$dir/kept" "$dir/build"
# Also what an older version left, and what Python compiled.
touch "$prefix/lib/libconcordance.so.0.0.9"
PYTHONDONTWRITEBYTECODE='' /usr/bin/python3 -m concordance --version >>"$dir/log"
make -C "$top" B="$dir/build" uninstall >>"$dir/log" 2>&1
left=$(cd "$prefix" && find . ! -type d -o -name concordance -o -name nodetree)
test -z "$left" || { echo "left: $left"; exit 1; }
echo "installed and used from $prefix"
