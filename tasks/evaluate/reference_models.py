"""Public models beside ours on the same documents, in bits per byte, each with its own tokenizer and context.

bits_per_byte/SPLIT          where `reference_documents` covers the split: reference models are baselines of this task
bits_per_byte/SPLIT_sample   else: that many documents, scored for the model, for the n-grams and for reference models

`unseen` is what no reference model can have read, if its sources are younger than the models are.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.held_out import sample
from tasks.evaluate.perplexity import document_bits, per_byte
from tasks.evaluate.score_table import ScoreTable
from tasks.models.pretrained import copy_tokenizer, decoder_of
from tasks.models.vocabulary import Vocabulary
from tasks.progress import say

if TYPE_CHECKING:
    from model.decoder import Decoder
    from tasks.evaluate.language import EvalSet

SPLITS = ("test", "unseen")
SAMPLE_TOKENS = 48


def compare_with_reference_models(
    table: ScoreTable, config: EvaluateConfig, eval_set: "EvalSet", prompts: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Enters every reference model's scores beside the model's own, which the table has already.

    Returns what each of them writes after these prompts: rows model, prompt, text.
    """
    written = list[dict[str, str]]()
    splits = {split: sample(eval_set.documents[split], config.reference_documents) for split in SPLITS}
    splits = {split: documents for split, documents in splits.items() if documents}
    tasks = {split: f"bits_per_byte/{split}" for split in splits}
    for split, documents in splits.items():
        if len(documents) < len(eval_set.documents[split]):
            tasks[split] = f"bits_per_byte/{split}_sample"
            table.add_sample(tasks[split], f"bits_per_byte/{split}", eval_set.document_items(documents))
    for name, model in config.reference_models.items():
        say(f"  scoring {name} on {sum(map(len, splits.values()))} documents")
        with tempfile.TemporaryDirectory() as folder:
            copy_tokenizer(model, Path(folder))
            vocabulary = Vocabulary(Path(folder))
        decoder = decoder_of(model)
        for split, documents in splits.items():
            ids = vocabulary.encode_ordinary([document.text.decode() for document in documents])
            bits = document_bits(decoder, ids, vocabulary.begin)
            table.add_baseline(name, tasks[split], eval_set.document_items(documents), per_byte(bits, documents))
        for prompt in prompts:
            written.append({"model": name, "prompt": prompt, "text": _continuation(decoder, vocabulary, prompt)})
    return written


def _continuation(decoder: "Decoder", vocabulary: Vocabulary, prompt: str) -> str:
    """What the model writes after the beginning of a document."""
    from model.generate import generate
    from model.samples import TEMPERATURE

    ids, end = [vocabulary.begin, *vocabulary.encode(prompt)], {vocabulary.separator}
    never = vocabulary.ids_without_token(decoder.shape.vocabulary)
    drawn = list(generate(decoder, ids, SAMPLE_TOKENS, TEMPERATURE, stop=end, never=never))
    return vocabulary.decode_bytes([id for id in drawn if id not in end], continues=True).decode(errors="replace")
