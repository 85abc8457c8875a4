#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of tools/manual.py: what it takes for code, and what it makes of it."""

import importlib.util
import pathlib
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "manual.py"
specification = importlib.util.spec_from_file_location("manual", TOOL)
manual = importlib.util.module_from_spec(specification)
specification.loader.exec_module(manual)


def block(code, *words):
    return manual.Block(pathlib.Path("docs/example.md"), 10, list(words), code.splitlines())


class Manual(unittest.TestCase):
    def sources(self, name, text, prelude=None):
        with tempfile.TemporaryDirectory() as root:
            manual.ROOT = pathlib.Path(root)
            (manual.ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (manual.ROOT / name).write_text(text)
            if prelude is not None:
                (manual.ROOT / manual.PRELUDES).mkdir(parents=True)
                (manual.ROOT / manual.PRELUDES / pathlib.Path(name).name).with_suffix(".h").write_text(prelude)
            return dict(manual.sources_of(pathlib.Path(name)))

    def test_statements_outside_of_functions_make_a_body(self):
        for code in ["co_await sleep(1s);", "for (int i : list) use(i);", 'log("x");', "queue.put_nowait(1);",
                     "write_be<int>(writer, 80);",
                     "auto task = create_task(f());", "std::string text;\nif (text.empty()) return;"]:
            self.assertTrue(block(code).is_body(), code)

    def test_declarations_make_none(self):
        for code in ["Coro<> f() {\n  co_await sleep(1s);\n}", "struct A {\n  int b = f();\n};", "Coro<> f(int);",
                     "std::vector<int> f(int);", "int x = 1;  // co_await",
                     "template <class T>\nCoro<T> g(T) { co_return T(); }",
                     "static_assert(sizeof(int) == 4);", "#include <vector>\nstd::vector<int> v{f(), g()};"]:
            self.assertFalse(block(code).is_body(), code)

    def test_what_is_left_out_throws(self):
        self.assertIn('{ throw "left out"; }', block("with(x, []() -> Coro<> { ... });").code())
        self.assertIn('throw "left out";  // and so on', block("f();\n...  // and so on").code())
        for code in ["template <class... T> void f(T... t) { g(t...); }", "try { f(); } catch (...) { }"]:
            self.assertTrue(block(code).code().endswith(code), code)

    def test_a_test_is_no_body(self):
        self.assertFalse(block("ASYNC_TEST(A, b) {\n  co_await f();\n}").is_body())

    def test_braces_and_words_in_strings_and_comments_do_not_count(self):
        self.assertFalse(block('Coro<> f() {\n  print("}"); /* } */ // }\n  co_await g();\n}').is_body())
        self.assertFalse(block('const char* text = "co_await x;";').is_body())

    def test_each_program_is_a_source_of_its_own_and_the_rest_share_one(self):
        made = self.sources("a.md", "```cpp\nint main() { return 0; }\n```\n\n```cpp\nint x;\n```\n```cpp\nf();\n```\n")
        self.assertEqual(sorted(made), ["a.cpp", "a_line_2.cpp"])
        self.assertIn("TEST(Manual, a_line_2) { EXPECT_EQ(main_of_program(), 0); }", made["a_line_2.cpp"])
        self.assertIn("namespace line_6 {\n#line 6", made["a.cpp"])
        self.assertIn("namespace line_9 {\nCoro<> statements() {\n#line 9", made["a.cpp"])

    def test_declarations_at_the_head_of_a_body_stand_before_it(self):
        code = "Coro<> f() {\n  co_await a();\n\n  co_await b();\n}\n\nco_await f();\n"
        made = self.sources("a.md", f"```cpp\n{code}```\n")
        self.assertIn("co_await b();\n}\n\nCoro<> statements() {\n#line 8\nco_await f();\nco_return;", made["a.cpp"])

    def test_a_header_takes_the_rest_of_the_world_for_granted(self):
        made = self.sources("include/asyncio/lock.h", "//   f();\n")["lock.cpp"]
        self.assertIn("#include <asyncio/lock.h>", made)

    def test_a_program_that_includes_something_gets_nothing_else(self):
        made = self.sources("a.md", "```cpp\n#include <vector>\n\nint main() {}\n```\n```cpp\nint main() {}\n```\n")
        self.assertTrue(made["a_line_2.cpp"].startswith("#include <vector>\n\nnamespace {"))
        self.assertTrue(made["a_line_7.cpp"].startswith("#include <asyncio/asyncio.h>"))

    def test_marks_say_what_is_not_run_and_what_is_not_built(self):
        made = self.sources("a.md", "```cpp no-run\nint main() {}\n```\n```cpp sigterm\nint main() {}\n```\n"
                                    "```cpp no-build\nf(;\n```\n```python\nx\n```\n```\ny\n```\n")
        self.assertEqual(sorted(made), ["a_line_2.cpp", "a_line_5.cpp"])
        self.assertNotIn("TEST(", made["a_line_2.cpp"])
        self.assertIn("run_until_sigterm(main_of_program)", made["a_line_5.cpp"])

    def test_code_in_comments_of_a_header_is_found_and_lists_are_not(self):
        text = ("// A lock.\n//\n//   auto held = co_await lock.scoped();\n//\n//   use(held);\n//\n// Fair:\n"
                "//   - first come\n//   - first served\nclass Lock {\n  // As in\n  //   lock.release();\n"
                "  void release();\n};\n")
        made = self.sources("include/asyncio/lock.h", text)["lock.cpp"]
        self.assertIn("\n#line 3\n", made)
        self.assertIn("auto held = co_await lock.scoped();\n\nuse(held);", made)
        self.assertIn("namespace line_12 {", made)
        self.assertNotIn("first come", made)
        made = self.sources("include/asyncio/lock.h", text, prelude="// no-build: 2\n")["lock.cpp"]
        self.assertNotIn("namespace line_12 {", made)
        self.assertIn('#include "tests/manual/lock.h"', made)


if __name__ == "__main__":
    unittest.main()
