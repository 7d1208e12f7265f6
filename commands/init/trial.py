"""Measurements of some seconds on this machine: scoring, the rules of curation, tokens per byte, training speed."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commands.init.passage_size import cut_sample
from commands.init.shapes import BATCH, DEPTHS, shape_of, vocabulary
from commands.init.survey import Survey
from tasks.curate.config import CurateConfig
from tasks.curate.rules import RULES, switch_off

if TYPE_CHECKING:
    import pyarrow as pa

SIGNAL_SECONDS, TRAINING_SECONDS = 2.0, 1.5
BATCH_TEXTS, BATCH_CHARACTERS = 64, 300_000  # scored together, at most
TOKENIZER_CHARACTERS, TOKENIZER_TEXTS = 5_000, 400  # of each text, and texts, that the trial's tokenizer reads
MAX_DROP_SHARE = 0.15  # of the sample: a rule that drops more was made for another kind of text
MIN_KEPT_SHARE = 0.8  # of the sample: while less is kept, the rule that drops most of it is switched off too
FALLBACK_BYTES_PER_SECOND = 3e6  # scored, where the sample is one batch


@dataclass(frozen=True)
class Trial:
    """The measurements on the sample."""

    signal_bytes_per_second: float
    dropped: dict[str, float]  # reason → share of the sample's documents
    switched_off: tuple[str, ...]  # the reasons of rules that do not suit this text
    kept: float  # share of the sample's documents, by the rules that stay on
    near_copies: float  # share of the scored texts that are nearly an earlier one, and not the same
    bytes_per_token: float
    training_flops_per_second: float


def measure(survey: Survey, curate: CurateConfig) -> Trial:
    """The trial of a folder's sample, with the rules switched off that drop too much of it."""
    from model.depth import flops_per_token
    from model.trial import tokens_per_second

    texts = cut_sample(survey)
    rate, signals, shingles = _signals(texts, curate)
    dropped, _ = _drop_shares(signals, curate)
    unsuitable = [reason for reason, share in dropped.items() if share > MAX_DROP_SHARE and reason in RULES]
    while True:
        remaining, kept = _drop_shares(signals, switch_off(curate, unsuitable))
        worst = next((reason for reason in remaining if reason in RULES and reason not in unsuitable), None)
        if kept >= MIN_KEPT_SHARE or worst is None:
            break
        unsuitable.append(worst)
    shape = shape_of(DEPTHS[0], vocabulary(survey.text_bytes))
    return Trial(
        signal_bytes_per_second=rate,
        dropped=dropped,
        switched_off=tuple(unsuitable),
        kept=kept,
        near_copies=_near_copies(signals, shingles, curate),
        bytes_per_token=_bytes_per_token(texts, vocabulary(survey.text_bytes)),
        training_flops_per_second=tokens_per_second(shape, BATCH, TRAINING_SECONDS) * flops_per_token(shape),
    )


def _signals(texts: Sequence[str], curate: CurateConfig) -> tuple[float, "pa.Table", list[np.ndarray]]:
    """Bytes scored per second, the signals of the texts that were, and their shingles."""
    import pyarrow as pa

    from tasks.curate.normalise import normalise
    from tasks.curate.signals import score

    tables, shingles, scored_bytes, started = [], list[np.ndarray](), 0, 0.0
    for batch in _batches([normalise(text, curate.normalise) for text in texts]):
        scores = score(batch, [None] * len(batch), curate.scoring)
        tables.append(pa.table(scores.columns))
        shingles += scores.shingles
        if started == 0:
            started = time.monotonic()  # the first batch loads the languages' rules
            continue
        scored_bytes += sum(len(text.encode()) for text in batch)
        if time.monotonic() - started > SIGNAL_SECONDS:
            break
    rate = scored_bytes / max(time.monotonic() - started, 1e-3) or FALLBACK_BYTES_PER_SECOND
    table = pa.concat_tables(tables)
    ids = pa.array([str(i) for i in range(table.num_rows)])
    return rate * curate.workers, table.add_column(0, "doc_id", ids), shingles


def _near_copies(signals: "pa.Table", shingles: list[np.ndarray], curate: CurateConfig) -> float:
    """The share of the scored texts that curation would drop as nearly an earlier one."""
    from tasks.curate.dedup import PassingDocument, dedup_decisions, near_texts
    from tasks.curate.index import Index
    from tasks.curate.minhash import bands
    from tasks.curate.pairs import find_pairs

    documents = signals.select(["doc_id", "text_hash"])
    hashes = {row["doc_id"]: row["text_hash"] for row in documents.to_pylist()}
    pairs = find_pairs(Index(documents, bands(shingles, curate.minhash), shingles), [])
    near = near_texts(pairs, hashes, curate.minhash.jaccard)
    passing = [PassingDocument(name, text, name) for name, text in hashes.items()]
    decisions = dedup_decisions(passing, [], near, "minhash").values()
    return sum(decision.reason == "near_duplicate" for decision in decisions) / len(hashes)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch, size = list[str](), 0
    for text in texts:
        if batch and (len(batch) == BATCH_TEXTS or size + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    yield batch


def _drop_shares(signals: "pa.Table", curate: CurateConfig) -> tuple[dict[str, float], float]:
    """The share of the documents that each rule drops, and the share that none drops."""
    from tasks.curate.decide import verdicts

    rows = verdicts(signals, curate.decide()).to_pylist()
    reasons = Counter(reason for row in rows for reason in row["reasons"])
    return {reason: n / len(rows) for reason, n in reasons.most_common()}, sum(r["passes"] for r in rows) / len(rows)


def _bytes_per_token(texts: Sequence[str], size: int) -> float:
    """Bytes per token of a tokenizer trained on one half of the sample, measured on the other half."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    heads = [text[:TOKENIZER_CHARACTERS] for text in texts[: 2 * TOKENIZER_TEXTS]]
    bpe.train_from_iterator(heads[::2], trainer)
    others = heads[1::2] or heads
    tokens = sum(len(encoding.ids) for encoding in bpe.encode_batch_fast(others))
    return sum(len(text.encode()) for text in others) / max(tokens, 1)
