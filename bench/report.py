# SPDX-License-Identifier: MIT
"""The tables, made of results.json."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path
from statistics import median

import rows

METHOD = """\
* `ns` is CPU time of the process for each operation; for the rows from another thread it is wall time. Bytes are peak
  resident memory for each object, beyond what there was before.
* All programs take turns in each round, and the medians over the rounds are shown. Compare within one report only, and
  read differences below 5 % (echo) and 10 % (the rest) as ties; a single round says less than that.
* Programs and servers run on cpu 0, what puts load on them on cpu 1. The load generator is a loop on epoll, which keeps
  one message in flight on each connection; server CPU time for each message is what counts, because the load generator
  is saturated before a good server is.
* *Bare limit* is what a C++20 coroutine runtime can do at the least: no exceptions, no cancelling, no call graph. *Raw
  epoll* and *raw io_uring* are C programs without a library.
* Our programs use the public API as the tutorial does. What each row is stands in `bench/README.md`."""


# --- the machine


def first_line(*command):
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return (run.stdout or run.stderr).strip().partition("\n")[0]


def defined(header, name):
    try:
        found = re.search(rf"#\s*define\s+{name}\s+(.+)", Path(header).read_text())
    except OSError:
        return ""
    return found.group(1).strip().strip('"') if found else ""


def machine(compilers):
    processor = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    versions = [first_line(*command, "--version") for command in compilers]
    if boost := defined("/usr/include/boost/version.hpp", "BOOST_LIB_VERSION"):
        versions.append("Boost " + boost.replace("_", "."))
    libuv = [defined("/usr/include/uv/version.h", f"UV_VERSION_{part}") for part in ("MAJOR", "MINOR", "PATCH")]
    if all(libuv):
        versions.append("libuv " + ".".join(libuv))
    versions.append(first_line("python3", "--version"))
    versions.append(first_line("go", "version").removesuffix(" linux/amd64"))
    tokio = sorted(Path("/usr/share/cargo/registry").glob("tokio-[0-9]*"))
    if tokio and (rust := first_line("rustc", "--version")):
        versions += [tokio[0].name.replace("-", " "), rust.partition(" (")[0]]
    return {
        "machine": f"{os.cpu_count()} x {processor.group(1).strip() if processor else platform.machine()}, "
                   f"Linux {platform.release()}",
        "versions": [version for version in versions if version],
        "date": datetime.date.today().isoformat(),
    }


# --- figures


def micro(results, key, program):
    values = results["micro"].get(key, {}).get(program)
    return median(values) if values else None


def best(figures, programs):
    """The lowest of them, and whose it is."""
    known = [(figures[name], name) for name in programs if figures.get(name) is not None]
    return min(known) if known else (None, None)


def best_micro_peer(results, key):
    return best({name: micro(results, key, name) for name in rows.MICRO_PEERS}, rows.MICRO_PEERS)


def echo_us(results, key, program):
    figures = results["echo"].get(key, {}).get(program)
    return median(figure["server_us"] for figure in figures.values()) if figures else None


def echo_ratio(results, key, program, base="raw_epoll"):
    """The median of the rounds' ratios: what slows a round down slows both."""
    figures = results["echo"].get(key, {}).get(program, {})
    bases = results["echo"].get(key, {}).get(base, {})
    ratios = [figures[number]["server_us"] / bases[number]["server_us"] for number in figures if number in bases]
    return median(ratios) if ratios else None


def compile_seconds(results, setting):
    figures = results["compile"].get(setting, {})
    return {name: median(values) for name, values in figures.items()}


def show(value, unit="ns", digits=1):
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value:,.0f} B"
    return f"{value:,.0f}" if value >= 100 else f"{value:.{digits}f}"


def verdicts(results):
    """Every goal: what it is for, the figure, the goal, as text and as numbers."""
    found = []
    for row in rows.MICRO + rows.OWN:
        value = micro(results, row.key, "asyncio")
        if row.goal is not None and value is not None:
            found.append((row.key, show(value, row.unit), show(row.goal, row.unit), value, row.goal))
        gnu = micro(results, row.key, "asyncio_gcc")
        if row.unit == "ns" and "rtt" not in row.key and value is not None and gnu is not None:
            # A figure of a few nanoseconds may miss the factor for the sake of one.
            found.append((f"{row.key}, g++ to clang", f"{gnu / value:.2f}", f"{rows.GNU_FACTOR}", gnu / value,
                          rows.GNU_FACTOR))
    for case in rows.ECHO:
        for program, goal in case.goals.items():
            ratio = echo_ratio(results, case.key, program)
            if ratio is not None:
                name = f"{case.key}, {program.removeprefix('asyncio_')}"
                found.append((name, f"{ratio:.3f}", f"{goal}", ratio, goal))
    for program in ("asyncio_epoll", "asyncio_io_uring"):
        value = results["idle"].get(program)
        if value is not None:
            found.append((f"idle connection, {program.removeprefix('asyncio_')}", show(value, "bytes"),
                          show(rows.IDLE_GOAL, "bytes"), value, rows.IDLE_GOAL))
    for setting in results["compile"]:
        seconds = compile_seconds(results, setting)
        if "asyncio" in seconds and "asio" in seconds:
            ratio = seconds["asyncio"] / seconds["asio"]
            found.append((f"compile, {setting}", f"{ratio:.2f}", f"{rows.COMPILE_GOAL}", ratio, rows.COMPILE_GOAL))
    return found


# --- tables


def table(header, lines):
    text = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join(text + ["| " + " | ".join(line) + " |" for line in lines])


def micro_table(results):
    programs = ["asyncio", "asyncio_gcc", "limit", "limit_gcc", *rows.MICRO_PEERS]
    present = [name for name in programs if any(name in figures for figures in results["micro"].values())]
    lines = []
    for row in rows.MICRO + rows.OWN:
        if row.key not in results["micro"]:
            continue
        figures = [show(micro(results, row.key, name), row.unit) for name in present]
        lines.append([f"`{row.key}` {row.text}", *figures, show(row.goal, row.unit)])
    return table(["row, ns", *(rows.TITLES[name] for name in present), "goal"], lines)


def echo_table(results):
    names = [name for name in rows.TITLES if any(name in figures for figures in results["echo"].values())]
    lines = []
    for name in sorted(names, key=lambda name: not name.startswith(("raw", "asyncio"))):
        line = [rows.TITLES[name]]
        for case in rows.ECHO:
            value, ratio = echo_us(results, case.key, name), echo_ratio(results, case.key, name)
            goal = case.goals.get(name)
            line.append("-" if value is None else f"{value:.2f}" + (f" ({ratio:.2f}x" if ratio else "")
                        + (f", goal {goal}" if ratio and goal else "") + (")" if ratio else ""))
        line.append(show(results["idle"].get(name), "bytes"))
        lines.append(line)
    return table(["server CPU, us for each message (ratio to raw epoll)", *(case.text for case in rows.ECHO),
                  f"memory for each of {rows.IDLE_CONNECTIONS:,} idle connections"], lines)


def compile_table(results):
    lines = []
    for setting in results["compile"]:
        seconds = compile_seconds(results, setting)
        ours, asio = seconds.get("asyncio"), seconds.get("asio")
        lines.append([setting, f"{ours:.2f}" if ours else "-", f"{asio:.2f}" if asio else "-",
                      f"{ours / asio:.2f}" if ours and asio else "-"])
    return table(["smallest echo server, CPU seconds", "asyncio-cpp", "Boost.Asio", "ratio"], lines)


def full_report(results):
    about = results["about"]
    goals = verdicts(results)
    missed = [goal for goal in goals if goal[3] > goal[4]]
    parts = ["# Benchmarks",
             f"{about['date']}, {about['machine']}. {'; '.join(about['versions'])}. Rounds: {about['rounds']}, with "
             f"{about['priority']}; load of the machine before: {about['load']}; {about['minutes']} minutes.",
             f"## Goals: {len(goals) - len(missed)} of {len(goals)} met"]
    if missed:
        lines = [[name, value, goal, f"{ratio / limit - 1:+.0%}"] for name, value, goal, ratio, limit in missed]
        parts.append(table(["missed", "is", "goal", "by"], lines))
    if results["micro"]:
        parts += ["## One thread, one loop", micro_table(results)]
    if results["echo"] or results["idle"]:
        parts += ["## TCP echo", echo_table(results)]
    if results["compile"]:
        parts += ["## Compile time", compile_table(results)]
    parts += ["## How it was measured", METHOD]
    return "\n\n".join(parts) + "\n"


def readme_table(results):
    """One line a row: ours, the best peer, the bare limit, the goal."""
    lines = []
    for row in rows.MICRO:
        ours = micro(results, row.key, "asyncio")
        if ours is None or "rtt" in row.key:
            continue
        peer, name = best_micro_peer(results, row.key)
        best_peer = f"{show(peer, row.unit)} {rows.TITLES[name]}" if name else "-"
        if name == "libuv" and row.argument == "timers":
            best_peer += " (no tasks)"
        unit = "" if row.unit == "bytes" else " ns"
        lines.append([f"{row.text}", f"{show(ours, row.unit)}{unit}", best_peer,
                      show(micro(results, row.key, "python"), row.unit),
                      show(micro(results, row.key, "limit"), row.unit), show(row.goal, row.unit)])
    for case in rows.ECHO:
        for program, goal in case.goals.items():
            ours = echo_us(results, case.key, program)
            ratio = echo_ratio(results, case.key, program)
            if ours is None or ratio is None:
                continue
            figures = {name: echo_us(results, case.key, name) for name in rows.ECHO_PEERS}
            peer, name = best(figures, rows.ECHO_PEERS)
            best_peer = f"{peer:.2f} {rows.TITLES[name]}" if name else "-"
            lines.append([f"TCP echo, {case.text}, {program.removeprefix('asyncio_')}", f"{ours:.2f} us ({ratio:.2f}x)",
                          best_peer, show(figures["python"], digits=2),
                          f"{echo_us(results, case.key, 'raw_epoll'):.2f} raw epoll", f"{goal}x"])
    idle = results["idle"]
    if "asyncio_epoll" in idle:
        peer, name = best(idle, rows.ECHO_PEERS)
        lines.append(["memory of an idle connection", show(idle["asyncio_epoll"], "bytes"),
                      f"{show(peer, 'bytes')} {rows.TITLES[name]}" if name else "-",
                      show(idle.get("python"), "bytes"), show(idle.get("raw_epoll"), "bytes"),
                      show(rows.IDLE_GOAL, "bytes")])
    for setting in results["compile"]:
        seconds = compile_seconds(results, setting)
        if "asyncio" in seconds and "asio" in seconds:
            lines.append([f"compile an echo server, {setting}", f"{seconds['asyncio']:.2f} s",
                          f"{seconds['asio']:.2f} s Boost.Asio", "-", "-", f"{rows.COMPILE_GOAL}x"])
    return table(["", "asyncio-cpp", "best peer", "Python", "bare limit", "goal"], lines)
