#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test.sh PRESET [--slow]: builds everything in build/PRESET and runs its tests, on every kernel interface that works
# here.
# ASYNCIO_REQUIRE_BACKENDS="epoll io_uring" makes it an error where one of them does not.
set -eu -o pipefail
[ "${1-}" != --help ] || { sed -n '3,4s/^# //p' "$0"; exit 0; }
cd "$(dirname "$0")/.."
preset=$1
# A compiler that this system has not: in a Debian that has it, all the same.
if ! tools/compiler.sh "$preset" >/dev/null 2>&1 && debian=$(tools/chroot.sh --of "$preset"); then
  exec tools/chroot.sh "$debian" tools/test.sh "$@"
fi
slow=${2-}

backends=$(tools/backends.sh)
echo "== backends: $backends"
for backend in ${ASYNCIO_REQUIRE_BACKENDS-}; do
  case " $backends " in
    *" $backend "*) ;;
    *) echo "$backend is required (ASYNCIO_REQUIRE_BACKENDS), and does not work here." >&2; exit 1 ;;
  esac
done

ctest=(ctest --test-dir "build/$preset" --parallel "${JOBS:-$(nproc)}" --progress --output-on-failure
  --no-tests=error --no-label-summary)
# One that another processor runs is emulated: there is no io_uring, and what takes long takes too long.
if [ "$preset" = aarch64 ]; then
  backends=epoll
  slow=
  ctest+=(--tests-regex '^epoll\.')
fi
[ "$slow" = --slow ] || ctest+=(--label-exclude '^slow$')
case $backends in
  *io_uring*) ;;
  *)
    echo "== io_uring does not work here (an old kernel, or forbidden): its tests are left out"
    ctest+=(--exclude-regex '^io_uring\.|/io_uring|^UringBackend\.|^Ring')
    ;;
esac

tools/build.sh "$preset" -DASYNCIO_CPP_BUILD_TESTS=ON

export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
# The child of a fork() may start threads of its own.
export TSAN_OPTIONS=${TSAN_OPTIONS-die_after_fork=0}
ctest+=(--output-log "build/$preset/ctest.log")
if [ -t 1 ]; then
  "${ctest[@]}"
else
  # A log needs no line for the start of each test beside that for its end.
  "${ctest[@]}" | sed -u '/^ *Start /d'
fi
