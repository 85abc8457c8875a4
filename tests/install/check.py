#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the outside project of this directory against the library, as a user would, and runs it.

  package    `cmake --install` of a build tree (--build) into --prefix, then find_package
  fetch      FetchContent of --source, which is then installed into --prefix: the other kind of library for `package`
  pkg-config one line of compiler against what is installed in --prefix
"""

import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def run(*command, **options):
    print("+", shlex.join(map(str, command)), flush=True)
    return subprocess.run(list(map(str, command)), check=True, **options)


def run_outside(program, **environment):
    output = run(program, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}).stdout
    print(output, end="")
    if not output.startswith("asyncio-cpp ") or not output.endswith("\na coroutine says hello\n"):
        sys.exit(f"{program} did not print what it should")


def expect_refused(*command):
    """The command compiles a coroutine that lacks its co_return."""
    print("+", shlex.join(map(str, command)), "(must fail)", flush=True)
    result = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False, env={**os.environ, "LC_ALL": "C"})
    if result.returncode == 0 or "return-type" not in result.stdout:
        sys.exit(result.stdout + "\na coroutine without co_return should not have compiled")


def build_outside(arguments, *settings):
    shutil.rmtree(arguments.work, ignore_errors=True)
    run("cmake", "-G", "Ninja", "-S", HERE, "-B", arguments.work, f"-DCMAKE_CXX_COMPILER={arguments.compiler}",
        *(["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []), *settings)
    run("cmake", "--build", arguments.work, "--parallel", "2")
    run_outside(arguments.work / "outside")
    expect_refused("cmake", "--build", arguments.work, "--target", "forgetful")
    run("cmake", "-S", HERE, "-B", arguments.work, "-DASYNCIO_CPP_MISSING_RETURN_IS_ERROR=OFF",
        stdout=subprocess.DEVNULL)
    run("cmake", "--build", arguments.work, "--target", "forgetful")


def install(build, prefix):
    shutil.rmtree(prefix, ignore_errors=True)  # a file of an earlier version must not make this one pass
    run("cmake", "--install", build, "--prefix", prefix, stdout=subprocess.DEVNULL)


def package(arguments):
    if arguments.build:
        install(arguments.build, arguments.prefix)
    build_outside(arguments, f"-DCMAKE_PREFIX_PATH={arguments.prefix}")


def fetch(arguments):
    build_outside(arguments, f"-DFETCH_FROM={arguments.source}", f"-DBUILD_SHARED_LIBS={arguments.shared}",
                  "-DASYNCIO_CPP_INSTALL=ON")
    install(arguments.work, arguments.prefix)


def pkg_config(arguments):
    library = next(arguments.prefix.glob("lib*/**/libasyncio-cpp.*")).parent

    def ask(*options):
        return shlex.split(run("pkg-config", *options, "asyncio-cpp", stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PKG_CONFIG_PATH": str(library / "pkgconfig")}).stdout)

    arguments.work.mkdir(parents=True, exist_ok=True)
    program = arguments.work / "outside"
    run(arguments.compiler, "-std=c++20", HERE / "main.cpp", "-o", program, *ask("--cflags", "--libs"))
    run_outside(program, LD_LIBRARY_PATH=str(library))
    forgetful = [arguments.compiler, "-std=c++20", "-fsyntax-only", HERE / "missing_co_return.cpp"]
    expect_refused(*forgetful, *ask("--cflags"))
    run(*forgetful, *ask("--cflags", "--define-variable=missing_return="))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=["package", "fetch", "pkg-config"])
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--prefix", type=pathlib.Path, required=True, help="where the library is or will be installed")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="scratch directory, emptied first")
    parser.add_argument("--build", type=pathlib.Path, help="build tree to install from")
    parser.add_argument("--source", type=pathlib.Path, help="the library's source, for fetch")
    parser.add_argument("--shared", default="ON", help="ON or OFF: the kind of library that fetch builds")
    arguments = parser.parse_args()
    {"package": package, "fetch": fetch, "pkg-config": pkg_config}[arguments.way](arguments)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(str(error))
