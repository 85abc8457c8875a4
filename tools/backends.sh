#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the kernel interfaces that work here: epoll, and io_uring where the kernel offers it and nothing forbids it.
set -u
[ "${1-}" != --help ] || { sed -n '3s/^# //p' "$0"; exit 0; }

# io_uring_setup(8, &params) with an empty io_uring_params: the only way to know is to ask.
if python3 - 2>/dev/null <<'END'
import ctypes
import sys

io_uring_setup = 425  # on every architecture
sys.exit(ctypes.CDLL(None).syscall(io_uring_setup, 8, ctypes.create_string_buffer(120)) < 0)
END
then
  echo epoll io_uring
else
  echo epoll
fi
