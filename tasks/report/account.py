"""The sections that account for a run: seconds and bytes of each step, the gate's verdicts, what came from what."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.report.blocks import Block, Section, Words, table
from tasks.report.svg import bars
from tasks.store.artifacts import MANIFEST
from tasks.store.step import input_keys
from tasks.tables.views import Tables
from tasks.tracking.registry import Version


def steps(tables: Tables, record: Mapping[str, Any]) -> Section | None:
    """What each step took when it was computed, in this run or an earlier one, and what it left."""
    rows, seconds, sizes = list[dict[str, Any]](), dict[str, float](), dict[str, float]()
    for step in record["steps"]:
        label = step["step"]
        manifests = [json.loads((folder / MANIFEST).read_text()) for folder in tables.parts(label).values()]
        seconds[label] = sum(manifest["seconds"] for manifest in manifests)
        sizes[label] = sum(file["bytes"] for manifest in manifests for file in manifest["files"].values())
        state = {"step": label, "state": step["state"], "seconds in this run": step["seconds"]}
        work = {"seconds when computed": seconds[label], "bytes": sizes[label]}
        rows.append({**state, **work, "key": (step["key"] or "")[:12], "reason": step["reason"]})
    if not rows:
        return None
    made = {label: value for label, value in seconds.items() if value >= 0.05}
    blocks: list[Block] = [
        bars("Seconds, when computed", "step", "seconds", made),
        bars("Bytes left in the store", "step", "bytes", {label: size for label, size in sizes.items() if size}),
        table("Every step of this run", rows),
    ]
    return Section("steps", "Seconds and bytes", blocks)


def verdicts(versions: Sequence[Version]) -> Section | None:
    """What the gate said of each version of this run, against whom, and why."""
    if not versions:
        return None
    rows = [
        {
            "version": f"{version.name}/{version.version}",
            "aliases": ", ".join(version.aliases) or "none",
            "verdict": version.tags.get("verdict", "none"),
        }
        for version in versions
    ]
    said = Words("A version becomes champion only where a paired test over the same items allows it.")
    reasons = [(f"{version.name}/{version.version}", version.tags.get("reasons")) for version in versions]
    why = [Words(f"{name}: {told}.") for name, told in reasons if told]
    return Section("gate", "The gate's verdict", [said, table("Registered versions", rows), *why])


def lineage(tables: Tables, record: Mapping[str, Any], versions: Sequence[Version]) -> Section | None:
    """Recipe → run → artifacts → versions, by key."""
    manifests = [
        json.loads((Path(folder) / MANIFEST).read_text())
        for step in record["steps"]
        for folder in tables.parts(step["step"]).values()
    ]
    if not manifests:
        return None
    names = {manifest["key"]: manifest["step"] for manifest in manifests}
    rows = [
        {
            "step": manifest["step"],
            "key": manifest["key"][:12],
            "made from": ", ".join(f"{names.get(key, '?')} {key[:12]}" for key in input_keys(manifest["inputs"]))
            or "the sources",
            "content": manifest["sha256"][:12],
        }
        for manifest in manifests
    ]
    commit = manifests[-1].get("git_commit") or "unknown"
    said = Words(
        f"Recipe {record['recipe']} → run {record['run']} (code {commit}) → {len(manifests)} artifacts → "
        f"{', '.join(f'{v.name}/{v.version}' for v in versions) or 'no registered version'}. "
        "What one document became: triptych trace DOCUMENT."
    )
    blocks: list[Block] = [said, table("Artifacts and what they were made from", rows)]
    if versions:
        tags = ("parent", "weights_key", "data_fingerprint")
        models = [
            {"version": f"{v.name}/{v.version}", "published by": v.tags.get("run", "")}
            | {tag.replace("_", " "): v.tags.get(tag, "")[:24] or "–" for tag in tags}
            for v in versions
        ]
        blocks.append(table("Versions and their parents", models))
    environment = manifests[-1]["environment"]
    libraries = {
        name: version for manifest in manifests for name, version in manifest["environment"]["libraries"].items()
    }
    machine = {name: environment[name] for name in ("python", "cpu", "threads")}
    found = [{"what": name, "version": str(version)} for name, version in {**machine, **libraries}.items()]
    return Section("lineage", "Where it comes from", [*blocks, table("Made with", found)])
