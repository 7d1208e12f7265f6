"""The proof of an export: the program it was made for reads the same ids, writes the same text, and loses how much.

Greedy text is compared token by token: each that the program writes must be the likeliest under the reference, which
is the model itself, or, for a quantised file, the numbers that the file holds. Where two tokens are as likely as the
program's own rounding is coarse, either may come: that is a tie, and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import numpy as np

from model.chat import Turn
from tasks.errors import UserError
from tasks.export.opened import Opened
from tasks.export.proof_rows import ProofRow
from tasks.models.prompting import PromptBuilder
from tasks.models.vocabulary import Vocabulary
from tasks.register.gate import Losses, compare
from tasks.store.step import Frozen

if TYPE_CHECKING:
    from model.decoder import Decoder

NASTY = (
    "",
    " ",
    "\n",
    "a",
    "Hello, World!  Two spaces,\tone tab.\r\nAnd\n\n\nlines ",
    " leading and trailing ",
    "don't you'll I'M WE'RE",
    "1234567 3.14 1,000 0x1F ²³ ½ ٣",
    "naïve café Ångström ß ﬁ",
    "cafe\u0301 decomposed",
    "漢字とかな交じり文。한국어 עברית العربية हिन्दी ไทย",
    "🙂👩‍👩‍👧🏽🇩🇪",
    "\u200b\u00a0\u2028\ufeff",
    "<s></s><|endoftext|><|im_start|>user<|im_end|><0x41><unk>▁",
    "\x00\x01\x1b\x7f",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "def f(x):\n    return {'a': [1, 2], \"b\": x ** 2}  # code\n",
    "https://example.org/a?b=c&d=%20#e",
)
CONVERSATIONS = (
    (("user", "Who spoke in 1790?"),),
    (("user", "  two spaces, and a line below\n"),),
    (("system", "Answer in one word."), ("user", "Who?")),
    (("user", "Who?"), ("assistant", "He did."), ("user", "When?")),
    (("system", "Be brief."), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")),
)
UNCOMPOSED = "reads letters with separate accents as they are, where the model's tokenizer composes them first (NFC)"
SPACED = "puts a space before every text, where the model's tokenizer puts none before one that begins with a space"
SPACELESS = "puts no space before a text, where the model's tokenizer does: begin a text to be continued with one"
MARGIN, ALPHA = 0.01, 0.05  # bits per byte that a quantised model may lose unnoticed; how often chance may pass
MEAN_PER_TIE = 3  # so many times smaller than a tie the mean difference of log-probabilities must be


class Proof(Frozen):
    """What was compared, and what came out."""

    opened_by: str
    quant: str
    texts: str  # where the rows come from
    rows: int
    ids_equal: bool
    turns_equal: bool | None  # of conversations, by the program's own template; None: it has none, or needs none
    greedy_equal: bool  # but for ties
    greedy_ties: int  # rows in which another token came that is as likely
    greedy_as_before: int  # rows in which the exported model writes what the model itself writes
    mean_difference: float  # of log-probabilities, in nats, between the program and the reference
    bits_per_byte_before: float
    bits_per_byte_after: float
    verdict: str
    notes: tuple[str, ...] = ()


class ExportMismatch(UserError):
    """The exported model is not the model."""


@dataclass(frozen=True)
class ProofReference:
    """The model before, what the exported file holds, and by how many nats a program may differ from that."""

    before: "Decoder"
    exported: "Decoder"
    tie: float
    ends: frozenset[int]
    count: int  # tokens that are generated after a prompt

    @property
    def decoders(self) -> "set[Decoder]":
        """Both, or the one where nothing was rounded."""
        return {self.before, self.exported}


def prove(
    opened: Opened, reference: ProofReference, builder: PromptBuilder, rows: Sequence[ProofRow]
) -> dict[str, Any]:
    """The fields of a Proof but `quant` and `texts`; ExportMismatch names the first token that differs."""
    vocabulary = builder.vocabulary
    notes = _compare_ids(opened, vocabulary)
    turns_equal = _compare_turns(opened, builder)
    ties = as_before = 0
    losses: dict[str, list[float]] = {"before": [], "after": []}
    differences = list[float]()
    for number, row in enumerate(rows, 1):
        prompt = row.ids[: row.first]
        written = opened.greedy(prompt, reference.count, reference.ends)
        gaps = {decoder: _gaps(decoder, prompt, written) for decoder in reference.decoders}
        try:
            ties += _has_tie(written, gaps[reference.exported], reference, vocabulary)
        except ExportMismatch as error:
            raise ExportMismatch(f"row {number}: {opened.program} {error.what}", error.cure) from error
        as_before += bool((gaps[reference.before] == 0).all())
        after = opened.log_probabilities(row.ids, row.first)
        logarithms = {decoder: _log_probabilities(decoder, row) for decoder in reference.decoders}
        held, before = logarithms[reference.exported], logarithms[reference.before]
        differences += np.abs(after - held).tolist()
        for name, scored in (("before", before), ("after", after)):
            losses[name].append(-float(scored.sum()) / np.log(2) / row.size)
    mean = float(np.mean(differences))
    if mean > reference.tie / MEAN_PER_TIE:
        what = f"{opened.program} gives other probabilities than the exported weights, by {mean:.2f} nats in the mean"
        raise ExportMismatch(what, "the export was removed; take another format, or another --quant")
    return {
        "opened_by": opened.program,
        "rows": len(rows),
        "ids_equal": True,
        "turns_equal": turns_equal,
        "greedy_equal": True,
        "greedy_ties": ties,
        "greedy_as_before": as_before,
        "mean_difference": round(mean, 5),
        "notes": notes,
        **_verdict(losses, rows),
    }


def _verdict(losses: dict[str, list[float]], rows: Sequence[ProofRow]) -> dict[str, Any]:
    """Bits per byte before and after, and the paired test of the two."""
    weight, items = np.array([row.size for row in rows], np.float64), tuple(str(n) for n in range(len(rows)))
    clean = np.zeros(len(rows), np.bool_)
    before, after = (Losses(items, np.array(losses[name]), weight, clean) for name in ("before", "after"))
    compared = compare(after, before, MARGIN, ALPHA)
    sentence = f"{compared.outcome}: {compared.difference:+.4f} bits per byte (p = {compared.p:.3f}, {len(rows)} rows"
    sentence += f"; not worse than {MARGIN} with p = {compared.p_margin:.3f})"
    return {
        "bits_per_byte_before": round(before.mean, 5),
        "bits_per_byte_after": round(after.mean, 5),
        "verdict": sentence,
    }


def _compare_ids(opened: Opened, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Notes on what the program leaves to whoever gives it texts."""
    notes = dict[str, None]()
    for text in NASTY:
        ours, theirs = vocabulary.encode(text), opened.encode(text)
        if ours == theirs:
            continue
        if note := _known_difference(text, ours, opened, vocabulary):
            notes[f"{opened.program} {note}"] = None
        else:
            _require_equal(opened, f"cuts {text!r}", ours, theirs, vocabulary)
    return tuple(notes)


def _known_difference(text: str, ours: Sequence[int], opened: Opened, vocabulary: Vocabulary) -> str:
    """What the program does otherwise before it cuts a text; "" where that does not explain its tokens."""
    for read, note in ((normalize("NFC", text), UNCOMPOSED), (text.removeprefix(" "), SPACED)):
        if read != text and vocabulary.encode(read) == ours == opened.encode(read):
            return note
    if text == " " and not vocabulary.decode_bytes(ours):
        return SPACED
    puts_space = vocabulary.decode_bytes(ours, continues=True) != vocabulary.decode_bytes(ours)
    return SPACELESS if puts_space and opened.encode(f" {text}") == ours else ""


def _compare_turns(opened: Opened, builder: PromptBuilder) -> bool | None:
    """Whether conversations have the same ids; of the roles that the model takes."""
    if not builder.answers:
        return None
    compared = False
    for conversation in CONVERSATIONS:
        turns = [Turn(role, text) for role, text in conversation]
        try:
            ours, _ = builder.of_turns(turns)
        except UserError:
            continue  # the model's own template refuses them
        theirs = opened.turns(turns)
        if theirs is None:
            return None
        _require_equal(opened, f"marks the turns {conversation!r}", ours, theirs, builder.vocabulary)
        compared = True
    return compared


def _require_equal(
    opened: Opened, act: str, ours: Sequence[int], theirs: Sequence[int], vocabulary: Vocabulary
) -> None:
    if list(ours) == list(theirs):
        return
    at = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    what = (
        f"{opened.program} {act} into other tokens: token {at + 1} is {_spelt(vocabulary, theirs, at)}, "
        f"and {_spelt(vocabulary, ours, at)} in the model"
    )
    raise ExportMismatch(what, "the export was removed; take a format whose program reads this tokenizer (hf)")


def _has_tie(written: Sequence[int], gaps: np.ndarray, reference: ProofReference, vocabulary: Vocabulary) -> bool:
    """Whether the program wrote a token that is as likely as the likeliest; ExportMismatch where it is less likely."""
    at = next((n for n, gap in enumerate(gaps) if gap > reference.tie), None)
    if at is not None:
        what = (
            f"writes {_spelt(vocabulary, written, at)} as token {at + 1} of its answer, "
            f"{gaps[at]:.2f} nats less likely than what the exported weights write there"
        )
        raise ExportMismatch(what, "the export was removed; take another format, or another --quant")
    if len(written) < reference.count and not (written and written[-1] in reference.ends):
        what = f"ends its answer after token {len(written)}, where the model goes on"
        raise ExportMismatch(what, "the export was removed; take a format that names the same ends (hf)")
    return bool((gaps > 0).any())


def _spelt(vocabulary: Vocabulary, ids: Sequence[int], at: int) -> str:
    return f"{ids[at]} ({vocabulary.token(ids[at])!r})" if at < len(ids) else "none"


def _following(decoder: "Decoder", ids: Sequence[int]) -> np.ndarray:
    """ln p (t, v) of what follows each of the ids."""
    import torch

    with torch.inference_mode():
        return decoder.logits(decoder(torch.tensor([list(ids)])))[0].float().log_softmax(-1).numpy()


def _gaps(decoder: "Decoder", prompt: Sequence[int], written: Sequence[int]) -> np.ndarray:
    """How much less likely each written token is than the likeliest there, in nats; 0: it is the likeliest."""
    if not written:
        return np.empty(0)
    logarithms = _following(decoder, [*prompt, *written[:-1]])[len(prompt) - 1 :]
    return logarithms.max(-1) - logarithms[np.arange(len(written)), list(written)]


def _log_probabilities(decoder: "Decoder", row: ProofRow) -> np.ndarray:
    logarithms = _following(decoder, row.ids[:-1])[row.first - 1 :]
    return logarithms[np.arange(len(row.ids) - row.first), list(row.ids[row.first :])]
