#!/usr/bin/env python3
"""Checks the imports between modules, by the `use` lines and paths in the code.

    .ci/imports.py        fails on an import of a higher floor of the SDK, and on a cycle in a crate
    .ci/imports.py -v     also prints all imports
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# From the bottom up. A module imports only from its own floor and those below (ARCHITECTURE.md).
FLOORS = [
    ["env", "error", "secret", "redact", "shared"],
    ["request", "model"],
    ["operation", "oauth", "webhook"],
    ["transport"],
    ["client", "tokens", "inbox", "quota"],
    ["axum", "actix", "tower"],
]
CRATES = ["src", "crates/kenar-sandbox/src", "crates/kenar-store/src"]


def code(path):
    """The code of a file, without comments and tests."""
    text = path.read_text(encoding="utf-8").split("#[cfg(test)]\nmod tests", 1)[0]
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("//") and 'doc = "' not in line)
    return "\n".join(lines)


def module_of(path, source):
    parts = list(path.relative_to(source).with_suffix("").parts)
    return tuple(part for part in parts if part not in ("lib", "mod", "main"))


def leaves(tree):
    """The paths in a `use`: `a::{b, c::d}` has a::b and a::c::d."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if not brace:
        return [tree.split(" as ")[0].strip()]
    inside, depth, part, found = rest[: rest.rindex("}")], 0, "", []
    for character in inside + ",":
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            found += [head + leaf for leaf in leaves(part)] if part.strip() else []
            part = ""
        else:
            part += character
    return found


def resolved(path, own):
    """A path as modules from the root of the crate, or None if it leads out of the crate."""
    parts = path.split("::")
    if parts[0] == "crate":
        return tuple(parts[1:])
    if parts[0] == "self":
        return own + tuple(parts[1:])
    at = own
    while parts and parts[0] == "super":
        at, parts = at[:-1], parts[1:]
    return at + tuple(parts) if path.startswith("super") else None


def imports(path, source):
    own = module_of(path, source)
    text = code(path)
    found = set()
    for visibility, tree in re.findall(r"^\s*(pub(?:\([\w ]+\))? )?use ([^;]+);", text, re.M):
        # A re-export is not an import.
        if not visibility:
            found |= {resolved(leaf, own) for leaf in leaves(re.sub(r"\s+", " ", tree))}
    without_uses = re.sub(r"^\s*(pub(?:\([\w ]+\))? )?use [^;]+;", "", text, flags=re.M)
    found |= {resolved(path, own) for path in re.findall(r"\b(?:crate|super)(?:::\w+)+", without_uses)}
    return {target for target in found if target}


def graph(source):
    files = {module_of(path, source): path for path in source.rglob("*.rs") if "bin" not in path.parts and path.name != "tests.rs"}
    edges = {}
    for module, path in files.items():
        targets = set()
        for target in imports(path, source):
            # The longest prefix that is a file.
            while target and target not in files:
                target = target[:-1]
            if target and target != module:
                targets.add(target)
        edges[module] = targets
    return edges


def cycles(edges):
    """Sets of files that import each other, directly or not (Tarjan's algorithm)."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        for target in edges.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in on_stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while True:
                member = stack.pop()
                on_stack.discard(member)
                component.append(member)
                if member == node:
                    break
            if len(component) > 1:
                found.append(sorted("::".join(member) for member in component))

    sys.setrecursionlimit(10_000)
    for node in edges:
        if node not in index:
            visit(node)
    return found


def main():
    wrong = []
    floor_of = {module: number for number, floor in enumerate(FLOORS) for module in floor}
    for name in CRATES:
        source = ROOT / name
        edges = graph(source)
        if "-v" in sys.argv:
            for module, targets in sorted(edges.items()):
                print("::".join(module) or "(root)", "->", ", ".join(sorted("::".join(target) for target in targets)))
        if name == "src":
            for module, targets in edges.items():
                if not module or module[0] in ("guide", "lib"):
                    continue
                if module[0] not in floor_of:
                    wrong.append(f"{module[0]} has no floor: give it one here and in ARCHITECTURE.md")
                    continue
                for target in targets:
                    if floor_of.get(target[0], 0) > floor_of[module[0]]:
                        wrong.append(f"{'::'.join(module)} imports from a higher floor: {'::'.join(target)}")
        wrong += [f"{name}: a cycle of {', '.join(cycle)}" for cycle in cycles(edges)]
        print(f"{name}: {len(edges)} modules, {sum(map(len, edges.values()))} imports")
    if wrong:
        sys.exit("\n".join(sorted(set(wrong))))


main()
