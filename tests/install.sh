#!/bin/sh
# Install into a prefix and use it from there: the daemon, the tool, the
# pkg-config file, a new app in each language with its test.
#   tests/install.sh BUILD
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: tests/install.sh BUILD}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
prefix=$dir/prefix

meson setup "$dir/build" "$top" --prefix "$prefix" --libdir lib \
    -Dtests=false -Dpython_program=/usr/bin/python3 >"$dir/log" 2>&1 &&
    meson install -C "$dir/build" >>"$dir/log" 2>&1 ||
    { tail -40 "$dir/log"; exit 1; }

# Nothing of the build tree may be needed.
rm -rf "$dir/build"
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
echo "installed and used from $prefix"
