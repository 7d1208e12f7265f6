"""How a byte-level BPE splits a text before it merges, by the names that llama.cpp has for it.

A GGUF file holds such a name and no pattern. What each stands for: llama.cpp, src/llama-vocab.cpp.
"""

from typing import Any, NamedTuple

from tasks.models.vocabulary import PRE_SPLITS

_LETTERS = r"[^\r\n\p{L}\p{N}]?"
_CAPITALS, _SMALL = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEKKEN = rf"{_LETTERS}{_CAPITALS}*{_SMALL}+|{_LETTERS}{_CAPITALS}+{_SMALL}*|\p{{N}}|{_REST}"
_GPT4O = rf"{_LETTERS}{_CAPITALS}*{_SMALL}+{_ENDINGS}|{_LETTERS}{_CAPITALS}+{_SMALL}*{_ENDINGS}|\p{{N}}{{1,3}}|{_REST}"


class PreSplit(NamedTuple):
    """`patterns`: each splits what the one before it left; a name of PRE_SPLITS, "digits", or a pattern."""

    patterns: tuple[str, ...]
    ignores_merges: bool = False  # where the whole piece is a token
    begins: bool = False  # a text begins with bos, unless the file says otherwise


_GPT2, _DIGITS, _QWEN2, _LLAMA3 = PreSplit(("gpt2",)), PreSplit(("digits", "gpt2")), PreSplit(("qwen2",)), ("llama3",)
_NAMES = {
    PreSplit(_LLAMA3, ignores_merges=True, begins=True): "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral lfm2",
    PreSplit(_LLAMA3): "dbrx smaug-bpe chatglm-bpe glm4",
    _QWEN2: "qwen2 deepseek-r1-qwen stablelm2 megrez kormo hunyuan grok-2",
    _GPT2: "gpt-2 phi-2 olmo mpt jais trillion granite-docling exaone4 mellum",
    _DIGITS: "smollm starcoder refact command-r codeshell exaone minerva-7b",
    PreSplit((_TEKKEN,), ignores_merges=True, begins=True): "tekken",
    PreSplit((_GPT4O,)): "gpt-4o llama4",
    PreSplit((r"[\p{P}\$\+<=>\^~\|]+", "gpt2", r"\p{N}+", "[0-9][0-9][0-9]")): "default",
}
LLAMA_CPP_PRE_SPLITS = {name: pre_split for pre_split, names in _NAMES.items() for name in names.split()}


SAMPLE = (  # which these kinds split differently, and what each splits somewhere
    "Don't DON'T we'll WE'LL he's 'tis camelCaseWord ABCdef x2y 1 22 333 4444 1234567 3.14 ½²٣ $5+3=8 a_b-c a/b/\n/x\n"
    '  two   three\t\ttab \t x\r\n\r\n \n  end.  !!?\n\n... "q" (p) naïve cafe\u0301 Ünïcödé ΑΒΓαβγ Привет ДЖим '
    "日本語テキスト中文 한국어 עברית العربية हिन्दी ไทย 🙂👩‍👩‍👧\u200b\u00a0\u3000x ^|~`<=> #@&%  trailing   "
)


def name_of(pre_tokenizer: Any, ignores_merges: bool) -> str | None:
    """llama.cpp's name for a pre-tokenizer: of one that splits the sample alike; None where there is none."""
    pieces = pre_tokenizer.pre_tokenize_str(SAMPLE)
    for name, pre_split in LLAMA_CPP_PRE_SPLITS.items():
        alike = build_pre_tokenizer(pre_split).pre_tokenize_str(SAMPLE) == pieces
        if alike and pre_split.ignores_merges == ignores_merges:
            return name
    return None


def build_pre_tokenizer(pre_split: PreSplit) -> Any:
    """The pre-tokenizer of `tokenizers`, as models of this kind ship it."""
    from tokenizers import Regex, pre_tokenizers

    *before, last = pre_split.patterns
    digits = pre_tokenizers.Digits(individual_digits=True)
    splits = [
        digits if pattern == "digits" else pre_tokenizers.Split(Regex(PRE_SPLITS.get(pattern, pattern)), "isolated")
        for pattern in (before if last == "gpt2" else pre_split.patterns)
    ]
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=last == "gpt2")
    return pre_tokenizers.Sequence([*splits, letters]) if splits else letters
