"""Reads `cargo metadata`, and fails if a dependency that users build declares a newer Rust than kenar does."""

import json
import sys


def version(text):
    return tuple(int(part) for part in (text.split(".") + ["0", "0"])[:3])


metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
published = [id for id in metadata["workspace_members"] if packages[id]["publish"] is None]
own = packages[published[0]]["rust_version"]

seen, queue = set(published), list(published)
while queue:
    for dependency in nodes[queue.pop()]["deps"]:
        # actix-web also builds with an older `time`; the locked one is newer because of an advisory.
        built = any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]) and dependency["name"] != "actix_web"
        if built and dependency["pkg"] not in seen:
            seen.add(dependency["pkg"])
            queue.append(dependency["pkg"])

newer = [
    f'{packages[id]["name"]} {packages[id]["version"]} needs Rust {packages[id]["rust_version"]}'
    for id in seen
    if packages[id]["rust_version"] and version(packages[id]["rust_version"]) > version(own)
]
if newer:
    sys.exit(f"kenar declares Rust {own}, but\n" + "\n".join(sorted(newer)))
print(f"{len(seen)} dependencies declare Rust {own} or older")
