#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of tools/check_symbols.py: what it takes for a use, and for a circle."""

import importlib.util
import pathlib
import unittest

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "check_symbols.py"
specification = importlib.util.spec_from_file_location("check_symbols", TOOL)
check_symbols = importlib.util.module_from_spec(specification)
specification.loader.exec_module(check_symbols)


def objects(**texts):
    """Of one object per layer; `texts` gives what nm says of each."""
    made = check_symbols.Objects()
    for layer, text in texts.items():
        made.layer[f"{layer}/a.cpp"] = layer
        made.add(f"{layer}/a.cpp", text)
    return made


class CheckSymbols(unittest.TestCase):
    def test_a_use_of_a_lower_layer_is_none_of_its_business(self):
        made = objects(base="f(int) T 0 1a\n", loop="f(int) U\ng() T 0 8\n", sync="g() U  \n")
        self.assertEqual(sorted(made.edges()), [("loop", "base"), ("sync", "loop")])
        self.assertEqual(check_symbols.problems(made), [])

    def test_a_use_of_a_higher_layer_is_told_with_its_symbol(self):
        found = check_symbols.problems(objects(loop="tell(a::B const&) U\n", report="tell(a::B const&) T 0 1\n"))
        self.assertEqual(found, ["loop may not use report:",
                                 "  loop/a.cpp needs tell(a::B const&) of report/a.cpp"])

    def test_layers_of_one_height_do_not_use_each_other(self):
        found = check_symbols.problems(objects(report="f() B 0 8\n", threads="f() U\n"))
        self.assertEqual(found[0], "threads may not use report:")

    def test_a_circle_is_told_whichever_layers_make_it(self):
        made = objects(base="f() T 0 1\n", loop="a() T 0 1\nb() U\nf() U\n", net="b() T 0 1\nc() U\n",
                       sync="c() T 0 1\na() U\n")
        self.assertEqual(check_symbols.circle(made.edges()), ["loop", "net", "sync"])
        self.assertIn("a circle: loop -> net -> sync -> loop", check_symbols.problems(made))

    def test_what_headers_define_and_what_is_an_objects_own_belongs_to_nobody(self):
        loop = "f() W 0 1\nv V 0 1\nown t 0 1\nf() U\nown U\nv U\n"
        made = objects(loop=loop, report="f() W 0 1\nv V 0 1\nown t 0 1\n")
        self.assertEqual(made.edges(), {})

    def test_a_folder_that_is_no_layer_is_told(self):
        self.assertIn("extra is not a layer: see USES in tools/check_symbols.py",
                      check_symbols.problems(objects(extra="f() T 0 1\n")))


if __name__ == "__main__":
    unittest.main()
