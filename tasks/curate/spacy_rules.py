"""How spaCy's rules split a chunk of text that lies between whitespace, and which chunks it must see together.

spaCy looks for special cases (":-(", "it's", "a.m.") in the tokens of a whole text, whatever blanks are between them:
in "so :( (he said" it meets ":((" and then leaves ":(" in two. Neighbours that may do so are rare, some twenty in a
million words, and are split as one chunk.
"""

from dataclasses import dataclass
from itertools import pairwise

NEED_A_SEGMENTER = ("ja", "th", "vi", "zh", "ko")  # more than rules: packages and dictionaries of their own


@dataclass(frozen=True, slots=True)
class Chunk:
    words: list[str]
    sentences: tuple[tuple[int, int], tuple[int, int]]  # from outside and after an end mark: starts, ends in a mark
    first: frozenset[str]  # its first token, with special cases and without, where a special case goes on with it
    last: frozenset[str]  # the same for its last token, where a special case begins with it

    @property
    def begins(self) -> bool:
        return bool(self.last)

    @property
    def continues(self) -> bool:
        return bool(self.first)


class Rules:
    """spaCy's blank pipeline with the sentencizer, as datatrove makes it for a language."""

    def __init__(self, language: str) -> None:
        from datatrove.utils.word_tokenizers import SpaCyTokenizer
        from spacy.tokenizer import Tokenizer

        nlp = SpaCyTokenizer(spacy_code(language)).tokenizer
        self.tokenizer = nlp.tokenizer
        names = ("prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")
        self.without_cases = Tokenizer(nlp.vocab, **{name: getattr(self.tokenizer, name) for name in names})
        self.sentence_ends = frozenset(nlp.get_pipe("sentencizer").punct_chars)
        cases = ([token.text for token in self.without_cases(case)] for case in self.tokenizer.rules)
        self.meetings = {pair for case in cases for pair in pairwise(case)}
        self.firsts = frozenset(first for first, _ in self.meetings)
        self.seconds = frozenset(second for _, second in self.meetings)

    def split(self, chunk: str) -> Chunk:
        tokens = list(self.tokenizer(chunk))
        texts = [token.text for token in tokens]
        bare = texts if chunk.isalpha() else [token.text for token in self.without_cases(chunk)]
        return Chunk(
            words=[word for text in texts if (word := text.strip())],
            sentences=(self._sentences(tokens, False), self._sentences(tokens, True)),
            first=frozenset((*texts[:1], *bare[:1], chunk)) & self.seconds,
            last=frozenset((*texts[-1:], *bare[-1:], chunk)) & self.firsts,
        )

    def may_meet(self, left: Chunk, right: Chunk) -> bool:
        """Whether two chunks, one blank apart, may hold a special case between them."""
        return any((last, first) in self.meetings for last in left.last for first in right.first)

    def _sentences(self, tokens: list, ended: bool) -> tuple[int, int]:
        """What the sentencizer does on the way through the tokens: sentences started, and whether a mark ended one."""
        starts = 0
        for token in tokens:
            is_end = token.text in self.sentence_ends
            if ended and not token.is_punct and not is_end:
                starts, ended = starts + 1, False
            elif is_end:
                ended = True
        return starts, int(ended)


def spacy_code(language: str) -> str:
    """spaCy's code for the language's rules: datatrove's choice where that is rules only, else 'xx', any language."""
    from datatrove.utils.word_tokenizers import load_tokenizer_assignments

    assigned = load_tokenizer_assignments().get(language)
    kind, code = assigned.args if assigned else ("", "")  # pyright: ignore[reportAttributeAccessIssue]
    return code if kind == "SpaCyTokenizer" and code not in NEED_A_SEGMENTER else "xx"
