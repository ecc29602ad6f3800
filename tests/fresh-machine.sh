#!/bin/sh
# A bare Debian 12 in a folder, a fresh clone in it, and the README's two
# commands there.  Needs root, debootstrap and Debian's packages.
#   tests/fresh-machine.sh [FOLDER [run]]   [a temporary one, removed after]
# run: leave out make check.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
if [ "$(id -u)" != 0 ]; then
    echo "Run it as root: it makes a Debian system in a folder." >&2
    exit 1
fi
if ! command -v debootstrap >/dev/null 2>&1; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
fi
root=${1:-}
keep=1
if [ -z "$root" ]; then
    root=$(mktemp -d)
    keep=0
fi
finish() {
    umount -l -R "$root" 2>/dev/null || true
    [ $keep = 1 ] || rm -rf --one-file-system "$root"
}
trap finish EXIT

echo "== a bare Debian 12 in $root"
if [ ! -x "$root/usr/bin/apt-get" ]; then
    mirror=$(sed -n 's/^URIs: *//p; s/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
        head -n 1)
    debootstrap --variant=minbase bookworm "$root" \
        "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
        { tail -20 "$root.log"; exit 1; }
    rm -f "$root.log" "$root/etc/apt/sources.list"
    for f in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d \
        /etc/apt/auth.conf.d /etc/apt/trusted.gpg.d /etc/resolv.conf /etc/hosts \
        /etc/npmrc /root/.npmrc /usr/local/share/ca-certificates; do
        [ ! -e "$f" ] || { mkdir -p "$root$(dirname "$f")"; cp -rL "$f" "$root$(dirname "$f")/"; }
    done
fi
# A mount of its own, so that tests may mount things inside, as on a machine.
mount --bind "$root" "$root"
mount --make-rprivate "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys" 2>/dev/null || true
mount --make-rslave "$root/dev"
mount --make-rslave "$root/sys" 2>/dev/null || true

# The two tools that anybody who has a clone has.
chroot "$root" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends make git ca-certificates >/dev/null'
rm -rf "$root/src"
git clone -q "$top" "$root/src"

echo "== make run, cold"
start=$(date +%s)
cat >"$root/first.sh" <<'IN'
set -eu
cd /src
mkfifo /tmp/out
make run HTTP=127.0.0.1:18471 DATA=/tmp/data >/tmp/out 2>/tmp/err &
pid=$!
while read -r line; do
    echo "$line"
    case $line in Ready*) break ;; esac
done </tmp/out
case ${line:-} in Ready*) ;; *) tail -20 /tmp/err; exit 1 ;; esac
/usr/bin/python3 - <<'PY'
import urllib.parse, urllib.request
url = "http://127.0.0.1:18471/"
data = urllib.parse.urlencode({"title": "Dive Into Python 3", "author": "Mark Pilgrim",
                               "isbn": "9781430224150"}).encode()
page = urllib.request.urlopen(url + "?form=library", data).read().decode()
assert "Dive Into Python 3" in page, page
print("the posted book is on the page")
PY
kill -TERM $pid
wait $pid || true
rm -f /tmp/out
IN
chroot "$root" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root \
    LC_ALL=C.UTF-8 sh /first.sh
echo "== make run took $(($(date +%s) - start)) s"

[ "${2:-}" != run ] || exit 0
echo "== make check"
chroot "$root" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root \
    LC_ALL=C.UTF-8 sh -c 'cd /src && make check'
