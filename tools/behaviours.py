#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes docs/behaviours.md, which says for each numbered behaviour of asyncio which test holds us to it, or how and why
we differ. A test names its numbers in the comment lines directly above it (`// BH-LOCK-01, BH-LOCK-04`).
docs/behaviours.txt lists the families and how many numbers each has; what differs, does not apply or is not written
yet is a line there (`BH-LOCK-06 | differs | why`, or `n/a`, or `planned`). With --check nothing is written: the exit
code is 1 where the page is out of date, a number has neither a test nor a reason, or a comment names a number where no
test follows."""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "behaviours.md"
NOTES = ROOT / "docs" / "behaviours.txt"
NUMBER = re.compile(r"BH-([A-Z]+)-(\d+)")
TEST = re.compile(r"^\s*(?:ASYNC_TEST|ASYNC_IO_TEST|TEST|TEST_F|TEST_P|TYPED_TEST)\((\w+),\s*(\w+)\)")
STREAM_TEST = re.compile(r"^\s*(?:EVEN_)?STREAM_TEST\((\w+)\)")  # one on each kind of stream: MemoryStream, ...
KINDS = ("differs", "n/a", "planned")


def read_notes():
    """[(family, how many, title)], and number -> (kind, why)"""
    families, notes = [], {}
    for line in NOTES.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|", 2)]
        if len(parts) == 1:
            name, count, title = line.split(maxsplit=2)
            families.append((name, int(count), title))
            continue
        found = NUMBER.fullmatch(parts[0])
        if not found or len(parts) != 3 or parts[1] not in KINDS or not parts[2]:
            sys.exit(f"{NOTES.name}: not of the form 'BH-FAMILY-NN | {' or '.join(KINDS)} | why': {line}")
        key = (found[1], int(found[2]))
        if found[1] != families[-1][0] or key in notes:
            sys.exit(f"{NOTES.name}: of another family, or there twice: {line}")
        notes[key] = (parts[1], parts[2])
    return families, notes


def name_of_test(line):
    """suite.name; none where the line begins no test"""
    if found := TEST.match(line):
        return f"{found[1]}.{found[2]}"
    if found := STREAM_TEST.match(line):
        return f"*Stream.{found[1]}"
    return None


def read_tests():
    """number -> [(suite.name, file)], and the comments that are above no test"""
    tests, stray = {}, []
    for path in sorted((ROOT / "tests").rglob("*_test.cpp")):
        file = path.relative_to(ROOT).as_posix()
        pending = []
        lines = path.read_text().splitlines()
        for index, line in enumerate(lines + [""]):
            if line.lstrip().startswith("//"):
                pending += [(family, int(number), index + 1) for family, number in NUMBER.findall(line)]
                continue
            # clang-format may break the line behind the opening parenthesis.
            name = name_of_test(line if line.rstrip().endswith("{") else line + "".join(lines[index + 1 : index + 2]))
            for family, number, at in pending:
                if name is None:
                    if not line.startswith("static_assert"):  # which shows something too
                        stray.append(f"{file}:{at}: BH-{family}-{number:02} stands above no test")
                elif (name, file) not in (known := tests.setdefault((family, number), [])):
                    known.append((name, file))
            pending = []
            stray += [f"{file}:{index + 1}: {found[0]} stands above no test" for found in NUMBER.finditer(line)]
    return tests, stray


def make_page():
    (families, notes), (tests, missing) = read_notes(), read_tests()
    kinds = {"kept": 0, "differs": 0, "n/a": 0, "planned": 0}
    body = []
    for family, count, title in families:
        body += ["", f"## {title}", "", "| number | | where |", "|---|---|---|"]
        for number in range(1, count + 1):
            key = (family, number)
            name = f"BH-{family}-{number:02}"
            links = "<br>".join(f"[{test}](../{file})" for test, file in tests.get(key, [])).replace("*", r"\*")
            kind, why = notes.get(key, ("kept", ""))
            if kind == "kept" and not links:
                missing.append(f"{name}: no test and no reason")
                body.append(f"| {name} | **open** | |")
                continue
            if kind == "differs" and not links:
                missing.append(f"{name}: differs, and no test shows how")
            if kind in ("n/a", "planned") and links:
                missing.append(f"{name}: {kind}, and yet a test is said to show it")
            kinds[kind] += 1
            body.append(f"| {name} | {kind} | {'<br>'.join(filter(None, (why, links)))} |")
    known = {(family, number) for family, count, _ in families for number in range(1, count + 1)}
    for family, number in sorted((set(tests) | set(notes)) - known):
        missing.append(f"BH-{family}-{number:02}: no such behaviour")
    head = [
        "# Behaviours",
        "",
        "What Python's asyncio does, numbered, and the test that holds this library to it. *differs*: on purpose, and",
        "the test shows how; *n/a*: it has no meaning in C++; *planned*: what it speaks of is not written yet. A test",
        "`*Stream.name` runs on every kind of stream. Made from the tests by `tools/behaviours.py`; do not edit it.",
        "",
        f"{kinds['kept']} kept, {kinds['differs']} differ, {kinds['n/a']} do not apply, {kinds['planned']} planned.",
    ]
    return "\n".join(head + body) + "\n", missing


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail where something is missing or out of date")
    check = parser.parse_args().check
    page, missing = make_page()
    for line in missing:
        print(line)
    if not check:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        print("docs/behaviours.md is out of date: run tools/behaviours.py")
        missing.append("page")
    print(f"behaviours: {len(missing)} open")
    sys.exit(1 if missing and check else 0)


if __name__ == "__main__":
    main()
