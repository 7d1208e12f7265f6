"""spaCy's rules, applied to chunks of text between whitespace; chunks that may hold a special case are one.

spaCy looks for special cases (":-(", "it's", "a.m.") in the tokens of a whole text, whatever blanks are between them:
in "so :( (he" it meets ":((" and then leaves ":(" in two. Neighbours that may do so are rare, some twenty in a
million words, and are split as one chunk.

spaCy takes the signs around a chunk away one by one, and reads the whole rest of the chunk for each: the time grows
with the square of a run of signs. A long chunk is therefore given to it in pieces, which are cut between such signs, as
windows of a few characters show them: the same tokens, in linear time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

NEED_A_SEGMENTER = ("ja", "th", "vi", "zh", "ko")  # more than rules: packages and dictionaries of their own
LONG_CHUNK = 100  # characters, above which the signs around a chunk are cut off before spaCy sees it
LONG_CORE = 1_000  # characters between those signs that are split at once where the patterns to split at repeat groups
REPETITION = re.compile(r"[)\]][+*]")  # in a pattern, as in Greek's ([0-9])+(\.([0-9]+))*-: may take quadratic time
PIECE = 32  # characters of such signs in one piece, and the window in which the next sign is looked for
SIGNS_REMEMBERED = 1 << 16
USER = r"(?:\S+(?::\S*)?@)?", r"(?:\S+@)?"  # in spaCy's pattern of addresses, and what matches the same in linear time


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
        infixes = getattr(self.tokenizer.infix_finditer, "__self__", None)
        self.longest_core = LONG_CORE if infixes is None or REPETITION.search(infixes.pattern) else None
        self.tokenizer.url_match = _linear_address(self.tokenizer.url_match)
        if self.tokenizer.token_match:  # of few languages; each assignment costs spaCy its caches
            self.tokenizer.token_match = _short_only(self.tokenizer.token_match)
        self.prefix = lru_cache(SIGNS_REMEMBERED)(self.tokenizer.find_prefix)
        self.suffix = lru_cache(SIGNS_REMEMBERED)(self.tokenizer.find_suffix)
        names = ("prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")
        self.without_cases = Tokenizer(nlp.vocab, **{name: getattr(self.tokenizer, name) for name in names})
        self.sentence_ends = frozenset(nlp.get_pipe("sentencizer").punct_chars)
        cases = ([token.text for token in self.without_cases(case)] for case in self.tokenizer.rules)
        self.meetings = {pair for case in cases for pair in pairwise(case)}
        self.firsts = frozenset(first for first, _ in self.meetings)
        self.seconds = frozenset(second for _, second in self.meetings)
        self.joints = frozenset(first[-1] + second[0] for first, second in self.meetings)

    def split(self, chunks: list[str]) -> list[Chunk]:
        """Each chunk by itself, in pieces where it is long."""
        pieces = [self.pieces(chunk) for chunk in chunks]
        different = list(dict.fromkeys(piece for of_chunk in pieces for piece in of_chunk))
        split = dict(zip(different, self._split_short(different), strict=True))
        return [_joined([split[piece] for piece in of_chunk]) for of_chunk in pieces]

    def _split_short(self, chunks: list[str]) -> list[Chunk]:
        """Each chunk by itself; in one text, where line ends keep them apart, since a text costs more than a token."""
        tokens = self.tokenizer("\n".join(chunks))
        texts, punctuation = [token.text for token in tokens], [token.is_punct for token in tokens]
        bare = [token.text for token in self.without_cases("\n".join(chunks))]
        rows = zip(chunks, _between_line_ends(texts), _between_line_ends(bare), strict=True)
        return [self._chunk(chunk, texts[own], punctuation[own], bare[plain]) for chunk, own, plain in rows]

    def pieces(self, chunk: str) -> list[str]:
        """The chunk, or what it is cut into where it is long: signs, the core between them, and signs again."""
        if len(chunk) <= LONG_CHUNK:
            return [chunk]
        if " " in chunk:  # neighbours that may make a special case between them
            pieces = list[str]()
            for part in chunk.split(" "):
                first, *others = self.pieces(part)
                pieces[-1:] = [f"{pieces[-1]} {first}" if pieces else first, *others]
            return pieces
        begin, end = 0, len(chunk)
        before, after = [0], [len(chunk)]  # where pieces begin, and from the back where they end
        while end - begin > LONG_CHUNK:
            prefix = _affix(self.prefix, lambda size, at=begin: chunk[at : at + size], end - begin)
            suffix = _affix(self.suffix, lambda size, at=end: chunk[at - size : at], end - begin - prefix)
            begin, end = begin + prefix, end - suffix
            if self._may_cut(chunk, begin, begin - before[-1]):
                before.append(begin)
            if self._may_cut(chunk, end, after[-1] - end):
                after.append(end)
            if not prefix and not suffix:
                break
        inner = range(begin + self.longest_core, end, self.longest_core) if self.longest_core else ()
        cuts = [*before, begin, *inner, end, *reversed(after)]
        return [chunk[left:right] for left, right in pairwise(cuts) if left < right]

    def _may_cut(self, chunk: str, at: int, size: int) -> bool:
        """Whether a piece of that size may end here: within a special case only where it grows too long."""
        return size >= LONG_CHUNK or (size >= PIECE and chunk[at - 1 : at + 1] not in self.joints)

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


def _affix(length: Callable[[str], int], window: Callable[[int], str], available: int) -> int:
    """The length of the affix at one end of a chunk: in a small window, or a larger one where it nearly fills that."""
    size = PIECE
    while (found := length(window(min(size, available)))) > size // 2 and size < available:
        size *= 2
    return found


def _joined(pieces: list[Chunk]) -> Chunk:
    """A chunk of the pieces that it was cut into."""
    if len(pieces) == 1:
        return pieces[0]
    words = [word for piece in pieces for word in piece.words]
    return Chunk(words, (_sentences(pieces, 0), _sentences(pieces, 1)), pieces[0].first, pieces[-1].last)


def _sentences(pieces: list[Chunk], ended: int) -> tuple[int, int]:
    starts = 0
    for piece in pieces:
        more, ended = piece.sentences[ended]
        starts += more
    return starts, ended


def _linear_address(url_match: Any) -> Any:
    """spaCy's test for web addresses, without the part that tries each colon with each @ after it."""
    pattern = getattr(getattr(url_match, "__self__", None), "pattern", "")
    return re.compile(pattern.replace(*USER)).match if USER[0] in pattern else url_match


def _short_only(token_match: Any) -> Any:
    """A language's test for numbers and compounds, which no long chunk is."""
    return lambda chunk: token_match(chunk) if len(chunk) <= LONG_CHUNK else None


def _between_line_ends(texts: list[str]) -> list[slice]:
    ends = [i for i, text in enumerate(texts) if text == "\n"]
    return [slice(begin, end) for begin, end in zip([0, *(end + 1 for end in ends)], [*ends, len(texts)], strict=True)]


def spacy_code(language: str) -> str:
    """spaCy's code for the language's rules: datatrove's choice where that is rules only, else 'xx', any language."""
    from datatrove.utils.word_tokenizers import load_tokenizer_assignments

    assigned = load_tokenizer_assignments().get(language)
    kind, code = assigned.args if assigned else ("", "")  # pyright: ignore[reportAttributeAccessIssue]
    return code if kind == "SpaCyTokenizer" and code not in NEED_A_SEGMENTER else "xx"
