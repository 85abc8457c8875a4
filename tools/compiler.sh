#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# compiler.sh [PRESET]: prints the compiler that is at hand for a preset. Where its name asks for none: clang 19, any
# clang from 16 on, g++ from 13 on. Those with `gcc` in their names take a g++ only, and gcc-13 that one.
set -u
[ "${1-}" != --help ] || { sed -n '3,4s/^# //p' "$0"; exit 0; }

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

wanted="clang 16 or g++ 13, or newer ones"
case ${1-} in
  gcc-[0-9]*)
    version=${1#gcc-}
    wanted=g++-${version%%-*}
    first 13 "$wanted" && exit
    ;;
  *gcc*)
    wanted="g++ 13 or newer"
    first 13 g++-{14,15,16,13} g++ && exit
    ;;
  aarch64)
    wanted="g++ 13 or newer for aarch64"
    first 13 aarch64-linux-gnu-g++ && exit
    ;;
  libcxx)
    wanted="clang 16 or newer"
    first 16 clang++-19 clang++ && exit
    ;;
  *)
    first 16 clang++-19 clang++ clang++-{22,21,20,18,17,16} && exit
    first 13 g++-14 g++ g++-{16,15,13} && exit
    ;;
esac
echo "No compiler: asyncio-cpp needs $wanted." >&2
exit 1
