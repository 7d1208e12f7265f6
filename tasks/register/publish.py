"""Publish: each packaged role becomes one version, the gate judges it against the champion, aliases follow.

Never cached and safe to repeat: a version is identified by its package's content, and the verdict on a pair (package,
champion) is reached once and acted on once. So a cached run never undoes a rollback, and two runs never publish twice.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tasks.comparison.seed_noise import SeedNoise
from tasks.errors import UserError
from tasks.home import Home
from tasks.progress import say
from tasks.register.aliases import (
    ANCHOR,
    CANDIDATE,
    CHAMPION,
    PENDING,
    PREVIOUS,
    audit_external_moves,
    move,
    set_champion,
    write_line,
)
from tasks.register.gate import Scores, Standard, Verdict, judge, same_items
from tasks.register.package import StandardConfig
from tasks.register.roles import ROLES, registered_name
from tasks.register.scores import read_scores
from tasks.register.seeds import MOST_VERSIONS, UNSEEDED, SeedHistory, unseeded_key
from tasks.store.artifacts import content_hash, write_durably
from tasks.store.locks import exclusive
from tasks.store.step import Frozen
from tasks.store.verification import read_manifest, verify
from tasks.tracking.model_version import Version
from tasks.tracking.registry import aliases, find, verified, versions
from tasks.tracking.server import MlflowUnavailable
from tasks.tracking.versions import Registry, open_registry

GATE = "the gate"
VERDICT_TAG = re.compile(r"gate\.\d+")  # the verdict against that champion's version
Rescore = Callable[[str, Path], Path | None]  # (role, folder of weights) → an evaluation of it on this run's items


class RunInfo(Frozen):
    """The run that publishes, as a version's tags name it."""

    run: str
    recipe: str
    git_commit: str | None = None
    data_fingerprint: str | None = None
    mlflow_run_id: str | None = None


@dataclass(frozen=True)
class Published:
    """One role's version after publishing, and the gate's verdict on it."""

    name: str
    role: str
    version: int
    aliases: tuple[str, ...]
    verdict: Verdict
    is_champion: bool
    is_new: bool
    notes: tuple[str, ...]  # aliases that were moved by hand


def publish(package: Path, home: Home, info: RunInfo, rescore: Rescore | None = None) -> list[Published]:
    """Every role of the package, published and judged; none where MLflow is away: then it waits in the outbox."""
    manifest = read_manifest(package)
    later = home.unpublished / f"{manifest['key']}.json"
    try:
        with exclusive(home.registry_lock), open_registry(home) as registry:
            notes = tuple(audit_external_moves(home))
            verify(package)
            publisher = Publisher(registry, package, manifest, info, rescore)
            published = [publisher.publish(role, notes) for role in ROLES if (package / role).is_dir()]
    except MlflowUnavailable as error:
        later.parent.mkdir(parents=True, exist_ok=True)
        write_durably(later, json.dumps({"package": str(package), "info": info.model_dump()}).encode())
        say(f"  not published yet: {error.what}; the next command that reaches MLflow does it\n  fix: {error.cure}")
        return []
    later.unlink(missing_ok=True)
    return published


def publish_waiting(home: Home) -> list[Published]:
    """Publishes what earlier runs could not, the oldest first."""
    paths = sorted(home.unpublished.glob("*.json"), key=lambda path: path.stat().st_mtime)
    published = list[Published]()
    for entry in [json.loads(path.read_text()) for path in paths]:
        package = home.artifact(entry["package"])
        if package.is_dir():
            published += publish(package, home, RunInfo.model_validate(entry["info"]))
    return published


@dataclass(frozen=True)
class Publisher:
    """Publishes one package."""

    registry: Registry
    package: Path
    manifest: dict[str, Any]
    info: RunInfo
    rescore: Rescore | None

    def publish(self, role: str, notes: tuple[str, ...]) -> Published:
        """The role's version, added where it is new, and judged against the champion where that pair is new."""
        about = json.loads((self.package / role / "evidence" / "evidence.json").read_text())
        name, content = about["name"], content_hash(self._files(role))
        version = self.registry.version(name, content)
        is_new = version is None
        if version is None:
            tags = self._tags(role, name, content)
            began_from_none = {"parent"} if about.get("kind") == "tfidf" else set[str]()
            about["tags"] = {tag: value for tag, value in tags.items() if tag not in began_from_none}
            version = self.registry.add(name, self.info.recipe, self.package / role, about, self.info.mlflow_run_id)
        champion, gone = self._champion(name)
        standard = StandardConfig.model_validate(about["standard"]).standard()
        verdict = self._verdict(role, version, champion, replace(standard, peers=frozenset(about.get("peers", ()))))
        version = find(f"{name}/{version.version}", self.registry.home)
        if verdict.promote and version.tags.get(PENDING) == str(champion or 0):
            set_champion(self.registry, version, GATE, "; ".join(verdict.reasons))
            version = find(f"{name}/{version.version}", self.registry.home)
        is_champion = CHAMPION in version.aliases
        return Published(name, role, version.version, version.aliases, verdict, is_champion, is_new, (*gone, *notes))

    def _champion(self, name: str) -> tuple[int | None, tuple[str, ...]]:
        """The champion's version, and a note where the alias names a version that somebody has deleted."""
        champion = aliases(self.registry.home).get(name, {}).get(CHAMPION)
        if champion is None or champion in self._versions(name):
            return champion, ()
        return None, (f"{name}@{CHAMPION} names version {champion}, which is deleted: judged as a first version",)

    def _versions(self, name: str) -> set[int]:
        return {version.version for version in versions(self.registry.home, name)}

    def _verdict(self, role: str, version: Version, champion: int | None, standard: Standard) -> Verdict:
        """Read from the version where this pair was judged before; else reached now, and written there."""
        pair = f"gate.{champion or 0}"  # 0: there was no champion
        if champion == version.version:
            self.registry.untag(version, PENDING)
            pair = next((tag for tag in version.tags if VERDICT_TAG.fullmatch(tag)), pair)
        if pair in version.tags:
            return Verdict(**{**(known := json.loads(version.tags[pair])), "reasons": tuple(known["reasons"])})
        if champion == version.version:
            return Verdict("undecided", False, ("made champion by hand",))
        if not any(VERDICT_TAG.fullmatch(tag) for tag in version.tags):
            move(self.registry, version.name, CANDIDATE, version.version, (GATE, f"published by run {self.info.run}"))
        verdict = self._judge(role, champion, version, standard)
        if verdict is None:
            return Verdict(
                "undecided", False, ("the champion has other items, and nothing here can score it on these",)
            )
        verdict = replace(verdict, reasons=(*verdict.reasons, *self._refused_base(version)))
        pending = {PENDING: str(champion or 0)} if verdict.promote else {}
        decided = {pair: json.dumps(asdict(verdict)), "verdict": verdict.outcome, "reasons": "; ".join(verdict.reasons)}
        self.registry.tag(version, {**pending, **decided})  # in this order: a verdict never stands without its act
        return verdict

    def _judge(self, role: str, champion: int | None, version: Version, standard: Standard) -> Verdict | None:
        candidate = _scores(self.package / role / "evidence", role)
        if standard.task not in candidate:
            known = ", ".join(sorted(candidate)) or "none"
            return Verdict("undecided", False, (f"no scores on {standard.task} to judge by; there are: {known}",))
        if champion is None:
            return judge(candidate, None, None, standard)
        tasks = (standard.task, *standard.guards)
        try:
            champions = self._scores_on(f"{version.name}/{champion}", role, candidate, tasks)
            anchor, notes = self._anchor(version.name, champion)
            anchors = champions
            if anchor != champion:
                anchors = self._scores_on(f"{version.name}/{anchor}", role, candidate, tasks[:1])
        except UserError as error:
            return Verdict("undecided", False, (f"what it is judged against cannot be read: {error.what}",))
        if champions is None or anchors is None:
            return None
        noise = self._seed_noise(role, standard.task, champion, version)
        verdict = judge(candidate, champions, anchors, standard, noise)
        return replace(verdict, reasons=(*verdict.reasons, *notes))

    def _seed_noise(self, role: str, task: str, champion: int, version: Version) -> SeedNoise | None:
        """How far seeds lie apart on the task, by what the registry knows of these two and of earlier versions."""
        known = versions(self.registry.home, version.name)
        by_number = {one.version: one for one in known}
        near = sorted({*[one.version for one in known[-MOST_VERSIONS:]], champion, version.version})
        history = SeedHistory([by_number[number] for number in near], role, task)
        return history.noise(by_number[version.version], by_number[champion])

    def _anchor(self, name: str, champion: int) -> tuple[int, tuple[str, ...]]:
        """The first champion's version; where somebody has deleted it, the oldest one that is left, and a note."""
        anchor, known = int(self.registry.model_tag(name, ANCHOR) or champion), self._versions(name)
        if anchor in known:
            return anchor, ()
        oldest = min(known)
        self.registry.tag_model(name, ANCHOR, str(oldest))
        note = f"the first champion, {name}/{anchor}, is deleted: {name}/{oldest} stands for it from now on"
        write_line(self.registry.home, GATE, f"{name} anchor", {"from": anchor, "to": oldest, "why": note})
        return oldest, (note,)

    def _refused_base(self, version: Version) -> tuple[str, ...]:
        """A sentence where the base that it was tuned from was never promoted."""
        parent = next((v for v in versions(self.registry.home) if version.tags.get("parent") == v.full_name), None)
        if parent is None or {CHAMPION, PREVIOUS} & {*parent.aliases}:
            return ()
        verdicts = [json.loads(value) for tag, value in parent.tags.items() if VERDICT_TAG.fullmatch(tag)]
        if not verdicts or any(verdict["promote"] for verdict in verdicts):
            return ()
        return (f"its base {parent.full_name} was not promoted ({verdicts[-1]['outcome']})",)

    def _scores_on(self, model: str, role: str, candidate: Scores, tasks: tuple[str, ...]) -> Scores | None:
        """A registered version's scores on the candidate's items: from its evidence, or scored again now."""
        version = verified(find(model, self.registry.home), self.registry.home)
        scores = _scores(version.evidence, role)
        if same_items(candidate, scores, tasks):
            return scores
        evaluation = self.rescore(role, version.weights) if self.rescore else None
        return read_scores(evaluation, role) if evaluation else None

    def _files(self, role: str) -> dict[str, Any]:
        return {name: entry for name, entry in self.manifest["files"].items() if name.startswith(f"{role}/")}

    def _tags(self, role: str, name: str, content: str) -> dict[str, str]:
        base = registered_name(self.info.recipe, "base")
        base_key = self.manifest["inputs"].get("base")
        parent = [v for v in versions(self.registry.home, base) if v.tags.get("weights_key") == base_key]
        known = {
            "key": self.manifest["key"],
            "content": content,
            "role": role,
            "recipe": self.info.recipe,
            "run": self.info.run,
            "weights_key": self.manifest["inputs"].get(role),
            UNSEEDED: self._unseeded_key(role),
            "parents": json.dumps(self.manifest["inputs"], sort_keys=True),
            "parent": f"{base}/{parent[-1].version}" if parent and role != "base" else None,
            "git_commit": self.info.git_commit,
            "data_fingerprint": self.info.data_fingerprint,
        }
        return {tag: str(value) for tag, value in known.items() if value}

    def _unseeded_key(self, role: str) -> str | None:
        """What the role's training has in common with those that differ by their seeds only."""
        step, key = self.manifest.get("input_steps", {}).get(role), self.manifest["inputs"].get(role)
        return unseeded_key(self.package.parents[1], step, key) if step and key else None


def _scores(evidence: Path, role: str) -> Scores:
    return read_scores(evidence, role) if (evidence / "scores.parquet").exists() else {}
