#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the benchmarks and the peers at hand, runs them, and writes build/bench-report/: report.md, chart.svg,
results.json.

All programs take turns, round by round, so that a machine which slows down for a while slows all of them; the report
has the medians. Servers and micro programs run on cpu 0, what puts load on them on cpu 1, with real-time priority where
that is allowed. The whole takes about ten minutes; --quick leaves out the slower peers, and takes one round."""

import argparse
import functools
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import chart
import report
import rows

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "build/bench-peers"
OUT = ROOT / "build/bench-report"
CHROOT = ROOT / "tools/chroot.sh"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["micro", "net", "compile"], help="one part")
    parser.add_argument("--rows", type=lambda text: text.split(","), default=[],
                        help="some rows, e.g. call,fib of micro; echo64, echo1000, echo16k, idle of net")
    parser.add_argument("--programs", type=lambda text: text.split(","), default=[],
                        help="some programs, e.g. asyncio,limit; or asyncio_epoll,raw_epoll")
    parser.add_argument("--rounds", type=int, help="how often each program runs (3; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--no-build", action="store_true", help="run what is built")
    parser.add_argument("--report", action="store_true", help="run nothing: write the report of the last results again")
    parser.add_argument("--readme", action="store_true",
                        help="run nothing: print the README's table of the last results")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)

    if not options.report and not options.readme:
        if not options.no_build:
            build(options)
        measure(options)
    results = json.loads((OUT / "results.json").read_text())
    if options.readme:
        print(report.readme_table(results))
        return
    (OUT / "report.md").write_text(report.full_report(results))
    (OUT / "chart.svg").write_text(chart.draw(results))
    print(report.full_report(results))
    print(f"== {OUT / 'report.md'}, {OUT / 'chart.svg'}")


# --- building


def build(options):
    def preset(name, *targets):
        command = [ROOT / "tools/build.sh", name, "-DASYNCIO_CPP_BUILD_TESTS=OFF", "-DASYNCIO_CPP_BUILD_BENCH=ON",
                   "--", *targets]
        if subprocess.run(command).returncode != 0:
            sys.exit(f"bench: {name} does not build")

    preset("release", "all-bench")
    if gnu_build_wanted(options):
        preset("release-gcc", "bench-micro", "bench-net_echo_server")
    if subprocess.run([ROOT / "bench/peers/build.sh", PEERS]).returncode != 0:
        sys.exit("bench: the peers do not build")


def compiler(kind=""):
    """The compiler that tools/build.sh takes, or None."""
    run = subprocess.run([ROOT / "tools/compiler.sh", kind], capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else None


@functools.cache
def gnu():
    """g++ of this system, or of the Debian that tools/chroot.sh makes: its name, the words before a command that starts
    it, and those before a program of its own, which needs the libraries that are beside it. Or None."""
    if name := compiler("gcc"):
        return name, [], []
    if not shutil.which("debootstrap"):
        return None
    run = subprocess.run([CHROOT, "--path", "bench"], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        return None
    debian = Path(run.stdout.strip())
    loader = next(debian.glob("lib64/ld-linux-*.so.*"), None)
    libraries = ":".join(map(str, debian.glob("usr/lib/*-linux-gnu")))
    return ("g++-14", [CHROOT, "bench"], [loader, "--library-path", libraries]) if loader else None


def gnu_build_wanted(options):
    return not options.quick and gnu() is not None and gnu()[0] != compiler()


# --- running


class Priority:
    """How a measured process is started: on which cpu, and before all others where that is allowed."""

    def __init__(self):
        probe = ["chrt", "-f", "1", "true"]
        allowed = shutil.which("chrt") and subprocess.run(probe, capture_output=True).returncode == 0
        self.prefix = ["chrt", "-f", "1"] if allowed else []
        self.text = "real-time priority" if allowed else "ordinary priority"

    def command(self, cpus, command):
        return self.prefix + ["taskset", "-c", cpus] + [str(part) for part in command]


def measure(options):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    OUT.mkdir(parents=True, exist_ok=True)
    priority = Priority()
    began = time.monotonic()
    results = {"micro": {}, "echo": {}, "idle": {}, "compile": {}}
    load = os.getloadavg()[0]
    for round_number in range(options.rounds):
        print(f"== round {round_number + 1} of {options.rounds}, after {time.monotonic() - began:.0f} s", flush=True)
        if options.only in (None, "micro"):
            micro_round(options, priority, results["micro"])
        if options.only in (None, "net"):
            net_round(options, priority, results, round_number)
        if options.only in (None, "compile") and (not options.rows or options.only == "compile"):
            compile_round(options, results["compile"])
    results["about"] = report.machine([[compiler()], *([[*gnu()[1], gnu()[0]]] if gnu_build_wanted(options) else [])])
    results["about"].update(
        priority=priority.text, rounds=options.rounds, quick=options.quick, load=round(load, 2),
        minutes=round((time.monotonic() - began) / 60, 1))
    (OUT / "results.json").write_text(json.dumps(results, indent=1))


def chosen(options, name, command):
    """Whether a program is there, and wanted."""
    program = [part for part in command if isinstance(part, Path)][-1]  # behind the loader of another Debian
    return program.exists() and (not options.programs or name in options.programs)


def micro_programs(options):
    every = list(dict.fromkeys(row.argument for row in rows.MICRO))
    own = every + [row.argument for row in rows.OWN]
    programs = {
        "asyncio": (ROOT / "build/release/bench/micro", own),
        "limit": (PEERS / "limit_micro", every),
        "asio": (PEERS / "asio_micro", every),
    }
    if not options.quick:
        programs |= {
            "limit_gcc": (PEERS / "limit_micro_gcc", every),
            "libuv": (PEERS / "uv_micro", ["timers", "xthread"]),
            "go": (PEERS / "go_micro", every[2:]),
            "tokio": (PEERS / "tokio_micro", every),
            "python": (ROOT / "bench/peers/py_micro.py", every),
        }
        if gnu_build_wanted(options):
            programs["asyncio_gcc"] = (ROOT / "build/release-gcc/bench/micro", own)
    started = {name: gnu()[2] if name.endswith("_gcc") and gnu() else [] for name in programs}
    return {name: ([*started[name], path], known) for name, (path, known) in programs.items()
            if chosen(options, name, [path])}


def micro_round(options, priority, results):
    programs = micro_programs(options)
    arguments = list(dict.fromkeys(row.argument for row in rows.MICRO + rows.OWN))
    for argument in arguments:
        if options.rows and argument not in options.rows:
            continue
        line = []
        for name, (command, known) in programs.items():
            if argument not in known:
                continue
            cpus = "0,1" if argument == "xthread" and (os.cpu_count() or 1) > 1 else "0"
            run = attempt(priority.command(cpus, [*command, argument]), name)
            for text in run.splitlines():
                figure = json.loads(text)
                value = figure.get("ns", figure.get("bytes"))
                results.setdefault(figure["t"], {}).setdefault(name, []).append(value)
                line.append(f"{name} {figure['t']} {value:.4g}")
        if line:
            print("   " + ", ".join(line), flush=True)


def attempt(command, name, seconds=120):
    """What the command prints; nothing, and a line about it, where it fails."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        print(f"-- {name}: no end after {seconds} s", flush=True)
        return ""
    if run.returncode != 0:
        print(f"-- {name}: {run.stderr.strip()[-300:] or run.returncode}", flush=True)
        return ""
    return run.stdout


def servers(options):
    own = ROOT / "build/release/bench/net_echo_server"
    programs = {
        "raw_epoll": [PEERS / "raw_epoll", "{port}"],
        "asyncio_epoll": [own, "--port", "{port}", "--backend", "epoll"],
        "asyncio_io_uring": [own, "--port", "{port}", "--backend", "io_uring"],
        "raw_uring": [PEERS / "raw_uring", "{port}"],
    }
    if not options.quick:
        programs |= {
            "asio_callback": [PEERS / "asio_echo_callback", "{port}"],
            "asio_coroutine": [PEERS / "asio_echo_coroutine", "{port}"],
            "libuv": [PEERS / "uv_echo", "{port}"],
            "go": [PEERS / "go_echo", "{port}"],
            "tokio": [PEERS / "tokio_echo", "{port}"],
            "python": [ROOT / "bench/peers/py_echo.py", "{port}"],
        }
        if gnu_build_wanted(options):
            for backend in ["epoll", "io_uring"]:
                server = ROOT / "build/release-gcc/bench/net_echo_server"
                programs[f"asyncio_gcc_{backend}"] = [*gnu()[2], server, "--port", "{port}", "--backend", backend]
    return {name: command for name, command in programs.items() if chosen(options, name, command)}


def net_round(options, priority, results, round_number):
    cases = [case for case in rows.ECHO if not options.rows or case.key in options.rows]
    idle = round_number == 0 and (not options.rows or "idle" in options.rows)
    if not cases and not idle:
        return
    other_cpu = "1" if (os.cpu_count() or 1) > 1 else "0"
    warm_up, seconds = ("0.2", "0.5") if options.quick else ("0.2", "1.2")
    for name, command in servers(options).items():
        server, port = start_server(priority, command)
        if server is None:
            print(f"-- {name}: does not listen", flush=True)
            continue
        line = []
        try:
            for case in cases:
                time.sleep(0.1)
                load = [PEERS / "echo_load", port, case.connections, case.size, warm_up, seconds, server.pid]
                output = attempt(priority.command(other_cpu, load), name, 30)
                if not output:
                    continue
                figures = json.loads(output)
                results["echo"].setdefault(case.key, {}).setdefault(name, {}).setdefault(str(round_number), figures)
                line.append(f"{case.key} {figures['server_us']:.2f} us")
            if idle:
                load = [PEERS / "echo_load", "--idle", port, rows.IDLE_CONNECTIONS, server.pid]
                output = attempt(priority.command(other_cpu, load), name, 60)
                if output:
                    results["idle"][name] = json.loads(output)["bytes_per_connection"]
                    line.append(f"idle {results['idle'][name]:.0f} B")
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
        print(f"   {name}: " + ", ".join(line), flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(priority, command):
    port = free_port()
    command = priority.command("0", [str(part).replace("{port}", str(port)) for part in command])
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, port
        except OSError:
            if server.poll() is not None:
                return None, 0
            time.sleep(0.02)
    server.kill()
    server.wait()
    return None, 0


def compile_round(options, results):
    """CPU seconds of one compiler run, with linking, of the smallest echo server; the library is compiled already."""
    compilers = [(compiler(), [], "release")]
    if gnu_build_wanted(options):
        compilers.append((gnu()[0], gnu()[1], "release-gcc"))
    for program, start, preset in compilers:
        library = next((ROOT / f"build/{preset}/src").glob("libasyncio-cpp.*"), None)
        for level in ["-O0", "-O3"]:
            sources = {
                "asyncio": ["-I", ROOT / "include", ROOT / "bench/net/minimal_echo.cpp", library],
                "asio": [ROOT / "bench/peers/asio_echo_coroutine.cpp"],
            }
            line = []
            for name, arguments in sources.items():
                if None in arguments:
                    continue
                command = [*start, "bash", "-c", TIMED, program, "-std=c++20", level, *map(str, arguments), "-pthread",
                           "-o", str(OUT / "compiled")]
                seconds = cpu_seconds(command)
                if seconds is not None:
                    results.setdefault(f"{program} {level}", {}).setdefault(name, []).append(seconds)
                    line.append(f"{name} {seconds:.2f} s")
            print(f"   {program} {level}: " + ", ".join(line), flush=True)
    (OUT / "compiled").unlink(missing_ok=True)


# Runs a command, and says what it took: what starts the shell in another Debian does not count.
TIMED = """TIMEFORMAT='%U %S'; time "$0" "$@" >/dev/null 2>&1"""


def cpu_seconds(command):
    run = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return sum(map(float, run.stderr.split()[-2:])) if run.returncode == 0 else None


if __name__ == "__main__":
    main()
