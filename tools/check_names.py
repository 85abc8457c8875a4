#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks which names the headers give to their users.

Who writes `using namespace asyncio;` gets what stands in that namespace, and nothing else: tools/public_names.txt lists
it, header by header. What is for those who write primitives and transports is in asyncio::lowlevel, and what templates
need in asyncio::detail. A header of include/asyncio/detail may define what a public one has declared. No public class
derives publicly from a class of detail: its members would be everybody's.

    check_names.py            says what is wrong
    check_names.py --write    makes the list anew
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include" / "asyncio"
LIST = ROOT / "tools" / "public_names.txt"
ABI = "ASYNCIO_ABI"

OPENING, CLOSING = "([{", ")]}"
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'', re.S)
TOKEN = re.compile(r"\w+|::|->|\S")


def tokens_of(text):
    text = COMMENT_OR_STRING.sub(lambda found: ' "" ' if found[0][0] == '"' else " ", text)
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", "", text, flags=re.M)
    return TOKEN.findall(text)


def end_of_group(tokens, start):
    """Behind the bracket that closes the one at `start`."""
    depth = 0
    for at in range(start, len(tokens)):
        depth += (tokens[at] in OPENING) - (tokens[at] in CLOSING)
        if depth == 0:
            return at + 1
    raise ValueError("a bracket that is never closed: " + " ".join(tokens[start : start + 20]))


def end_of_angles(tokens, start):
    """The same for the < at `start`."""
    depth, at = 0, start
    while True:
        if tokens[at] in OPENING:
            at = end_of_group(tokens, at)
            continue
        depth += (tokens[at] == "<") - (tokens[at] == ">")
        at += 1
        if depth == 0:
            return at


def end_of_declaration(tokens, start):
    at, in_requirement = start, False
    while tokens[at] != ";":
        if tokens[at] not in OPENING:
            in_requirement = tokens[at] == "requires"
            at += 1
            continue
        is_body = tokens[at] == "{" and not in_requirement
        was_parameters = in_requirement and tokens[at] == "("
        at = end_of_group(tokens, at)
        in_requirement = was_parameters
        if is_body and tokens[at] not in (";", ",", "{", "=", "&", "|", "catch"):
            return at
    return at + 1


def without_head(tokens):
    """Without what stands before a declaration: template <...>, requires ..., [[...]]."""
    while True:
        if tokens[0] == "template" and tokens[1] == "<":
            tokens = tokens[end_of_angles(tokens, 1) :]
        elif tokens[:2] == ["[", "["]:
            tokens = tokens[end_of_group(tokens, 0) :]
        elif tokens[0] == "requires":
            at = 1
            while True:  # terms, joined by && and ||
                if tokens[at] == "requires":
                    at += 1
                    at = end_of_group(tokens, at) if tokens[at] == "(" else at
                    at = end_of_group(tokens, at)
                elif tokens[at] == "(":
                    at = end_of_group(tokens, at)
                else:
                    at += tokens[at] == "!"
                    while tokens[at + 1] in ("::", "<"):
                        at = end_of_angles(tokens, at + 1) - 1 if tokens[at + 1] == "<" else at + 2
                    at += 1
                if tokens[at : at + 2] not in (["&", "&"], ["|", "|"]):
                    break
                at += 2
            tokens = tokens[at:]
        else:
            return tokens


def class_name(tokens):
    """The names that a class or an enum declares; and whether it only says that there is one."""
    at = 1 + (tokens[1] == "class")
    while tokens[at] in ("[", "alignas"):
        at = end_of_group(tokens, at + (tokens[at] == "alignas"))
    if tokens[at + 1] in ("::", "<"):
        return [], False  # a member of another class; of a template that is declared elsewhere
    names = [tokens[at]]
    if tokens[0] == "enum" and tokens[1] != "class" and "{" in tokens:
        body = tokens[tokens.index("{") + 1 : -2]
        names += [word for before, word in zip([","] + body, body) if before == "," and word.isidentifier()]
    return names, tokens[at + 1] == ";"


def declared_name(tokens):
    """The name of a function or a variable; none where it is a member that is defined outside of its class."""
    at = 0
    while tokens[at] not in ("(", "=", "{", ";", "operator"):
        if tokens[at] == "<":
            at = end_of_angles(tokens, at)
        elif tokens[at] == "[":
            at = end_of_group(tokens, at)
        elif tokens[at] in ("decltype", "explicit", "alignas"):
            at = end_of_group(tokens, at + 1)
        else:
            at += 1
    if tokens[at] == "operator" or not tokens[at - 1].isidentifier() or tokens[at - 2] in ("::", "~"):
        return []
    return [tokens[at - 1]]


def names_of(tokens):
    tokens = without_head(tokens)
    first = tokens[0]
    if first in ("class", "struct", "union", "enum"):
        return class_name(tokens)
    if first == "using":
        return ([] if tokens[1] == "namespace" else [tokens[1] if "=" in tokens else tokens[-2]]), False
    if first == "concept":
        return [tokens[1]], False
    if first in ("static_assert", "extern") and '"' in tokens[:3] or first == "static_assert":
        return [], False
    return declared_name(tokens), False


def declarations(path):
    """(namespace, tokens) of each declaration that stands in a namespace."""
    tokens, at, inside = tokens_of(path.read_text()), 0, []
    while at < len(tokens):
        if tokens[at] == "namespace":
            start, at = at + 1, tokens.index("{", at) + 1
            inside.append([word for word in tokens[start : at - 1] if word not in ("inline", "::", ABI)])
        elif tokens[at] == "}":
            inside.pop()
            at += 1
        else:
            end = end_of_declaration(tokens, at)
            yield "::".join(sum(inside, [])), tokens[at:end]
            at = end


def public_bases(tokens):
    """The classes that a class derives from publicly, as text."""
    tokens = without_head(tokens)
    if tokens[0] not in ("class", "struct") or "{" not in tokens or ":" not in tokens[: tokens.index("{")]:
        return []
    at, bases, access = tokens.index(":") + 1, [[]], "public" if tokens[0] == "struct" else "private"
    while tokens[at] != "{":
        end = end_of_angles(tokens, at) if tokens[at] == "<" else at + 1
        if tokens[at] == ",":
            bases.append([])
        else:
            bases[-1] += tokens[at:end]
        at = end
    rights = ("public", "protected", "private")
    return [" ".join(word for word in base if word not in (*rights, "virtual")) for base in bases
            if ([word for word in base if word in rights] or [access])[0] == "public"]


def main():
    found, elsewhere, wrong = {}, {}, []
    for path in sorted(INCLUDE.rglob("*.h")):
        zone = path.parent.name if path.parent != INCLUDE else ""
        header = str(path.relative_to(INCLUDE))
        for namespace, tokens in declarations(path):
            names, forward = names_of(tokens)
            if namespace == "asyncio":
                if zone == "":
                    if not forward:
                        found.setdefault(header, set()).update(names)
                    if names and any(base.startswith("detail ::") for base in public_bases(tokens)):
                        wrong.append(f"{header}: {' '.join(names)} derives publicly from a class of detail")
                elif not forward:
                    elsewhere.setdefault(header, set()).update(names)
            elif zone and names and not forward and namespace not in (f"asyncio::{zone}", "asyncio::detail"):
                wrong.append(f"{header}: {' '.join(names)} stands in namespace {namespace}")
    text = "".join(f"{header}: {' '.join(sorted(names))}\n" for header, names in sorted(found.items()) if names)
    public = set().union(*found.values())
    for header, names in elsewhere.items():
        wrong += [f"{header}: no public header declares {name}" for name in sorted(names - public)]
    if "--write" in sys.argv:
        LIST.write_text(text)
    listed = LIST.read_text().splitlines() if LIST.exists() else []
    declared = text.splitlines()
    wrong += [f"{line}\n  is declared, and not in {LIST.name}" for line in declared if line not in listed]
    wrong += [f"{line}\n  is in {LIST.name}, and not declared" for line in listed if line not in declared]
    print("\n".join(wrong) or f"{len(public)} names in namespace asyncio")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
