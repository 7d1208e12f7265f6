"""What a run of a folder will take on this machine, measured for some seconds, and what such a corpus can give."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.init.passage_size import held_out, judged
from commands.init.survey import Survey
from tasks.curate.config import CurateConfig
from tasks.curate.rules import RULES, loosened

if TYPE_CHECKING:
    import pyarrow as pa

    from model.family import Shape

SIGNAL_SECONDS, TRAINING_SECONDS = 2.0, 1.5  # of a trial
AT_ONCE, BYTES_AT_ONCE = 64, 300_000  # documents scored together, and their text
SAMPLE_CHARACTERS, SAMPLE_TEXTS = 5_000, 400  # what a trial's tokenizer reads
TRAINING_MINUTES = 10.0  # what a first run may train for
PASSES = 4  # over the same text cost little against as much fresh text (Muennighoff et al. 2023, arXiv 2305.16264)
PER_PARAMETER = 20  # tokens, compute-optimal (Hoffmann et al. 2022, arXiv 2203.15556: Chinchilla)
SUITS = 0.15  # of the sample: a rule that speaks against more was made for another kind of text
KEEPS = 0.8  # of the sample: while less is left, the rule that speaks against most of it is switched off too
DEPTHS = (2, 4, 6, 8, 12)
CONTEXT, BATCH = 256, 8
ADAPT_MINUTES = 30.0  # what a public model may be taught for
ADAPT_PASSES = 3  # over a small corpus a large model soon says it by heart
ADAPT_BEYOND = 100_000  # tokens that its evaluation and instructing come to, as if trained on
FROZEN = 2 / 3  # of training's arithmetic: the weights' own gradients are not needed
WRITES_A_LITTLE = 30e6  # parameters of the smallest models that tell a plain story (TinyStories, arXiv 2305.07759)
BEYOND_TRAINING = 350_000  # tokens that evaluation and fine-tuning come to, as the recipe sets them
BYTES_PER_SECOND = 3e6  # of text: ingest, tokenizer and encode together, on two cores
START_SECONDS = 25.0  # Prefect and MLflow in a fresh home


@dataclass(frozen=True)
class Trial:
    """What was measured on the sample."""

    signal_bytes_per_second: float
    dropped: dict[str, float]  # reason → share of the sample's documents that it speaks against
    loosened: tuple[str, ...]  # the reasons of rules that do not suit this text, and are switched off
    kept: float  # share of the sample's documents, by the rules that are left
    bytes_per_token: float
    training_flops_per_second: float


@dataclass(frozen=True)
class Plan:
    """The shape and the steps of a first run, and why they are such."""

    depth: int
    width: int
    parameters: int
    vocabulary: int
    steps: int
    tokens: int  # of the corpus to train on, about: what the rules keep, without copies and what is held out
    trained: int  # tokens that training will see
    minutes: float  # of the whole run
    disk_bytes: int
    can_give: str


def trial(found: Survey, curate: CurateConfig) -> Trial:
    """Some seconds of scoring, tokenising and training on this machine."""
    texts = judged(found)
    rate, table = _signals(texts, curate)
    dropped, _ = _judged(table, curate)
    unsuitable = [reason for reason, share in dropped.items() if share > SUITS and reason in RULES]
    while True:
        left, kept = _judged(table, loosened(curate, unsuitable))
        worst = next((reason for reason in left if reason in RULES and reason not in unsuitable), None)
        if kept >= KEEPS or worst is None:
            break
        unsuitable.append(worst)
    from model.depth import flops_per_token
    from model.trial import tokens_per_second

    shape = shape_of(DEPTHS[0], vocabulary(found.text_bytes))
    return Trial(
        signal_bytes_per_second=rate,
        dropped=dropped,
        loosened=tuple(unsuitable),
        kept=kept,
        bytes_per_token=_bytes_per_token(texts, vocabulary(found.text_bytes)),
        training_flops_per_second=tokens_per_second(shape, BATCH, TRAINING_SECONDS) * flops_per_token(shape),
    )


def plan(found: Survey, measured: Trial) -> Plan:
    """The deepest network that text and minutes suffice for, and how long it is trained."""
    from model.depth import flops_per_token, matrix_parameters

    size = vocabulary(found.text_bytes)
    tokens = _tokens(found, measured)
    shape, may_see = shape_of(DEPTHS[0], size), 0
    for depth in DEPTHS:
        one = shape_of(depth, size)
        in_time = measured.training_flops_per_second * TRAINING_MINUTES * 60 / flops_per_token(one)
        seen = min(PASSES * tokens, in_time)
        if depth == DEPTHS[0] or seen >= PER_PARAMETER * matrix_parameters(one):
            shape, may_see = one, round(seen)
    steps = max(20, may_see // (BATCH * CONTEXT))
    trained = steps * BATCH * CONTEXT
    training = (trained + BEYOND_TRAINING) * flops_per_token(shape) / measured.training_flops_per_second
    return Plan(
        depth=shape.depth,
        width=shape.width,
        parameters=shape.parameters,
        vocabulary=size,
        steps=steps,
        tokens=tokens,
        trained=trained,
        minutes=(training + _other_seconds(found, measured)) / 60,
        disk_bytes=round(1.5 * found.text_bytes + 2 * tokens + 48 * shape.parameters + 40e6),
        can_give=can_give(tokens, shape.parameters),
    )


def adaptation(found: Survey, measured: Trial) -> Plan:
    """How long the public model is taught this text, a low-rank change of it learned."""
    from model.depth import flops_per_token

    shape = public_shape()
    tokens = _tokens(found, measured)
    speed = measured.training_flops_per_second / (FROZEN * flops_per_token(shape))  # tokens a second
    a_step = BATCH * CONTEXT
    steps = max(20, round(min(ADAPT_PASSES * tokens, speed * ADAPT_MINUTES * 60) / a_step))
    return Plan(
        depth=shape.depth,
        width=shape.width,
        parameters=shape.parameters,
        vocabulary=shape.vocabulary,
        steps=steps,
        tokens=tokens,
        trained=steps * a_step,
        minutes=((steps * a_step + ADAPT_BEYOND) / speed + _other_seconds(found, measured)) / 60,
        disk_bytes=round(1.5 * found.text_bytes + 2 * tokens + 14 * shape.parameters + 40e6),
        can_give=(
            f"{shape.parameters / 1e6:.0f} million parameters that have read 2,000,000,000,000 tokens, most of them "
            "English, and now your text: what most should use. It answers as such a small model does; for other "
            "languages, or better answers, name another one in init_from."
        ),
    )


def _tokens(found: Survey, measured: Trial) -> int:
    """What the rules will leave of the corpus to train on, about."""
    left = measured.kept * (1 - found.duplicates) * (1 - 2 * held_out(found))
    return max(1, round(found.text_bytes * left / measured.bytes_per_token))


def _other_seconds(found: Survey, measured: Trial) -> float:
    """All of a run but training and what follows it."""
    return found.text_bytes * (1 / measured.signal_bytes_per_second + 1 / BYTES_PER_SECOND) + START_SECONDS


def can_give(tokens: int, parameters: int) -> str:
    """What a corpus of so many tokens is good for, honestly."""
    most = PASSES * tokens / PER_PARAMETER
    told = (
        f"{tokens:,} tokens carry {_rounded(most)} parameters trained from nothing "
        f"({PER_PARAMETER} tokens a parameter: Chinchilla; {PASSES} passes over the text)"
    )
    if most < WRITES_A_LITTLE:
        return (
            f"{told}. That is too little to learn a language from: the {parameters / 1e6:.2g} million of this recipe "
            "will write the sound of your text, not sense. Tune a public model on it for anything to be used "
            "(triptych init FOLDER --adapt); this run gives you the cleaned, deduplicated, split text "
            "for that, and a baseline."
        )
    return (
        f"{told}: enough for a small model of its own kind of text that holds together for some sentences, given the "
        "hours; a public model tuned on it will still know more of the world."
    )


def _rounded(count: float) -> str:
    """Two digits: 33,000; 1.2 million."""
    digits = float(f"{count:.2g}")
    return f"{digits:,.0f}" if digits < 1e6 else f"{digits / 1e6:,g} million"


def vocabulary(text_bytes: int) -> int:
    """Tokens worth having: a token needs to be met some hundred times to be learned."""
    sizes = {1e6: 1024, 5e6: 4096, 2e9: 8192}
    return next((size for limit, size in sizes.items() if text_bytes < limit), 16_384)


def shape_of(depth: int, size: int) -> "Shape":
    from model.depth import from_depth

    if depth == DEPTHS[0]:  # the demo's: wider than the dial would have it
        return from_depth(depth, size, CONTEXT, "llama", width=128, heads=4, kv_heads=4)
    return from_depth(depth, size, CONTEXT, "llama")


def public_shape() -> "Shape":
    """SmolLM2-135M (arXiv 2502.02737): what the recipe `adapt` begins with."""
    from model.depth import from_depth

    sides = {"width": 576, "heads": 9, "kv_heads": 3, "ffn_width": 1536, "tied": True}
    return from_depth(30, 49_152, CONTEXT, "llama", **sides)


def _signals(texts: Sequence[str], curate: CurateConfig) -> tuple[float, "pa.Table"]:
    """Bytes scored a second, and the scores."""
    import pyarrow as pa

    from tasks.curate.normalise import normalise
    from tasks.curate.signals import score

    tables, scored_bytes, started = [], 0, 0.0
    for batch in _batches([normalise(text, curate.normalise) for text in texts]):
        tables.append(pa.table(score(batch, [None] * len(batch), curate.signals).columns))
        if started == 0:
            started = time.monotonic()  # the first batch loads the languages' rules
            continue
        scored_bytes += sum(len(text.encode()) for text in batch)
        if time.monotonic() - started > SIGNAL_SECONDS:
            break
    rate = scored_bytes / max(time.monotonic() - started, 1e-3) or BYTES_PER_SECOND
    table = pa.concat_tables(tables)
    ids = pa.array([str(i) for i in range(table.num_rows)])
    return rate * curate.workers, table.add_column(0, "doc_id", ids)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch, size = list[str](), 0
    for text in texts:
        if batch and (len(batch) == AT_ONCE or size + len(text) > BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    yield batch


def _judged(scores: "pa.Table", curate: CurateConfig) -> tuple[dict[str, float], float]:
    """The share of the documents each reason speaks against, and the share that nothing speaks against."""
    from tasks.curate.decide import verdicts

    rows = verdicts(scores, curate.decide()).to_pylist()
    reasons = Counter(reason for row in rows for reason in row["reasons"])
    return {reason: n / len(rows) for reason, n in reasons.most_common()}, sum(r["passes"] for r in rows) / len(rows)


def _bytes_per_token(texts: Sequence[str], size: int) -> float:
    """Of a tokenizer trained on half of the sample, on the other half."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    heads = [text[:SAMPLE_CHARACTERS] for text in texts[: 2 * SAMPLE_TEXTS]]
    bpe.train_from_iterator(heads[::2], trainer)
    other = heads[1::2] or heads
    tokens = sum(len(encoding.ids) for encoding in bpe.encode_batch_fast(other))
    return sum(len(text.encode()) for text in other) / max(tokens, 1)
