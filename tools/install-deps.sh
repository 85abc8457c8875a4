#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# install-deps.sh demo|test|ci|bench|format...: installs what is missing for that, on Debian and its relatives as root or
# with sudo, after it has printed the line; elsewhere it says what is missing. Does nothing where nothing is missing.
set -eu
[ "${1-}" != --help ] || { sed -n '3,4s/^# //p' "$0"; exit 0; }
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

packages=()  # of Debian
names=()     # for everyone else

# need PACKAGE NAME COMMAND...: PACKAGE is missing where COMMAND fails.
need() {
  local package=$1 name=$2
  shift 2
  if ! "$@" >/dev/null 2>&1 </dev/null; then
    packages+=("$package")
    names+=("$name")
  fi
}
has() { command -v "$1"; }
header() { "$(tools/compiler.sh)" -E -x c++ -include "$1" /dev/null; }
links() { echo 'int main() {}' >"$scratch/main.cpp" && "$@" "$scratch/main.cpp" -o "$scratch/main"; }
recent_cmake() { [ "$(cmake --version | sed -n '1s/.* \([0-9]*\)\.\([0-9]*\).*/\1\2/p')" -ge 325 ]; }

needs_demo() {
  need cmake "cmake 3.25 or newer" recent_cmake
  need ninja-build ninja has ninja
  need clang-19 "clang 16 or g++ 12, or newer ones (clang 19 is what the project uses)" tools/compiler.sh
}
needs_test() {
  needs_demo
  need libgtest-dev GoogleTest header gtest/gtest.h
  need python3 python3 has python3
  need pkg-config pkg-config has pkg-config
}
needs_ci() {
  needs_test
  needs_format
  need clang-19 "clang 19" has clang++-19
  need libclang-rt-19-dev "the sanitizers of clang 19 (compiler-rt)" links clang++-19 -fsanitize=address,undefined
  need g++ "g++ 12 or newer" tools/compiler.sh gnu
}
needs_bench() {
  needs_demo
  need python3 python3 has python3
  need g++ "g++ 12 or newer" tools/compiler.sh gnu
  need libboost1.81-dev "Boost 1.81 or newer" header boost/asio/awaitable.hpp
  need libuv1-dev libuv header uv.h
  need liburing-dev liburing header liburing.h
}
needs_format() {
  need clang-format-19 "clang-format 19" has clang-format-19
}

for purpose; do
  "needs_$purpose"
done
[ ${#packages[@]} -gt 0 ] || exit 0

command=(apt-get install -y --no-install-recommends "${packages[@]}")
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  sudo=(sudo)
fi
if ! has apt-get >/dev/null || ! has "${sudo[0]-env}" >/dev/null; then
  echo "Missing: $(printf '%s; ' "${names[@]}" | sed 's/; $//')." >&2
  if has apt-get >/dev/null; then
    echo "As root: ${command[*]}" >&2
  else
    echo "Install that with your system's package manager; Debian's packages are: ${packages[*]}" >&2
  fi
  exit 1
fi

echo "== ${sudo[*]+${sudo[*]} }${command[*]}"
export DEBIAN_FRONTEND=noninteractive
# A fresh container has no package lists, and an old machine has old ones.
if ! compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || ! "${sudo[@]}" "${command[@]}" </dev/null; then
  "${sudo[@]}" apt-get update </dev/null
  "${sudo[@]}" "${command[@]}" </dev/null
fi
if ! recent_cmake; then
  echo "The cmake of this system is older than 3.25: see https://cmake.org/download" >&2
  exit 1
fi
