#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# chroot.sh NAME COMMAND [ARGUMENT...]: runs COMMAND in a Debian that has the compilers which this system has not, as
# root or with sudo. The source tree and the cache of ccache are there where they are here. NAME is one of
#   trixie   g++ 13 and 14
#   sid      g++ 15 and 16
#   aarch64  g++ 14 for aarch64, and qemu
#   bench    g++ 14, and Boost
#   new-bookworm   nothing but git and make, and a copy of the sources; whatever is done there is forgotten
#   new-trixie     that with g++ 14
# It is made by debootstrap, in two minutes, and kept in $ASYNCIO_CPP_CACHE (~/.cache/asyncio-cpp) until it has not been
# used for a month. The packages come from this machine's own mirror, if it is a Debian (else ASYNCIO_CPP_MIRROR).
#
# Every mount is made in a mount namespace of its own, which dies with the processes in it: none is ever visible here,
# so that removing a Debian, whatever happened before, cannot reach the sources through it.
#
# chroot.sh --of PRESET: prints the NAME of the one that has the compiler for a preset, or fails.
# chroot.sh --path NAME: prints where it is.
set -eu
[ "${1-}" != --help ] || { sed -n '3,14s/^# //p' "$0"; exit 0; }
cd "$(dirname "$0")/.."
script=$PWD/tools/chroot.sh
path=/usr/sbin:/usr/bin:/sbin:/bin

# within ROOT USER DIRECTORY [SHARED...] -- COMMAND...: what runs as the first process of the namespaces. The DIRECTORY
# is where COMMAND starts; what is SHARED is the same in there as here.
within() {
  local root=$1 user=$2 directory=$3 name
  shift 3
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  for name in /etc/hosts /etc/resolv.conf; do
    [ ! -e $name ] || cp -L $name "$root$name"
  done
  while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    shift
  done
  shift
  env -C / chroot ${user:+--userspec="$user"} "$root" /usr/bin/env -C "$directory" "$@"
}
if [ "$1" = --within ]; then
  shift
  within "$@"
  exit
fi

if [ "$1" = --of ]; then
  case $2 in
    gcc-15* | gcc-16*) echo sid ;;
    release-gcc) echo bench ;;
    *gcc*) echo trixie ;;
    aarch64) echo aarch64 ;;
    *) exit 1 ;;
  esac
  exit
fi

only_path=false
if [ "$1" = --path ]; then
  only_path=true
  shift
fi
case $1 in
  trixie) release=trixie packages="g++-13 g++-14" ;;
  sid) release=sid packages="g++-15 g++-16" ;;
  aarch64) release=trixie packages="g++-aarch64-linux-gnu qemu-user" ;;
  bench) release=trixie packages="g++-14 libboost-dev" ;;
  new-bookworm) release=bookworm packages="git make" ;;
  new-trixie) release=trixie packages="git make g++" ;;
  *) echo "$0: no such Debian: $1" >&2; exit 1 ;;
esac
name=$1
shift
[ "${name#new-}" != "$name" ] ||
  packages="ccache cmake googletest libgtest-dev mold netbase ninja-build pkg-config python3 $packages"

# What the command gets of our environment, the same for everybody.
cache=${ASYNCIO_CPP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/asyncio-cpp}
compiled=${CCACHE_DIR:-$(ccache --get-config cache_dir 2>/dev/null || echo "$cache/ccache")}
environment=(ASYNCIO_CPP_CACHE="$cache" CCACHE_DIR="$compiled")
for variable in ${!ASYNCIO_@} ${!CCACHE_@} CI JOBS TERM {ASAN,TSAN,UBSAN}_OPTIONS {http,https,no}_proxy; do
  case $variable in
    ASYNCIO_CPP_CACHE | CCACHE_DIR) ;;
    *) [ -z "${!variable+set}" ] || environment+=("$variable=${!variable}") ;;
  esac
done
if [ "$(id -u)" -ne 0 ]; then
  mkdir -p "$compiled"
  if $only_path; then name="--path $name"; fi
  exec sudo env "${environment[@]}" "$script" $name "$@"
fi

# isolated COMMAND...: in new namespaces. When this process dies, so do all in them.
isolated() { setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child "$@"; }

remove() {
  if grep -qF " $1/" /proc/self/mountinfo; then
    echo "$0: something is mounted in $1: it is left alone" >&2
    return 1
  fi
  rm -rf --one-file-system -- "$1"
}

scratch=
finish() {
  local status=$? children
  # Killed while it waits for them: they must not go on in what is removed here.
  read -r children <"/proc/$$/task/$$/children" || true
  [ -z "$children" ] || { kill -KILL $children; wait; } 2>/dev/null
  [ -z "$scratch" ] || remove "$scratch" || true
  exit $status
}
trap finish EXIT

# The mirror that this machine uses: it may know no other.
mirror() {
  local own
  own=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '^https\?://.*/debian/\?$' || true)
  echo "${ASYNCIO_CPP_MIRROR:-${own:-http://deb.debian.org/debian}}"
}

# How apt gets what it gets (proxies, retries, what it does not check), but not what else it is to do.
write_apt_settings() {
  apt-config dump 2>/dev/null | grep '^Acquire::' | grep -v '^Acquire::\(IndexTargets\|Changelogs\)' || true
  echo 'Acquire::Languages "none";'
  echo 'APT::Install-Recommends "false";'
}

# bootstrap ROOT: from nothing to all packages. debootstrap mounts /proc itself: not where we would see it.
bootstrap() {
  local root=$1 from
  from=$(mirror)
  echo "== a Debian ($release, from $from) for $packages: two minutes, once" >&2
  isolated debootstrap --variant=minbase "$release" "$root" "$from" >"$root.log" || { tail "$root.log"; return 1; } >&2
  write_apt_settings >"$root/etc/apt/apt.conf.d/90asyncio-cpp"
  mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/asyncio-cpp"
  isolated "$script" --within "$root" "" / -- env -i PATH=$path DEBIAN_FRONTEND=noninteractive sh -c \
    "apt-get update && apt-get install -y $packages && apt-get clean && rm -rf /var/lib/apt/lists/*" \
    >>"$root.log" 2>&1 || { tail "$root.log"; return 1; } >&2
  rm -f "$root.log"
}

mkdir -p "$cache" "$compiled"
# Its name says what is in it: other packages are another Debian. It gets that name when it is whole.
root=$cache/$name-$(echo "$release $packages" | cksum | cut -d ' ' -f 1)
exec 9>"$root.lock"
flock 9
find "$cache" -mindepth 1 -maxdepth 1 \( -name '*-*[0-9]' -mtime +30 -o -name '.part-*' -mtime +0 \) |
  while read -r old; do remove "$old"; done
if [ ! -d "$root" ]; then
  scratch=$(mktemp -d "$cache/.part-XXXXXX")
  bootstrap "$scratch"
  chmod 755 "$scratch"
  mv "$scratch" "$root"
  scratch=
fi
touch "$root"
exec 9>&-
if $only_path; then
  echo "$root"
  exit
fi

if [ "${name#new-}" != "$name" ]; then
  scratch=$(mktemp -d "$cache/.part-XXXXXX")
  cp -a --reflink=auto "$root/." "$scratch"
  root=$scratch
  directory=/asyncio-cpp
  shared=()
  mkdir "$root$directory"
  git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$root$directory"
else
  directory=$PWD
  shared=("$PWD" "$compiled")
fi
# In braces: what is read of this file is read before a command that may take an hour, and see the file change.
{
  isolated "$script" --within "$root" "${SUDO_UID:+$SUDO_UID:$SUDO_GID}" "$directory" ${shared[@]+"${shared[@]}"} -- \
    env -i "${environment[@]}" PATH=$path HOME=/tmp LANG=C.UTF-8 "$@"
  exit
}
