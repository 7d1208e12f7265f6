"""`triptych init DIR`: a look at a folder, a recipe for it with a reason for each choice, and what a run will take."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.forecast import BATCH, CONTEXT, SUITS, TRAINING_MINUTES, Plan, Trial, free_bytes, plan, trial
from flows.recipe import load
from tasks.curate.config import CurateConfig
from tasks.curate.rules import SETTINGS
from tasks.errors import UsageError, UserError
from tasks.listing import unread_note
from tasks.survey import Survey, survey

LONG_DOCUMENT = 10_000  # characters on average: books; filters and splits judge passages better
PASSAGE = 4_000
FEW_DOCUMENTS = 400  # below, three in a hundred would hold out a handful
DEPTH_OF_THE_DEMO = 2
TAKEN = ("pyproject",)  # a .toml that is no recipe
SHOWN = 4  # of the languages, licences, reasons


@dataclass(frozen=True)
class Proposal:
    """A recipe written, and what was found and measured for it."""

    path: Path
    name: str
    found: Survey
    measured: Trial
    plan: Plan
    free_bytes: int

    def as_json(self) -> dict[str, Any]:
        found, plan = self.found, self.plan
        return {
            "path": str(self.path),
            "recipe": self.name,
            "folder": str(found.path),
            "formats": {end: kind._asdict() for end, kind in found.kinds.items()},
            "unread": {end: dict(count) for end, count in found.unread.items()},
            "languages": dict(found.languages),
            "encodings": dict(found.encodings),
            "licences": dict(found.licences),
            "duplicates": round(found.duplicates, 4),
            "bad": dict(found.bad),
            "documents": found.documents,
            "text_bytes": found.text_bytes,
            "kept": round(self.measured.kept, 4),
            "tokens": plan.tokens,
            "parameters": plan.parameters,
            "steps": plan.steps,
            "minutes": round(plan.minutes, 1),
            "disk_bytes": plan.disk_bytes,
            "free_bytes": self.free_bytes,
            "can_give": plan.can_give,
        }


def propose(folder: Path, home: Path, force: bool = False) -> Proposal:
    """Looks, measures for some seconds, and writes ./NAME.toml; UserError where there is nothing to read."""
    if not folder.expanduser().exists():
        raise UserError(f"no folder {folder}", "give the path of a folder of text: triptych init FOLDER")
    folder = folder.expanduser().resolve()
    path = Path(f"{recipe_name(folder)}.toml")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", f"triptych run {path.stem}, or init with --force to replace it")
    if path.stem in TAKEN:
        raise UsageError(f"{path} would not be a recipe", "rename the folder, or give a link of another name to it")
    found = survey(folder, home)
    measured = trial(found, CurateConfig())
    proposal = Proposal(path, path.stem, found, measured, plan(found, measured), free_bytes(home))
    path.write_text(recipe_text(proposal), encoding="utf-8")
    load(str(path))  # what is proposed can be run: a mistake would be ours, and is told now
    return proposal


def recipe_name(folder: Path) -> str:
    """The folder's name as a recipe may be called: it names models and folders too."""
    stem = folder.stem if folder.is_file() else folder.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-_") or "folder"


def recipe_text(proposal: Proposal) -> str:
    """The recipe as TOML, a comment for each choice."""
    parts = (_head, _source, _curate, _train, _evaluate, _finetune)
    return "\n\n".join("\n".join(part(proposal)) for part in parts) + "\n"


def _head(p: Proposal) -> list[str]:
    kinds = ", ".join(f"{kind.files:,} {end}" for end, kind in p.found.kinds.items())
    return [
        f"# Proposed by `triptych init` for {_line(str(p.found.path))}: {kinds}.",
        f"# About {p.found.documents:,} documents, {_size(p.found.text_bytes)} of text, {p.plan.tokens:,} tokens kept;",
        f"# some {p.plan.minutes:.0f} minutes and {_size(p.plan.disk_bytes)} of disk on the machine that wrote this.",
        *(f"# {line}" for line in _folded(p.plan.can_give)),
    ]


def _source(p: Proposal) -> list[str]:
    found = p.found
    lines = ["[ingest.sources.folder]", 'kind = "folder"', f"path = {json.dumps(str(found.path), ensure_ascii=False)}"]
    if found.text_fields != ("text",):
        fields = found.text_fields[0] if len(found.text_fields) == 1 else list(found.text_fields)
        lines.append(_set("text_field", fields, "where the records have their text; of several, the first one found"))
    if found.headless:
        lines.append(_set("header", False, "the first line of the tables is a row like any other"))
    lines += _licence(found)
    if found.declared:
        lines.append(_set("language_field", found.declared, "the records say their language; others are detected"))
    mean = found.text_bytes / max(1, found.documents)
    if mean > LONG_DOCUMENT:
        why = f"texts of {mean:,.0f} bytes on average are cut at paragraphs: a filter judges a passage better"
        lines.append(_set("max_characters", PASSAGE, why))
    if found.unread:
        lines.append(f"# {_line(unread_note('not taken', found.unread))}")
    if found.bad:
        reason, count = next(iter(found.bad.items()))
        lines += [
            f"# {count:,} records of the sample cannot be read: {_line(reason)}",
            "",
            "[ingest]",
            _set(
                "max_bad_fraction", 0.5, "so that the run goes on; the quarantine lists all (triptych sql quarantine)"
            ),
        ]
    return lines


def _licence(found: Survey) -> list[str]:
    said = ", ".join(f"{_line(name)} {count:,}" for name, count in list(found.licences.items())[:SHOWN])
    if found.licence_field:
        return [_set("licence_field", found.licence_field, f"in the sample: {said}")]
    if len(found.licences) == 1:
        return [_set("licence", next(iter(found.licences)), "by the licence file in the folder: check it")]
    why = f"in the folder: {said}" if said else "no licence was found: may you train on this text?"
    return [_set("licence", "unknown", why)]


def _curate(p: Proposal) -> list[str]:
    languages = ", ".join(f"{code} {share:.0%}" for code, share in list(p.found.languages.items())[:SHOWN])
    lines = ["[curate]", _set("language", "auto", f"each document by the rules of its own: {languages}")]
    filters = list(CurateConfig().filters)
    lines.append(_set("filters", filters, f"kept {p.measured.kept:.0%} of the sample"))
    for reason in p.measured.loosened:
        key, _, value = SETTINGS[reason].removeprefix("curate.").partition("=")
        share = p.measured.dropped[reason]
        lines.append(
            f"{key} = {value}  # off: {reason} speaks against {share:.0%} of the sample, more than {SUITS:.0%}"
        )
    duplicates = f"{p.found.duplicates:.1%} of the sample are exact copies of another document in it"
    lines.append(_set("dedup", "minhash", duplicates))
    if p.found.documents < FEW_DOCUMENTS:
        share = 0.1 if p.found.documents > FEW_DOCUMENTS // 4 else 0.2
        lines.append(f"split = {{ validation = {share}, test = {share} }}  # few documents: a larger share is held out")
    return lines


def _train(p: Proposal) -> list[str]:
    one, per_token = p.plan, p.measured.bytes_per_token
    lines = [
        "[tokenizer]",
        _set("vocabulary", one.vocabulary, f"{per_token:.1f} bytes a token on the sample"),
        "",
        "[pretrain]",
        _set("family", "llama", "what exports to everything else"),
        _set(
            "depth", one.depth, f"{one.parameters / 1e6:.2g} million parameters; the deepest that text and time allow"
        ),
    ]
    if one.depth == DEPTH_OF_THE_DEMO:
        lines += ["width = 128", "heads = 4", "kv_heads = 4"]
        lines.append("learning_rate = 0.003  # these are the demo's, tried out on such small networks")
        lines += ["embedding_scale = 15", "head_scale = 2", "warmup = 0.03", "decay = 0.7"]
    passes = one.trained / one.tokens
    why = f"{one.trained:,} tokens, {passes:.1f} times the text; at most {TRAINING_MINUTES:.0f} minutes here"
    return [
        *lines,
        f"context = {CONTEXT}",
        f"batch = {BATCH}",
        _set("steps", one.steps, why),
        _set("eval_every", max(1, one.steps // 4), "four looks at the validation text"),
    ]


def _evaluate(p: Proposal) -> list[str]:
    read = min(16 << 20, max(100_000, round(p.plan.trained * p.measured.bytes_per_token)))
    return [
        "[evaluate]  # a sample, so that the first run stays short: intervals say how sure it is",
        _set("baseline_bytes", read, "the baselines read as much as the network does"),
        "ngram_order = 3",
        "max_documents = 160",
        "max_rows = 300",
        "next_passage = 100",
        "exact_answers = 24",
    ]


def _finetune(p: Proposal) -> list[str]:
    lines = ["[finetune.instruct]  # continuing an opening: needs nothing but the text", "batch = 8", "steps = 60"]
    if p.found.label:
        label = json.dumps(p.found.label)
        lines += ["", "[finetune.classify]", _set("label", label, "this field sorts the documents into a few classes")]
        lines += ["batch = 16", "steps = 40", "learning_rate = 0.001"]
    return lines


def _set(key: str, value: Any, why: str) -> str:
    return f"{key} = {json.dumps(value, ensure_ascii=False)}  # {_line(why)}"


def _line(text: str) -> str:
    """What may stand in a comment: one line without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def _folded(text: str, width: int = 116) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def told(p: Proposal) -> list[str]:
    """What a person reads on the screen."""
    found, one = p.found, p.plan
    kinds = ", ".join(f"{kind.files:,} {end} ({_size(kind.bytes)})" for end, kind in found.kinds.items())
    languages = ", ".join(f"{code} {share:.0%}" for code, share in list(found.languages.items())[:SHOWN])
    licences = ", ".join(f"{_line(name)} {count:,}" for name, count in list(found.licences.items())[:SHOWN])
    lines = [f"takes:      {kinds}"]
    lines += [f"leaves:     {_line(unread_note('folder', found.unread))}"] if found.unread else []
    lines += [f"noted:      {_line(note)}" for note in found.notes]
    lines += [f"bad:        {count:,} × {_line(reason)}" for reason, count in list(found.bad.items())[:SHOWN]]
    encodings = ", ".join(f"{name} {count:,}" for name, count in found.encodings.items())
    lines += [f"encodings:  {encodings}; the others UTF-8"] if encodings else []
    lines += [
        f"languages:  {languages}",
        f"licences:   {licences or 'none found: may you train on this text?'}",
        f"copies:     {found.duplicates:.1%} of the sample",
        f"rules:      keep {p.measured.kept:.0%} of the sample"
        + (f"; switched off: {', '.join(p.measured.loosened)}" if p.measured.loosened else ""),
        f"documents:  about {found.documents:,}, {_size(found.text_bytes)} of text, {one.tokens:,} tokens kept",
        f"model:      {one.parameters:,} parameters, {one.steps:,} steps, {one.trained:,} tokens seen",
        f"takes you:  about {max(1, one.minutes):.0f} minutes and {_size(one.disk_bytes)} of disk "
        f"({_size(p.free_bytes)} free)",
        f"honestly:   {one.can_give}",
        f"written:    {p.path}",
        f"next:       triptych run {p.name}",
    ]
    return lines
