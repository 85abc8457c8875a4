# SPDX-License-Identifier: MIT
"""What is measured, by whom, and what the project wants to reach."""

from dataclasses import dataclass, field


@dataclass
class Row:
    key: str  # as the programs report it
    argument: str  # as they take it
    text: str
    goal: float | None = None
    unit: str = "ns"


MICRO = [
    Row("call", "call", "await a coroutine that returns at once", 10),
    Row("fib", "fib", "await a recursive coroutine", 12),
    Row("spawn_await", "spawn_await", "start a task and await it", 28),
    Row("spawn_join", "spawn_join", "start a million tasks, then await them: each", 150),
    Row("spawn_join_rss", "spawn_join", "memory of one of a million started tasks", 200, "bytes"),
    Row("gather", "gather", "one child of a gather() of 10,000", 35),
    Row("yield2", "yield2", "switch between 2 tasks", 8),
    Row("yield1000", "yield1000", "switch between 1000 tasks", 8),
    Row("chan", "chan", "an item through a bounded queue", 8),
    Row("mutex_unc", "mutex", "lock and unlock, alone", 3),
    Row("mutex_cont", "mutex", "lock, switch and unlock, among 100 tasks", 20),
    Row("timers_cpu", "timers", "a million tasks that sleep 0-999 ms: each", 900),
    Row("timers_rss", "timers", "memory of one of a million sleeping tasks", 300, "bytes"),
    Row("future_set", "future", "make a future, have a callback set it, await it", 40),
    Row("xthread_post", "xthread", "call from another thread, loop is busy", 30),
    Row("xthread_rtt_p50", "xthread", "call from another thread, loop sleeps, median"),
    Row("xthread_rtt_p99", "xthread", "call from another thread, loop sleeps, p99"),
]

# Nobody else has these.
OWN = [
    Row("cancel", "cancel", "cancel a task that waits five coroutines deep", 15000),
    Row("wait_for", "wait_for", "wait_for() that ends in time, with its coroutine", 80),
    Row("context_spawn", "context", "set a context variable, start a task and await it"),
    Row("as_result_error", "as_result", "an exception of a coroutine, as a value"),
    Row("caught_error", "caught", "an exception of a coroutine, caught at the await"),
]

# The g++ build may take this much longer than that of clang.
GNU_FACTOR = 1.6


@dataclass
class Echo:
    key: str
    connections: int
    size: int
    text: str
    goals: dict = field(default_factory=dict)  # program -> ratio to raw epoll


ECHO = [
    Echo("echo64", 64, 64, "64 connections, 64 B", {"asyncio_epoll": 1.05, "asyncio_io_uring": 1.02}),
    Echo("echo1000", 1000, 64, "1000 connections, 64 B", {"asyncio_epoll": 1.08, "asyncio_io_uring": 0.98}),
    Echo("echo16k", 64, 16384, "64 connections, 16 KiB", {"asyncio_epoll": 1.03, "asyncio_io_uring": 0.98}),
]
IDLE_CONNECTIONS = 10_000
IDLE_GOAL = 600  # bytes
COMPILE_GOAL = 0.25  # of Asio's time

# Program -> how tables and the plot call it.
TITLES = {
    "asyncio": "asyncio-cpp",
    "asyncio_gcc": "asyncio-cpp, g++",
    "asyncio_epoll": "asyncio-cpp, epoll",
    "asyncio_io_uring": "asyncio-cpp, io_uring",
    "asyncio_gcc_epoll": "asyncio-cpp, g++, epoll",
    "asyncio_gcc_io_uring": "asyncio-cpp, g++, io_uring",
    "limit": "bare limit",
    "limit_gcc": "bare limit, g++",
    "raw_epoll": "raw epoll",
    "raw_uring": "raw io_uring",
    "asio": "Boost.Asio",
    "asio_coroutine": "Boost.Asio coroutines",
    "asio_callback": "Boost.Asio callbacks",
    "libuv": "libuv",
    "go": "Go",
    "tokio": "tokio",
    "python": "Python asyncio",
}
MICRO_PEERS = ["asio", "libuv", "go", "tokio", "python"]
ECHO_PEERS = ["asio_coroutine", "asio_callback", "libuv", "go", "tokio", "python"]
