#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# build.sh PRESET [CMAKE_OPTION...] [-- TARGET...]: configures build/PRESET and builds it, with the compiler at hand.
set -eu
[ "${1-}" != --help ] || { sed -n '3s/^# //p' "$0"; exit 0; }
cd "$(dirname "$0")/.."
preset=$1
# A compiler that this system has not: in a Debian that has it, all the same.
if ! tools/compiler.sh "$preset" >/dev/null 2>&1 && debian=$(tools/chroot.sh --of "$preset"); then
  exec tools/chroot.sh "$debian" tools/build.sh "$@"
fi
shift
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  options+=("$1")
  shift
done
[ $# -eq 0 ] || shift

compiler=$(tools/compiler.sh "$preset")
# Another compiler than these may have warnings that nobody has seen yet: they must not stop a newcomer.
options+=(-DCMAKE_CXX_COMPILER="$compiler")
case $("$compiler" --version | head -n 1)/$("$compiler" -dumpversion) in
  *clang*/19* | *g++*/1[3456]*) ;;
  *) options+=(-DASYNCIO_CPP_WERROR=OFF) ;;
esac

# CMake forgets the rest of the preset when only the compiler changes; a cache of another one is of no use anyway.
cache=build/$preset/CMakeCache.txt
if [ -f "$cache" ] && [ "$(basename "$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$cache")")" != "$compiler" ]; then
  options+=(--fresh)
fi

echo "== $preset: $("$compiler" --version | head -n 1), in build/$preset"
cmake --preset "$preset" --log-level=NOTICE "${options[@]}" >/dev/null
cmake --build "build/$preset" --parallel "${JOBS:-$(nproc)}" ${1+--target "$@"}
