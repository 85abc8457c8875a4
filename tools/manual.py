#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes sources of the code in the documents, so that it is compiled and run: build/<preset>/tests/manual/.

  - In a document each block that begins with ```cpp is code; in a header, what stands in a comment three columns to the
    right of its text, lists apart.
  - A block with `int main()` is a program. It is compiled as it stands, and run: it has to end by itself, with 0.
  - A block with a TEST or ASYNC_TEST is run as a test.
  - A block that has a statement outside of all functions is the body of a coroutine; paragraphs at its head that have
    none stand before that: g++ refuses the declaration of a function in a coroutine. Any other has declarations.
  - Each block is alone: it sees none of the others. One that includes nothing sees all of asyncio, some headers of the
    standard library, and, unless it is a program, tests/manual/<document>.h: what the document takes for granted. For a
    header that has no such file, that is tests/manual/world.h.
  - What is left out, `...` at the end of a line or of a pair of braces, throws: it fits everywhere.
  - ```cpp sigterm is a program that waits for SIGTERM, and gets one once it does.
  - ```cpp no-run is only compiled, ```cpp no-build not even that: what must not be written, or is not whole. For the
    third block of a header, tests/manual/<header>.h says so: // no-build: 3.

Prints the names of the sources. They are written only where they have changed, so that nothing is compiled in vain.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRELUDES = pathlib.Path("tests/manual")

FENCE = re.compile(r"^```(.*)$")
HEADER_CODE = re.compile(r"^\s*//   (?P<code>.*\S.*)$")
HEADER_BLANK = re.compile(r"^\s*//\s*$")
INCLUDE = re.compile(r"^\s*#\s*include\b")
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.DOTALL)
PROGRAM = re.compile(r"^int main\(", re.MULTILINE)
TEST = re.compile(r"^(?:ASYNC_|ASYNC_IO_)?TEST(?:_F)?\(", re.MULTILINE)
# A statement: a keyword; a call, in front of which a declaration would have a type; a variable that is made by a call.
STATEMENT = re.compile(r"\b(?:co_await|co_return|co_yield|for|while|do|if|switch|try|throw|return)\b"
                       r"|(?:^|[;}])\s*(?!static_assert)[\w:.>-]+(?:<[^;{]*?>)?\(.*?\)[^;{]*;"
                       r"|=\s*[\w:.<>-]+\(", re.DOTALL)

LEFT_OUT = re.compile(r"(?<![\w.(])\.\.\.(?=\s*(?:\}|//|$))", re.MULTILINE)

FRAGMENT_INCLUDES = """\
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>
"""


USING = """\
using namespace asyncio;
using namespace std::chrono_literals;
"""


class Block:
    def __init__(self, document, line, words, lines):
        self.document = document
        self.line = line  # of the first line of code
        self.words = words
        self.lines = lines
        self.plain = outside_of_braces("\n".join(lines))

    @property
    def name(self):
        return f"line_{self.line}"

    def is_program(self):
        return PROGRAM.search(self.plain) is not None

    def is_body(self):
        return not TEST.search(self.plain) and STATEMENT.search(self.plain) is not None

    def lines_of_declarations(self):
        """How many lines of the block are paragraphs of declarations, which a body cannot have."""
        start = 0
        for end in [number for number, line in enumerate(self.lines) if not line.strip()]:
            paragraph = "\n".join(self.lines[start:end])
            if paragraph.count("{") != paragraph.count("}"):
                continue  # within one
            if STATEMENT.search(outside_of_braces(paragraph)):
                break
            start = end + 1
        return start

    def includes(self):
        return [line for line in self.lines if INCLUDE.match(line)]

    def code(self, start=0, end=None):
        # An include goes to the top, and its line stays empty: the compiler's messages name the lines of the document.
        # They do not name the document itself: g++ 14 breaks down where an unnamed namespace seems to be in a header.
        lines = ["" if INCLUDE.match(line) else line for line in self.lines[start:end]]
        code = LEFT_OUT.sub('throw "left out";', "\n".join(lines))
        return f"#line {self.line + start}\n{code}"


def outside_of_braces(code):
    """The code without comments and strings, and with an empty pair for each pair of braces."""
    code = "\n".join("" if line.lstrip().startswith("#") else line for line in NOISE.sub("", code).splitlines())
    text, depth = [], 0
    for char in code:
        depth -= char == "}"
        if depth == 0:
            text.append(char)
        depth += char == "{"
    return "".join(text)


def blocks_of_document(path):
    block, words = None, []
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if not fence:
            if block is not None:
                block.append(line)
        elif block is None:
            words, block, first = fence[1].split(), [], number + 1
        else:
            if words[:1] == ["cpp"]:
                yield Block(path, first, words[1:], block)
            block = None


def blocks_of_header(path):
    prelude = ROOT / PRELUDES / path.name
    marks = re.findall(r"^// no-build:(.*)$", prelude.read_text(), re.MULTILINE) if prelude.exists() else []
    left_out = {int(number) for mark in marks for number in mark.replace(",", " ").split()}
    block, count = [], 0
    for number, line in enumerate([*(ROOT / path).read_text().splitlines(), ""], 1):
        if code := HEADER_CODE.match(line):
            block.append(code["code"])
        elif block and HEADER_BLANK.match(line):
            block.append("")
        elif block:
            if not block[0].startswith("- "):
                count += 1
                yield Block(path, number - len(block), ["no-build"] if count in left_out else [], block)
            block = []



def program_source(block):
    call = "run_until_sigterm(main_of_program)" if "sigterm" in block.words else "main_of_program()"
    test = "" if "no-run" in block.words else (
        '\n#include "tests/manual/run_until_sigterm.h"\n\n#include <gtest/gtest.h>\n\n'
        f"TEST(Manual, {block.document.stem}_{block.name}) {{ EXPECT_EQ({call}, 0); }}\n")
    includes = "\n".join(block.includes()) or FRAGMENT_INCLUDES + USING
    code = PROGRAM.sub("int main_of_program(", block.code())
    return f"{includes}\n\nnamespace {{\n{code}\n}}  // namespace\n{test}"


def fragments_source(document, blocks):
    prelude = PRELUDES / f"{document.stem}.h"
    if document.suffix == ".h" and not (ROOT / prelude).exists():
        prelude = PRELUDES / "world.h"
    includes = [FRAGMENT_INCLUDES, *sorted({line for block in blocks for line in block.includes()})]
    if document.suffix == ".h":
        includes.append(f"#include <{document.relative_to('include')}>")
    if (ROOT / prelude).exists():
        includes.append(f'#include "{prelude}"')
    parts = ["\n".join(includes), "namespace {", USING]
    for block in blocks:
        parts.append(f"namespace {block.name} {{")
        if block.is_body():
            start = block.lines_of_declarations()
            parts += [block.code(0, start)] if start else []
            parts += ["Coro<> statements() {", block.code(start), "co_return;\n}"]
        else:
            parts.append(block.code())
        parts.append("}")
    return "\n".join([*parts, "}  // namespace\n"])


def sources_of(document):
    """Pairs of a name and a text."""
    find = blocks_of_header if document.suffix == ".h" else blocks_of_document
    blocks = [block for block in find(document) if "no-build" not in block.words]
    programs = [block for block in blocks if block.is_program()]
    fragments = [block for block in blocks if not block.is_program()]
    for block in programs:
        yield f"{document.stem}_{block.name}.cpp", program_source(block)
    if fragments:
        yield f"{document.stem}.cpp", fragments_source(document, fragments)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the directory for the sources")
    parser.add_argument("documents", type=pathlib.Path, nargs="+", metavar="DOCUMENT",
                        help="documents and headers, by their paths in the project")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for document in arguments.documents:
        for name, text in sources_of(document):
            text = f"// Made of {document} by tools/manual.py.\n{text}"
            path = arguments.out / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
