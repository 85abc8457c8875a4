#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# install-deps.sh demo|test|ci|first-run|all|bench|format...: installs what is missing for that, on Debian and its
# relatives as root or with sudo, after it has printed the line; elsewhere it says what is missing, and fails where that
# is needed. It does nothing where nothing is missing.
set -eu
[ "${1-}" != --help ] || { sed -n '3,5s/^# //p' "$0"; exit 0; }
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

needed=() needed_names=()  # packages of Debian, and what they are for everyone else
wanted=() wanted_names=()

# need PACKAGE NAME COMMAND...: PACKAGE is missing where COMMAND fails. want: the same for what can be done without.
need() { missing needed "$@"; }
want() { missing wanted "$@"; }
missing() {
  local -n packages_of=$1 names_of=${1}_names
  local package=$2 name=$3
  shift 3
  if ! "$@" >/dev/null 2>&1 </dev/null; then
    packages_of+=("$package")
    names_of+=("$name")
  fi
}
has() { command -v "$1"; }
header() { "$(tools/compiler.sh)" -E -x c++ -include "$1" /dev/null; }
links() { echo 'int main() {}' >"$scratch/main.cpp" && "$@" "$scratch/main.cpp" -o "$scratch/main"; }
fast_linker() { links "$(tools/compiler.sh)" -fuse-ld=mold || links "$(tools/compiler.sh)" -fuse-ld=lld; }
recent_cmake() {
  local version major minor
  version=$(cmake --version | sed -n '1s/^[^0-9]*//p')
  IFS=. read -r major minor _ <<<"$version"
  [ "$major" -gt 3 ] || { [ "$major" -eq 3 ] && [ "$minor" -ge 25 ]; }
}

needs_demo() {
  need cmake "cmake 3.25 or newer" recent_cmake
  need ninja-build ninja has ninja
  need clang-19 "clang 16 or g++ 13, or newer ones (clang 19 is what the project uses)" tools/compiler.sh
}
needs_test() {
  needs_demo
  need libgtest-dev GoogleTest header gtest/gtest.h
  need python3 python3 has python3
  need pkg-config pkg-config has pkg-config
  want ccache ccache has ccache
  want mold "mold or lld, linkers that are fast" fast_linker
}
needs_ci() {
  needs_test
  needs_format
  need clang-19 "clang 19" has clang++-19
  need libclang-rt-19-dev "the sanitizers of clang 19 (compiler-rt)" links clang++-19 -fsanitize=address,undefined
  need_gnu need
}
needs_first-run() {
  need_debootstrap need "a Debian that is new"
}
needs_all() {
  needs_ci
  need libc++-19-dev "libc++ 19" links clang++-19 -stdlib=libc++ -include vector
  need libc++abi-19-dev "libc++abi 19" links clang++-19 -stdlib=libc++ -include vector
  need_debootstrap need "g++ 13, 15 and 16 and one for aarch64"
}
# need_gnu need|want: the g++ of this system, or, where that is too old, what tools/chroot.sh needs to get another.
need_gnu() {
  local version
  tools/compiler.sh gcc >/dev/null 2>&1 && return
  # A fresh container has no package lists, and does not know which g++ it could have.
  [ "$(id -u)" -ne 0 ] || compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt-get update </dev/null || true
  version=$(apt-cache show g++ 2>/dev/null | sed -n '/^Version: /{s/^[^:]*: \([0-9]*:\)\?\([0-9]*\).*/\2/p;q}')
  if [ "${version:-0}" -ge 13 ]; then
    "$1" g++ "g++ 13 or newer" false
  else
    need_debootstrap "$1" "g++ 13 or newer (which would do as well)"
  fi
}
need_debootstrap() {
  "$1" debootstrap "debootstrap, to get $2" debootstrap --version
  "$1" debian-archive-keyring "the keys of Debian" test -e /usr/share/keyrings/debian-archive-keyring.gpg
}
needs_bench() {
  needs_demo
  need python3 python3 has python3
  need_gnu want
  want libboost1.81-dev "Boost 1.81 or newer" header boost/asio/experimental/parallel_group.hpp
  want libuv1-dev libuv header uv.h
  want liburing-dev liburing header liburing.h
  want golang-go Go has go
  want cargo "cargo, of Rust" has cargo
  want librust-tokio-dev "tokio, as Debian packages its sources" compgen -G '/usr/share/cargo/registry/tokio-1.*'
}
needs_format() {
  need clang-format-19 "clang-format 19" has clang-format-19
}

for purpose; do
  "needs_$purpose"
done
[ $((${#needed[@]} + ${#wanted[@]})) -gt 0 ] || exit 0

join() { printf '%s; ' "$@" | sed 's/; $//'; }
go_without() { echo "-- not here, and not needed: $(join "$@")"; }
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  sudo=(sudo)
  # Nobody is asked for a password for what can be done without.
  [ ${#needed[@]} -gt 0 ] || sudo+=(-n)
fi
as_root() { "${sudo[@]}" "$@" </dev/null; }
may_install() {
  has apt-get && has "${sudo[0]-env}" && { [ ${#needed[@]} -gt 0 ] || as_root true; }
}
if ! may_install >/dev/null 2>&1; then
  [ ${#wanted[@]} -eq 0 ] || go_without "${wanted_names[@]}"
  [ ${#needed[@]} -gt 0 ] || exit 0
  echo "Missing: $(join "${needed_names[@]}")." >&2
  if has apt-get >/dev/null; then
    echo "As root: apt-get install -y --no-install-recommends ${needed[*]} ${wanted[*]-}" >&2
  else
    echo "Install that with your system's package manager; Debian's packages are: ${needed[*]} ${wanted[*]-}" >&2
  fi
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
update() { echo "== ${sudo[*]+${sudo[*]} }apt-get update" && as_root apt-get update; }
# A fresh container has no package lists, and an old machine has old ones.
fresh=false
if ! compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; then
  update || true
  fresh=true
fi
packages=(${needed[@]+"${needed[@]}"})
for ((i = 0; i < ${#wanted[@]}; ++i)); do
  if apt-cache show "${wanted[i]}" >/dev/null 2>&1; then
    packages+=("${wanted[i]}")
  else
    go_without "${wanted_names[i]}"
  fi
done
[ ${#packages[@]} -gt 0 ] || exit 0
install_packages() { as_root apt-get install -y --no-install-recommends "${packages[@]}"; }
echo "== ${sudo[*]+${sudo[*]} }apt-get install -y --no-install-recommends ${packages[*]}"
if ! install_packages && ! { [ $fresh = false ] && update && install_packages; }; then
  [ ${#needed[@]} -eq 0 ] || exit 1
  go_without "${wanted_names[@]}"
  exit 0
fi
if ! recent_cmake; then
  echo "The cmake of this system is older than 3.25: see https://cmake.org/download" >&2
  exit 1
fi
