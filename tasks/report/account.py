"""The sections that account for a run: time and size of each step, the gate's verdicts, lineage."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.home import Home
from tasks.readable_numbers import bytes_in_words
from tasks.register.ancestry import Ancestor, family_trees
from tasks.report.blocks import Block, Branch, Paragraph, Section, Tree, table
from tasks.report.svg import bars
from tasks.store.step import input_keys
from tasks.store.verification import read_manifest
from tasks.tables.views import RunTables
from tasks.tracking.model_version import Version


def steps(tables: RunTables, record: Mapping[str, Any]) -> Section | None:
    """The time of each step when it was computed, in this run or an earlier one, and the size of its artifacts."""
    rows, seconds, sizes = list[dict[str, Any]](), dict[str, float](), dict[str, float]()
    for step in record["steps"]:
        label = step["step"]
        manifests = [read_manifest(folder) for folder in tables.partitions(label).values()]
        seconds[label] = sum(manifest["seconds"] for manifest in manifests)
        sizes[label] = sum(file["bytes"] for manifest in manifests for file in manifest["files"].values())
        state = {"step": label, "state": step["state"], "seconds in this run": step["seconds"]}
        work = {"seconds when computed": seconds[label], "size": bytes_in_words(sizes[label])}
        rows.append({**state, **work, "key": (step["key"] or "")[:12], "reason": step["reason"]})
    if not rows:
        return None
    made = {label: value for label, value in seconds.items() if value >= 0.05}
    blocks: list[Block] = [
        bars("Time when computed, in seconds", "step", "seconds", made),
        bars("Size in the store, in MB", "step", "MB", {label: size / 1e6 for label, size in sizes.items() if size}),
        table("Every step of this run", rows),
    ]
    return Section("steps", "Time and storage", blocks)


def verdicts(versions: Sequence[Version]) -> Section | None:
    """The gate's verdict on each version of this run, with its reasons."""
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
    rule = Paragraph("A version becomes champion only if a paired test over the same items allows it.")
    reasons = [(f"{version.name}/{version.version}", version.tags.get("reasons")) for version in versions]
    why = [Paragraph(f"{name}: {sentences}.") for name, sentences in reasons if sentences]
    return Section("gate", "The gate's verdict", [rule, table("Registered versions", rows), *why])


def family(home: Home, versions: Sequence[Version]) -> Section | None:
    """What the run's models began from, and what else began from the same."""
    names = {version.full_name for version in versions}
    trees = [tree for tree in family_trees(home) if names & set(tree.names())]
    if not trees:
        return None
    title = "Each model below the one that it began from, with the score by which it is judged (strongest baseline)"
    return Section("family", "Family tree", [Tree(title, [_branch(tree) for tree in trees])])


def _branch(node: Ancestor) -> Branch:
    about = " · ".join(filter(None, (node.judged_by, node.verdict, node.made_by)))
    return Branch(node.name, about, node.is_champion, [_branch(child) for child in node.children])


def lineage(tables: RunTables, record: Mapping[str, Any], versions: Sequence[Version]) -> Section | None:
    """Recipe → run → artifacts → versions, by key."""
    manifests = [
        read_manifest(folder) for step in record["steps"] for folder in tables.partitions(step["step"]).values()
    ]
    if not manifests:
        return None
    names = {manifest["key"]: manifest["step"] for manifest in manifests}
    rows = [
        {
            "step": manifest["step"],
            "key": manifest["key"][:12],
            "inputs": ", ".join(f"{names.get(key, '?')} {key[:12]}" for key in input_keys(manifest["inputs"]))
            or "the sources",
            "content": manifest["sha256"][:12],
        }
        for manifest in manifests
    ]
    commit = manifests[-1].get("git_commit") or "unknown"
    summary = Paragraph(
        f"Recipe {record['recipe']} → run {record['run']} (code {commit}) → {len(manifests)} artifacts → "
        f"{', '.join(f'{v.name}/{v.version}' for v in versions) or 'no registered version'}. "
        "To follow one document: triptych trace DOCUMENT."
    )
    blocks: list[Block] = [summary, table("Artifacts and their inputs", rows)]
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
    builds = [{"part": name, "version": str(version)} for name, version in {**machine, **libraries}.items()]
    return Section("lineage", "Where it comes from", [*blocks, table("Libraries and machine", builds)])
