#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the best compiler at hand: clang 19, any clang from 16 on, g++ from 12 on. With `gnu`, a g++ only.
set -u
[ "${1-}" != --help ] || { sed -n '3s/^# //p' "$0"; exit 0; }

# major COMPILER: its major version, or 0 where it is not there.
major() {
  local version
  version=$("$1" -dumpfullversion -dumpversion 2>/dev/null || "$1" -dumpversion 2>/dev/null) || version=0
  echo "${version%%.*}"
}

# first LEAST COMPILER...: prints the first of them that is new enough.
first() {
  local least=$1 compiler
  shift
  for compiler; do
    if [ "$(major "$compiler")" -ge "$least" ]; then
      echo "$compiler"
      return 0
    fi
  done
  return 1
}

if [ "${1-}" != gnu ]; then
  first 16 clang++-19 clang++ clang++-{22,21,20,18,17,16} && exit
fi
first 12 g++ g++-{16,15,14,13,12} && exit
echo "No compiler: asyncio-cpp needs clang 16 or g++ 12, or newer ones." >&2
exit 1
