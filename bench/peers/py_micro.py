#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rows of bench/rows.py on Python's asyncio: py_micro.py ROW. Fewer repetitions than the others, because each takes
longer; what is reported is for one operation all the same."""

import asyncio
import json
import random
import sys
import threading
import time


def cpu_ns():
    return time.process_time() * 1e9


def memory(key):
    """Of this process, in bytes: VmRSS now, VmHWM at most."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def report(row, value, unit="ns"):
    print(json.dumps({"t": row, unit: round(value, 2)}), flush=True)


async def child(value):
    return value


async def fibonacci(n):
    return n if n < 2 else await fibonacci(n - 1) + await fibonacci(n - 2)


async def call():
    count = 3_000_000
    begin = cpu_ns()
    for i in range(count):
        await child(i)
    report("call", (cpu_ns() - begin) / count)


async def fib():
    calls = 242_785
    begin = cpu_ns()
    if await fibonacci(25) != 75_025:
        sys.exit("fibonacci(25) is wrong")
    report("fib", (cpu_ns() - begin) / calls)


async def spawn_await():
    count = 200_000
    begin = cpu_ns()
    for i in range(count):
        await asyncio.create_task(child(i))
    report("spawn_await", (cpu_ns() - begin) / count)


async def spawn_join():
    count = 1_000_000
    before, begin = memory("VmRSS"), cpu_ns()
    tasks = [asyncio.create_task(child(i)) for i in range(count)]
    for task in tasks:
        await task
    report("spawn_join", (cpu_ns() - begin) / count)
    report("spawn_join_rss", (memory("VmHWM") - before) / count, "bytes")


async def gather():
    count, rounds = 10_000, 10
    begin = cpu_ns()
    for _ in range(rounds):
        await asyncio.gather(*(child(i) for i in range(count)))
    report("gather", (cpu_ns() - begin) / count / rounds)


async def switch(row, tasks):
    switches = 500_000

    async def spin():
        for _ in range(switches // tasks):
            await asyncio.sleep(0)

    begin = cpu_ns()
    await asyncio.gather(*(spin() for _ in range(tasks)))
    report(row, (cpu_ns() - begin) / switches)


async def yield2():
    await switch("yield2", 2)


async def yield1000():
    await switch("yield1000", 1000)


async def chan():
    count = 300_000
    queue = asyncio.Queue(64)

    async def put():
        for i in range(count):
            await queue.put(i)

    async def get():
        for _ in range(count):
            await queue.get()

    begin = cpu_ns()
    await asyncio.gather(put(), get())
    report("chan", (cpu_ns() - begin) / count)


async def mutex():
    count, tasks, turns = 500_000, 100, 1000
    lock = asyncio.Lock()
    begin = cpu_ns()
    for _ in range(count):
        async with lock:
            pass
    report("mutex_unc", (cpu_ns() - begin) / count)

    async def take_turns():
        for _ in range(turns):
            async with lock:
                await asyncio.sleep(0)

    begin = cpu_ns()
    await asyncio.gather(*(take_turns() for _ in range(tasks)))
    report("mutex_cont", (cpu_ns() - begin) / tasks / turns)


async def timers():
    count = 1_000_000
    before, begin = memory("VmRSS"), cpu_ns()
    tasks = [asyncio.create_task(asyncio.sleep(random.randrange(1000) / 1000)) for _ in range(count)]
    for task in tasks:
        await task
    report("timers_cpu", (cpu_ns() - begin) / count)
    report("timers_rss", (memory("VmHWM") - before) / count, "bytes")


async def future():
    count = 300_000
    loop = asyncio.get_running_loop()
    begin = cpu_ns()
    for i in range(count):
        made = loop.create_future()
        loop.call_soon(made.set_result, i)
        await made
    report("future_set", (cpu_ns() - begin) / count)


async def xthread():
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()

    def post():
        round_trips, posts = 3000, 100_000
        answered = threading.Event()
        times = []
        for _ in range(round_trips):
            answered.clear()
            begin = time.perf_counter_ns()
            loop.call_soon_threadsafe(answered.set)
            answered.wait()
            times.append(time.perf_counter_ns() - begin)
            time.sleep(0.0002)
        times.sort()
        report("xthread_rtt_p50", times[len(times) // 2])
        report("xthread_rtt_p99", times[len(times) * 99 // 100])

        count = 0
        all_ran = threading.Event()

        def increment():
            nonlocal count
            count += 1
            if count == posts:
                all_ran.set()

        begin = time.perf_counter_ns()
        for _ in range(posts):
            loop.call_soon_threadsafe(increment)
        all_ran.wait()
        report("xthread_post", (time.perf_counter_ns() - begin) / posts)
        loop.call_soon_threadsafe(finished.set)

    poster = threading.Thread(target=post)
    poster.start()
    await finished.wait()
    poster.join()


ROWS = (call, fib, spawn_await, spawn_join, gather, yield2, yield1000, chan, mutex, timers, future, xthread)
if len(sys.argv) != 2 or sys.argv[1] not in [row.__name__ for row in ROWS]:
    sys.exit("usage: py_micro.py " + "|".join(row.__name__ for row in ROWS))
asyncio.run(next(row for row in ROWS if row.__name__ == sys.argv[1])())
