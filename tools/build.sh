#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# build.sh PRESET [CMAKE_OPTION...] [-- TARGET...]: configures build/PRESET and builds it, with the compiler at hand.
set -eu
[ "${1-}" != --help ] || { sed -n '3s/^# //p' "$0"; exit 0; }
cd "$(dirname "$0")/.."
preset=$1
shift
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  options+=("$1")
  shift
done
[ $# -eq 0 ] || shift

case $preset in
  *gcc*) tried="g++ 12" compiler=$(tools/compiler.sh gnu) ;;
  *) tried="clang++-19 19" compiler=$(tools/compiler.sh) ;;
esac
# Another compiler than these may have warnings that nobody has seen yet: they must not stop a newcomer.
version=$("$compiler" -dumpversion)
if [ "$compiler ${version%%.*}" != "$tried" ]; then
  options+=(-DCMAKE_CXX_COMPILER="$compiler" -DASYNCIO_CPP_WERROR=OFF)
fi

# CMake forgets the rest of the preset when only the compiler changes; a cache of another one is of no use anyway.
cache=build/$preset/CMakeCache.txt
if [ -f "$cache" ] && [ "$(basename "$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$cache")")" != "$compiler" ]; then
  options+=(--fresh)
fi

echo "== $preset: $("$compiler" --version | head -n 1), in build/$preset"
cmake --preset "$preset" --log-level=NOTICE "${options[@]}" >/dev/null
cmake --build "build/$preset" --parallel "${JOBS:-$(nproc)}" ${1+--target "$@"}
