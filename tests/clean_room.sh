#!/usr/bin/env bash
# A stranger's machine, played on this one: `make setup` and then TARGET (smoke by default, or demo) for a user without a
# name, in a folder with spaces, with a read-only HOME, no compiler, 2 GB of memory, loopback without IPv6 and no other
# network, an older CPU's instructions, TERM=dumb and LANG=C.   Linux, root (to become less), unshare, setpriv, ip.
#   PIP_ARGS='…' tests/clean_room.sh [TARGET]          prints the folder first; logs stay in it
set -euo pipefail
target=${1:-smoke} memory=${MEMORY:-2G} user=${ROOM_USER:-4242}
source=$(git rev-parse --show-toplevel)
room=$(mktemp -d "${TMPDIR:-/tmp}/a clean room.XXXX")
echo "room: $room"
git clone -q "$source" "$room/my folder/triptych"
mkdir "$room/home" "$room/tmp" "$room/no compiler"
chmod 755 "$room"; chmod 555 "$room/home"
chown -R "$user:$user" "$room/my folder" "$room/tmp"

cat > "$room/inside.sh" <<'INSIDE'
set -u
room=$1 user=$2 network=$3; shift 3
for tool in gcc cc g++ c++ clang x86_64-linux-gnu-gcc; do   # a compiler that is there and does not work is none
  path=$(command -v $tool) && mount --bind /dev/null "$(readlink -f "$path")"
done
if [ -d /etc/xdg/pip ]; then mount -t tmpfs tmpfs /etc/xdg/pip; fi
[ -e /etc/pip.conf ] && mount --bind /dev/null /etc/pip.conf
mount --bind "$room/home" "$room/home" && mount -o remount,bind,ro "$room/home"
if [ "$network" = none ]; then
  echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
  ip link set lo up
fi
cd "$room/my folder/triptych"
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
  env -i PATH="$PATH" HOME="$room/home" TMPDIR="$room/tmp" TERM=dumb LANG=C LC_ALL=C ONEDNN_MAX_CPU_ISA=AVX2 \
  SSL_CERT_FILE="${SSL_CERT_FILE:-}" PIP_ARGS="${PIP_ARGS:-}" "$@"
INSIDE

group=/sys/fs/cgroup/memory/triptych-room-$$   # cgroup v1, or the one tree of v2
[ -d /sys/fs/cgroup/memory ] || group=/sys/fs/cgroup/triptych-room-$$
mkdir "$group" 2>/dev/null || true
[ -e "$group/memory.limit_in_bytes" ] || [ -e "$group/memory.max" ] || echo "memory: no cgroup can limit it here"
limit() {
  [ -d "$group" ] || return 0
  for file in memory.limit_in_bytes memory.max; do [ -e "$group/$file" ] && echo "$memory" > "$group/$file"; done
  [ -e "$group/memory.swap.max" ] && echo 0 > "$group/memory.swap.max"
  echo $BASHPID > "$group/cgroup.procs"
}
status=0
step() {   # NAME NETWORK COMMAND…
  local name=$1 network=$2 began=$SECONDS rc=0; shift 2
  local apart=(--mount --pid --fork --mount-proc); [ "$network" = none ] && apart+=(--net)
  ( [ "$network" = none ] && limit; exec unshare "${apart[@]}" bash "$room/inside.sh" "$room" "$user" "$network" "$@" ) \
    > "$room/$name.log" 2>&1 < /dev/null || rc=$?
  [ $rc -eq 0 ] || status=1
  printf '%-12s exit %d  %4d s  %s\n' "$name" $rc $((SECONDS - began)) "$(grep -v '^\s*$' "$room/$name.log" | tail -n 1 | cut -c1-140)"
}
step setup shared make setup
step first none .venv/bin/triptych run "$target"
step second none .venv/bin/triptych run "$target"
grep -q Cached "$room/second.log" && ! grep -q Complete "$room/second.log" || { echo "the second run computed again"; status=1; }
step chat none .venv/bin/triptych chat --prompt "Fellow citizens" --max-tokens 8
step doctor none .venv/bin/triptych doctor
for file in memory.max_usage_in_bytes memory.peak; do
  if [ -e "$group/$file" ]; then echo "memory at most: $(($(cat "$group/$file") >> 20)) MiB, page cache included"; fi
done
rmdir "$group" 2>/dev/null || true
exit $status
