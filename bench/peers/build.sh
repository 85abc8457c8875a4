#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# build.sh [DIRECTORY]: builds those peers whose libraries and compilers are at hand, by default in build/bench-peers,
# each with the settings that are best for it, and says which ones are left out. What is up to date is not built again.
set -u
[ "${1-}" != --help ] || { sed -n '3,4s/^# //p' "$0"; exit 0; }
cd "$(dirname "$0")/../.."
source=bench/peers
mkdir -p "${1-build/bench-peers}"
out=$(cd "${1-build/bench-peers}" && pwd)
compiler=$(tools/compiler.sh) || exit 1
left_out=()

header() { "$compiler" -E -x c++ -include "$1" /dev/null >/dev/null 2>&1; }

# build PROGRAM SOURCE COMMAND...: runs it where PROGRAM is missing, or older than SOURCE.
build() {
  local program=$1 from=$2
  shift 2
  [ ! -x "$out/$program" ] || [ "$from" -nt "$out/$program" ] || [ bench/measure.h -nt "$out/$program" ] || return 0
  echo "== $program"
  "$@" || left_out+=("$program: it does not compile")
}
c() {
  local program=$1
  shift
  build "$program" "$source/$program.c" cc -std=gnu11 -O3 -DNDEBUG "$source/$program.c" -o "$out/$program" "$@"
}
cxx() {
  local program=$1
  shift
  build "$program" "$source/$program.cpp" \
    "$compiler" -std=c++20 -O3 -DNDEBUG "$source/$program.cpp" -o "$out/$program" -pthread "$@"
}

c echo_load
c raw_epoll
cxx limit_micro
gnu=$(tools/compiler.sh gcc 2>/dev/null) || gnu=
# Where this system has no such g++, the Debian that tools/chroot.sh makes for the benchmarks has one.
if [ -n "$gnu" ]; then
  gnu=("$gnu")
elif command -v debootstrap >/dev/null && tools/chroot.sh --path bench >/dev/null; then
  gnu=(tools/chroot.sh bench g++-14)
fi
if [ -n "${gnu[0]}" ] && [ "${gnu[0]}" != "$compiler" ]; then
  build limit_micro_gcc "$source/limit_micro.cpp" \
    "${gnu[@]}" -std=c++20 -O3 -DNDEBUG "$source/limit_micro.cpp" -o "$out/limit_micro_gcc" -pthread
fi
if header liburing.h; then
  c raw_uring -luring
else
  left_out+=("raw_uring: no liburing (liburing-dev)")
fi
if header boost/asio/experimental/parallel_group.hpp; then
  cxx asio_micro
  cxx asio_echo_coroutine
  cxx asio_echo_callback
else
  left_out+=("Boost.Asio: not there (libboost1.81-dev)")
fi
if header uv.h; then
  cxx uv_micro -luv
  c uv_echo -luv
else
  left_out+=("libuv: not there (libuv1-dev)")
fi
if command -v go >/dev/null; then
  for name in echo micro; do
    build "go_$name" "$source/go/$name.go" \
      env GO111MODULE=off GOCACHE="$out/go-cache" go build -o "$out/go_$name" "$source/go/$name.go"
  done
else
  left_out+=("Go: not there (golang-go)")
fi
# Cargo writes beside its sources; what it needs are the sources that Debian packages, and nothing is fetched.
if command -v cargo >/dev/null && compgen -G "/usr/share/cargo/registry/tokio-1.*" >/dev/null; then
  cargo_build() {
    rm -rf "$out/tokio"
    cp -r "$source/tokio" "$out/tokio"
    (cd "$out/tokio" && CARGO_HOME="$out/cargo" CARGO_TARGET_DIR="$out/cargo-target" \
      cargo build --quiet --offline --release) &&
      cp "$out/cargo-target/release/tokio_$1" "$out/tokio_$1"
  }
  build tokio_echo "$source/tokio/src/echo.rs" cargo_build echo
  build tokio_micro "$source/tokio/src/micro.rs" cargo_build micro
else
  left_out+=("tokio: not there (cargo, librust-tokio-dev)")
fi

for line in ${left_out[@]+"${left_out[@]}"}; do
  echo "-- left out: $line"
done
