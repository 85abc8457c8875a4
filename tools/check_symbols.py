#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks by the symbols of the object files that the layers of the library stand on one another, and in no circle.

A layer uses another one where one of its objects needs a symbol that an object of the other one defines. What headers
define is in each object that uses it, and belongs to nobody here: tools/check_layers.py sees to who includes what.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys

# layer: those that it may use beside itself.
CORE = ["base", "backend", "loop"]
USES = {
    "base": [],
    "backend": ["base"],
    "loop": ["base", "backend"],
    "report": CORE,
    "structured": CORE,
    "threads": CORE,
    "sync": [*CORE, "report", "structured", "threads"],
    "net": [*CORE, "report", "structured", "threads", "sync"],
    "testing": [*CORE, "report", "structured", "threads", "sync", "net"],
}

# name, type (a letter), and where it is defined, its value and size
SYMBOL = re.compile(r"^(.*) ([A-Za-z])(?: [0-9a-f]*)*$")
OBJECT = re.compile(r"\.dir/(?:\./)?((\w+)/.+)\.o$")  # .../asyncio-cpp-loop.dir/loop/task.cpp.o
DEFINED = set("TDBRSC")  # by this object alone


class Objects:
    def __init__(self):
        self.layer = {}  # by source
        self.definer = {}  # by symbol: a source
        self.needs = {}  # by source: symbols

    def read(self, paths, nm):
        for path in paths:
            place = OBJECT.search(path)
            if place is None:
                sys.exit(f"{path}: not an object file of a layer")
            source, self.layer[source] = place[1], place[2]
            text = subprocess.run([nm, "--format=posix", "--demangle", path], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout
            self.add(source, text)

    def add(self, source, text):
        self.needs[source] = set()
        for line in text.splitlines():
            symbol = SYMBOL.match(line)
            if symbol is None:
                continue
            if symbol[2] == "U":
                self.needs[source].add(symbol[1])
            elif symbol[2] in DEFINED:
                self.definer[symbol[1]] = source

    def edges(self):
        """By pair of layers: the lines that say why the first uses the second."""
        edges = collections.defaultdict(list)
        for source, symbols in sorted(self.needs.items()):
            for symbol in sorted(symbols):
                definer = self.definer.get(symbol)
                if definer is not None and self.layer[definer] != self.layer[source]:
                    edges[self.layer[source], self.layer[definer]].append(f"{source} needs {symbol} of {definer}")
        return edges


def circle(edges):
    """Some layers each of which uses the next one, and the last one the first; empty if there are none."""
    left = {layer for edge in edges for layer in edge}
    while True:
        # One that uses none of those that are left stands below them, and is in no circle with them.
        lowest = {layer for layer in left if not any((layer, other) in edges for other in left)}
        if not lowest:
            break
        left -= lowest
    path = [min(left)] if left else []
    while path:
        follower = min(other for other in left if (path[-1], other) in edges)
        if follower in path:
            return path[path.index(follower):]
        path.append(follower)
    return []


def problems(objects):
    edges = objects.edges()
    found = []
    for layer in sorted(set(objects.layer.values()) - set(USES)):
        found.append(f"{layer} is not a layer: see USES in tools/check_symbols.py")
    for (layer, other), reasons in sorted(edges.items()):
        if other not in USES.get(layer, []):
            found += [f"{layer} may not use {other}:", *(f"  {reason}" for reason in reasons)]
    if layers := circle(edges):
        found.append("a circle: " + " -> ".join([*layers, layers[0]]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nm", default="nm", help="the program that lists symbols (default: nm)")
    parser.add_argument("--edges", action="store_true", help="print who uses whom, and why")
    parser.add_argument("list", type=pathlib.Path, help="a file that names the object files, one in a line")
    arguments = parser.parse_args()

    objects = Objects()
    objects.read(arguments.list.read_text().split(), arguments.nm)
    if arguments.edges:
        for (layer, other), reasons in sorted(objects.edges().items()):
            print(f"{layer} -> {other}", *reasons, sep="\n  ")
    found = problems(objects)
    print("\n".join(found) if found else f"{len(objects.layer)} objects: each layer uses what is below it.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
