"""Small tokenizers and chat templates of the kinds that published models have, trained or written here."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = (
    "The house stands on the hill, and the hill stands over the town. Don't go there in 1999 or 2024!\n\n"
    "    def house(x):\n        return x + 12345\n\tÜber die Brücke; naïve café, 日本語 の 文章, مرحبا بالعالم. "
    "user assistant system [INST] model name is\r\n I'll say that they've been here: it's 100% true -> yes?\n"
)
NASTY = (
    "",
    "a",
    " leading",
    "  two leading",
    "trailing  ",
    "\n",
    "\n\nnew\r\nlines\r\n\r\n\n\n\n",
    "\ttabs\t\t and    spaces               many",
    "NUL \x00 and \x01\x02\x7f\x85 controls",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈 flag 👍🏽",
    "日本語のテキスト、中文文本 한국어 \u3000ideographic",
    "مرحبا بالعالم 123 ١٢٣",
    "e\u0301 decomposed, é composed, ﬁ ligature, Å angstrom \u212b",
    "<|endoftext|> <s> </s> <|im_start|>user\nhi<|im_end|> [INST] <bos><end_of_turn> <unk> <0x0A> <pad>",
    "I'LL don't WE'VE 1234567 12 3 x=1;y+=2",
    "zero\u200bwidth \ufeff bom \u2028 line \u00a0 nbsp",
    "x" * 300,
    " " * 50 + "deep",
)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CASED = (  # of the kind that tells capitals from small letters
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Kind:
    """A tokenizer's folder, described."""

    specials: Sequence[str]
    build: Callable[[], Tokenizer]
    added: Sequence[AddedToken] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    bos: str | None = None

    def save(self, folder: Path, template: str | None = None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = self.build()
        tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in self.specials])
        tokenizer.add_tokens(list(self.added))
        if self.bos:
            begins = (self.bos, tokenizer.token_to_id(self.bos))
            tokenizer.post_processor = processors.TemplateProcessing(
                single=f"{self.bos} $A", pair=f"{self.bos} $A $B", special_tokens=[begins]
            )
        tokenizer.save(str(folder / "tokenizer.json"))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **self.config}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        (folder / "config.json").write_text("{}")
        if template:
            (folder / "chat_template.jinja").write_text(template)
        return folder


def byte_level(*splits: Any, normalizer: Any = None, ignore_merges: bool = False, size: int = 420) -> Tokenizer:
    """A byte-level BPE, trained on TEXT, over those pre-splits; GPT-2's where there are none."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not splits)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, letters]) if splits else letters
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([TEXT] * 3, trainer)
    return tokenizer


def split(pattern: str) -> Any:
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False)


def sentencepiece_like(normalizer: Any, before: Any = None, strip: int = 1, control: Sequence[str] = ()) -> Tokenizer:
    """A BPE with byte fallback, of the pieces of TEXT; `control` have the first ids."""
    pieces = Tokenizer(models.BPE())
    pieces.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(vocab_size=200, show_progress=False, special_tokens=["▁"])
    pieces.train_from_iterator([TEXT] * 3, trainer)
    model = json.loads(pieces.to_str())["model"]
    spelt = [*control, *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(model["vocab"], key=model["vocab"].get)]
    vocab = {token: id for id, token in enumerate(dict.fromkeys(spelt))}
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if before:
        tokenizer.pre_tokenizer = before
    ends = [decoders.Strip(" ", strip, 0)] if strip else []
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *ends])
    return tokenizer


PHI3_MARKS = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
PREPEND = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
LLAMA2_CONTROL, GEMMA_CONTROL = ("<unk>", "<s>", "</s>"), ("<pad>", "<eos>", "<bos>", "<unk>")
GEMMA_ADDED = ("<start_of_turn>", "<end_of_turn>", "<h1>", "\n\n", "\n\n\n")
IM = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LLAMA3_SPECIALS = (
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
)  # fmt: skip
S = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def metaspace(scheme: Any) -> Any:
    return pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=False)


KINDS = {
    "gpt2": Kind(("<|endoftext|>",), byte_level, config={"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}),
    "llama3": Kind(
        LLAMA3_SPECIALS,
        lambda: byte_level(split(LLAMA3), ignore_merges=True),
        config={"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
        bos="<|begin_of_text|>",
    ),
    "qwen2": Kind(
        IM,
        lambda: byte_level(split(LLAMA3.replace("{1,3}", "")), normalizer=normalizers.NFC()),
        added=[AddedToken(token, normalized=False) for token in ("<tool_call>", "</tool_call>", "<think>", "</think>")],
        config={"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "add_bos_token": False},
    ),
    "smollm2": Kind(
        IM,
        lambda: byte_level(pre_tokenizers.Digits(True), split(GPT2)),
        config={"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"},
    ),
    "olmo2": Kind(
        ("<|endoftext|>",),
        lambda: byte_level(split(LLAMA3)),
        added=[AddedToken(" " * n, normalized=True) for n in (24, 8, 4, 2)] + [AddedToken("|||IP|||", normalized=True)],
        config={"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
    ),
    "phi4": Kind(
        (*IM, "<|im_sep|>"),
        lambda: byte_level(split(CASED)),
        added=[AddedToken("<|fim|>", rstrip=True, lstrip=True, normalized=False)],
        config={"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "add_bos_token": None},
    ),
    "llama2": Kind(LLAMA2_CONTROL, lambda: sentencepiece_like(PREPEND, control=LLAMA2_CONTROL), config=S, bos="<s>"),
    "phi3": Kind(
        (*LLAMA2_CONTROL[:2], "<|endoftext|>"),
        lambda: sentencepiece_like(PREPEND, control=LLAMA2_CONTROL),
        added=[AddedToken("</s>", rstrip=True, normalized=False)]
        + [AddedToken(name, special=True, rstrip=True, normalized=False) for name in PHI3_MARKS],
        config={"bos_token": "<s>", "eos_token": "<|endoftext|>", "unk_token": "<unk>", "add_bos_token": False},
    ),
    "mistral": Kind(
        (*LLAMA2_CONTROL, "[INST]", "[/INST]"),
        lambda: sentencepiece_like(None, metaspace("first"), control=LLAMA2_CONTROL),
        config=S,
        bos="<s>",
    ),
    "always": Kind(
        LLAMA2_CONTROL,
        lambda: sentencepiece_like(None, metaspace("always"), control=LLAMA2_CONTROL),
        added=[AddedToken("<tool>", normalized=False)],
        config=S,
    ),
    "gemma": Kind(
        GEMMA_CONTROL,
        lambda: sentencepiece_like(
            normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous"), 0, GEMMA_CONTROL
        ),
        added=[AddedToken(token, normalized=False) for token in GEMMA_ADDED],
        config={"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"},
        bos="<bos>",
    ),
}
