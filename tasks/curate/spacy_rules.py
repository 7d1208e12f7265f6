"""spaCy's rules, applied to chunks of text between whitespace; chunks that may hold a special case are one.

spaCy looks for special cases (":-(", "it's", "a.m.") in the tokens of a whole text, whatever blanks are between them:
in "so :( (he" it meets ":((" and then leaves ":(" in two. Neighbours that may do so are rare, some twenty in a
million words, and are split as one chunk.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

NEED_A_SEGMENTER = ("ja", "th", "vi", "zh", "ko")  # more than rules: packages and dictionaries of their own


@dataclass(frozen=True, slots=True)
class Chunk:
    words: list[str]
    sentences: tuple[tuple[int, int], tuple[int, int]]  # from outside and after an end mark: starts, ends in a mark
    first: frozenset[str]  # its first token, with special cases and without, where a special case goes on with it
    last: frozenset[str]  # the same for its last token, where a special case begins with it


WHITESPACE = Chunk([], ((0, 0), (1, 0)), frozenset(), frozenset())  # no word, but a token: a sentence may start at it


class SpacyRules:
    """spaCy's blank pipeline with the sentencizer, as datatrove makes it for a language."""

    def __init__(self, language: str) -> None:
        from datatrove.utils.word_tokenizers import SpaCyTokenizer
        from spacy.attrs import IS_PUNCT
        from spacy.tokenizer import Tokenizer

        nlp = SpaCyTokenizer(spacy_code(language)).tokenizer
        vocab: Any = nlp.vocab
        vocab.lex_attr_getters = {IS_PUNCT: vocab.lex_attr_getters[IS_PUNCT]}  # the only one that is read here
        self.tokenizer = nlp.tokenizer
        names = ("prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")
        self.without_cases = Tokenizer(nlp.vocab, **{name: getattr(self.tokenizer, name) for name in names})
        self.sentence_ends = frozenset(nlp.get_pipe("sentencizer").punct_chars)
        cases = ([token.text for token in self.without_cases(case)] for case in self.tokenizer.rules)
        self.meetings = {pair for case in cases for pair in pairwise(case)}
        self.firsts = frozenset(first for first, _ in self.meetings)
        self.seconds = frozenset(second for _, second in self.meetings)

    def split(self, chunks: list[str]) -> list[Chunk]:
        """Each chunk by itself; in one text, where line ends keep them apart, since a text costs more than a token."""
        tokens = self.tokenizer("\n".join(chunks))
        texts, punctuation = [token.text for token in tokens], [token.is_punct for token in tokens]
        bare = [token.text for token in self.without_cases("\n".join(chunks))]
        rows = zip(chunks, _between_line_ends(texts), _between_line_ends(bare), strict=True)
        return [self._chunk(chunk, texts[own], punctuation[own], bare[plain]) for chunk, own, plain in rows]

    def _chunk(self, chunk: str, texts: list[str], punctuation: list[bool], bare: list[str]) -> Chunk:
        return Chunk(
            words=[word for text in texts if (word := text.strip())],
            sentences=(self._sentences(texts, punctuation, False), self._sentences(texts, punctuation, True)),
            first=self.seconds.intersection((*texts[:1], *bare[:1], chunk)),
            last=self.firsts.intersection((*texts[-1:], *bare[-1:], chunk)),
        )

    def may_meet(self, left: Chunk, right: Chunk) -> bool:
        """True where two chunks, one blank apart, may hold a special case between them."""
        return any((last, first) in self.meetings for last in left.last for first in right.first)

    def _sentences(self, texts: list[str], punctuation: list[bool], ended: bool) -> tuple[int, int]:
        """The sentences that the sentencizer starts in these tokens, and 1 where an end mark came last."""
        starts = 0
        for text, is_punctuation in zip(texts, punctuation, strict=True):
            is_end = text in self.sentence_ends
            if ended and not is_punctuation and not is_end:
                starts, ended = starts + 1, False
            elif is_end:
                ended = True
        return starts, int(ended)


def _between_line_ends(texts: list[str]) -> list[slice]:
    ends = [i for i, text in enumerate(texts) if text == "\n"]
    return [slice(begin, end) for begin, end in zip([0, *(end + 1 for end in ends)], [*ends, len(texts)], strict=True)]


def spacy_code(language: str) -> str:
    """spaCy's code for the language's rules: datatrove's choice where that is rules only, else 'xx', any language."""
    from datatrove.utils.word_tokenizers import load_tokenizer_assignments

    assigned = load_tokenizer_assignments().get(language)
    kind, code = assigned.args if assigned else ("", "")  # pyright: ignore[reportAttributeAccessIssue]
    return code if kind == "SpaCyTokenizer" and code not in NEED_A_SEGMENTER else "xx"
