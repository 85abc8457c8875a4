#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks who includes whom: the layer table of the architecture, as data.

A file's layer is its directory under src/. A public header belongs where its source (src/<layer>/<stem>.cpp) or else
its test (tests/<layer>/<stem>_test.cpp) is; one of detail/ or lowlevel/ goes with the idea of its name, or that its
name begins with: detail/queue_storage.h with queue.h. One that has none of these, and is not in PLACED, is part of the
loop.
"""

import argparse
import pathlib
import re
import sys

PROTOCOLS = ["http", "web", "websockets", "sqlite", "postgres", "redis"]
LOWEST = ["base", "backend", "loop"]
UPPER = ["report", "structured", "threads"]  # side by side
CORE = [*LOWEST, *UPPER]
LAYERS = [*CORE, "sync", "net", "process", "tls", *PROTOCOLS, "testing"]

# layer: (layers whose PUBLIC headers it may include, what it may include of src/: layers or single files).
# Its own layer is understood in both places. "system": headers of the operating system and of other libraries as well.
TABLE = {
    "base": ([], ["system"]),
    "backend": (["base"], ["base", "system"]),
    "loop": (["base", "backend"], ["base", "backend/backend.h", "system"]),
    **{layer: (LOWEST, ["base", "backend/backend.h", "loop", "system"]) for layer in UPPER},
    # The design's exam: what a primitive can be written with here, a user's primitive can be written with.
    "sync": (CORE, []),
    # A socket is watched by the loop's backend, and let go when the loop closes: the three headers are that seam.
    "net": (
        [*CORE, "sync", "process"],
        ["base", "loop/loop_resource.h", "loop/loop_state.h", "loop/report.h", "system"],
    ),
    "process": ([*CORE, "sync", "net"], ["base", "system"]),
    "tls": ([*CORE, "sync", "net", "process"], ["system"]),
    # A test that does not end is given up, which no program can do to a loop that shuts down.
    "testing": (LAYERS, ["loop/loop_state.h", "system"]),
}
for protocol in PROTOCOLS:
    TABLE[protocol] = ([*CORE, "sync", "net", "process", "tls", "http"], ["system"])
TABLE["web"][0].append("websockets")  # a web application answers with a WebSocket
TABLE["web"][1].append("http/wire.h")  # and both ends of HTTP speak the same bytes

# Bytes in, events out: a codec knows of no loop, no Coro and no input or output, so that it can be fuzzed and reused.
CODEC = (["base"], ["base"])
CODEC_STEM = re.compile(r"wire(_\w+)?$")

# The folders of include/asyncio/ that are no layers.
ZONES = ["detail", "lowlevel"]

# Public headers that their names do not place.
PLACED = {
    "kept": "loop",
    "ring_buffer": "loop",
    "started": "structured",  # of a TaskGroup
    "chrono": "base",
    "config": "base",
    "error": "base",  # the exceptions need nothing but the standard library,
    "shared": "base",  # and not all of that
    "watched_fd": "backend",  # what one watches
    "asyncio": "net",  # the umbrella: everything up to net
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


class Project:
    def __init__(self, root):
        self.root = root
        self.problems = []

    def public_layer(self, name):
        """The layer of <asyncio/NAME>."""
        path = pathlib.PurePath(name)
        if path.parts[0] in LAYERS and len(path.parts) > 1:
            return path.parts[0]
        words = path.stem.split("_")
        for stem in ("_".join(words[:count]) for count in range(len(words), 0, -1)):
            if stem in PLACED:
                return PLACED[stem]
            for file in ("src/{}/{}.cpp", "tests/{}/{}_test.cpp"):
                for layer in LAYERS:
                    if (self.root / file.format(layer, stem)).exists():
                        return layer
            if path.parent.name not in ZONES:
                break
        return path.stem if path.stem in LAYERS else "loop"

    def problem(self, file, text):
        self.problems.append(f"{file.relative_to(self.root)}: {text}")

    def check(self, file, layer, allowed, is_public):
        public, private = allowed
        for bracket, name in INCLUDE.findall(file.read_text()):
            if bracket == "<" and name.startswith("asyncio/"):
                target = self.public_layer(name.removeprefix("asyncio/"))
                if target != layer and target not in public:
                    self.problem(file, f"{layer} may not include <{name}>, which is of {target}")
            elif bracket == "<":
                # The standard library's names end in nothing; <cassert> is its way to say <assert.h>.
                if ("." in name or "/" in name) and "system" not in private and not is_public:
                    self.problem(file, f"{layer} may not include <{name}>: the standard library only")
            elif is_public:
                self.problem(file, f'a public header may not include "{name}"')
            else:
                own = file.parent / name
                target = own.relative_to(self.root / "src") if own.exists() else pathlib.PurePath(name)
                if target.parts[0] != layer and target.parts[0] not in private and str(target) not in private:
                    self.problem(file, f'{layer} may not include "{name}"')

    def check_all(self):
        for file in sorted((self.root / "include" / "asyncio").rglob("*.h")):
            name = str(file.relative_to(self.root / "include" / "asyncio"))
            layer = self.public_layer(name)
            self.check(file, layer, TABLE[layer], is_public=True)
        for file in sorted([*(self.root / "src").rglob("*.h"), *(self.root / "src").rglob("*.cpp")]):
            layer = file.relative_to(self.root / "src").parts[0]
            if layer not in TABLE:
                self.problem(file, f"src/{layer} is not a layer: see TABLE in tools/check_layers.py")
                continue
            if layer in PROTOCOLS and CODEC_STEM.match(file.stem):
                public, private = CODEC
                self.check(file, f"{layer}'s codec", (public, [*private, *self.codec_files(layer)]), is_public=False)
            else:
                self.check(file, layer, TABLE[layer], is_public=False)
        for directory in ("examples", "bench"):
            for file in sorted([*(self.root / directory).rglob("*.h"), *(self.root / directory).rglob("*.cpp")]):
                for bracket, name in INCLUDE.findall(file.read_text()):
                    if bracket == '"' and not (file.parent / name).exists():
                        self.problem(file, f'may include public headers only, not "{name}"')
        return self.problems

    def codec_files(self, layer):
        return [f"{layer}/{file.name}" for file in (self.root / "src" / layer).glob("*.h")
                if CODEC_STEM.match(file.stem)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the project's root (default: that of this script)")
    problems = Project(parser.parse_args().root.resolve()).check_all()
    print("\n".join(problems) if problems else "Every file includes what its layer may include.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
