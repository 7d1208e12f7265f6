import lzma
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from tasks.evaluate.baselines import NGramBaseline, xz_bits
from tasks.evaluate.ngrams import NGrams


def documents(count: int, symbols: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [np.minimum(random.geometric(0.2, size=random.integers(3, 30)) - 1, symbols - 1) for _ in range(count)]


@pytest.mark.parametrize(("symbols", "highest"), [(7, 5), (300, 3)])
@pytest.mark.parametrize("history", [[], [1, 0], [0, 0, 0, 1], [5, 6, 5, 6], [6, 6, 6, 6, 6, 6]])
def test_probabilities_of_all_symbols_sum_to_one_after_any_history(
    symbols: int, highest: int, history: list[int]
) -> None:
    model = NGrams(documents(200, symbols, 0), symbols, highest)
    sequences = [np.array([*history, symbol]) for symbol in range(symbols)]
    for order in range(1, model.highest + 1):
        p = [2 ** -part[-1] for part in model.bits_per_symbol(sequences, order)]
        assert min(p) > 0
        assert math.isclose(sum(p), 1.0, abs_tol=1e-12)


def test_probabilities_are_those_of_the_textbook_formula() -> None:
    texts = [list(map(int, d)) for d in documents(60, 6, 1)]
    model = NGrams([np.array(text) for text in texts], 6, 3)
    for history in ([2, 0], [0, 0], [5, 4], [0]):
        for symbol in range(6):
            ours = 2 ** -model.bits_per_symbol([np.array([*history, symbol])], 3)[0][-1]
            start = ["<s>"] if len(history) < 2 else []
            assert math.isclose(ours, textbook(texts, (*start, *history[-2:])[-2:], symbol), rel_tol=1e-9)


def textbook(texts: list[list[int]], history: tuple, symbol: int) -> float:
    """Interpolated modified Kneser-Ney with dictionaries, order 3, six symbols."""
    raw: list[Counter] = [Counter() for _ in range(4)]
    for text in texts:
        line = ["<s>", *text]
        for end in range(1, len(line)):
            for order in (1, 2, 3):
                if end - order + 1 >= 0:
                    raw[order][tuple(line[end - order + 1 : end + 1])] += 1
    counts = {3: raw[3]}
    for order in (1, 2):
        left = defaultdict(set)
        for gram in raw[order + 1]:
            left[gram[1:]].add(gram[0])
        counts[order] = Counter({gram: len(seen) for gram, seen in left.items()})
        counts[order].update({gram: n for gram, n in raw[order].items() if gram[0] == "<s>"})

    def probability(order: int, history: tuple) -> float:
        if order == 0:
            return 1 / 6
        lower = probability(order - 1, history[1:])
        of = Counter(counts[order].values())
        d = [0.0, 0.5, 1.0, 1.5]
        if all(of[k] for k in (1, 2, 3, 4)):
            y = of[1] / (of[1] + 2 * of[2])
            d = [0, *(k - (k + 1) * y * of[k + 1] / of[k] for k in (1, 2, 3))]
        following = {gram[-1]: n for gram, n in counts[order].items() if gram[:-1] == history}
        if not following:
            return lower
        own = following.get(symbol, 0)
        left = sum(d[min(n, 3)] for n in following.values())
        return (own - d[min(own, 3)] + left * lower) / sum(following.values())

    return probability(3, history)


def test_the_order_is_the_best_on_validation() -> None:
    train, validation = documents(300, 20, 2), documents(30, 20, 3)
    model = NGramBaseline(train, validation, 20, 4)
    spent = {
        order: sum(p.sum() for p in NGrams(train, 20, 4).bits_per_symbol(validation, order)) for order in (1, 2, 3, 4)
    }
    assert model.order == min(spent, key=spent.__getitem__)
    assert math.isclose(sum(model.bits(validation)), spent[model.order])


def test_the_cost_of_a_continuation_is_the_sum_over_its_symbols() -> None:
    model = NGramBaseline(documents(300, 20, 2), documents(30, 20, 3), 20, 3)
    (whole,) = model.log_likelihoods([([], [1, 2, 3, 4])])
    ((first,), (second,)) = model.log_likelihoods([([], [1, 2])]), model.log_likelihoods([([1, 2], [3, 4])])
    assert math.isclose(whole, first + second)


def test_the_cost_under_xz_is_the_difference_of_compressing_with_and_without_the_documents() -> None:
    random = np.random.default_rng(0)
    words = [b"river", b"horse", b"winter", b"letter", b"answer", b"garden", b"seven", b"yellow"]
    text = b" ".join(words[i] for i in random.integers(0, 8, 60_000))
    train, docs = text[:300_000], [text[300_000:330_000], text[330_000:]]

    def size(data: bytes) -> int:
        filters = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME}]
        return len(lzma.compress(data, lzma.FORMAT_RAW, filters=filters))

    (bits,) = xz_bits(train, [docs])
    expected = 8 * (size(train + b"\n" + b"\n".join(docs)) - size(train))
    assert math.isclose(bits, expected, rel_tol=0.02)


def test_xz_knows_what_it_has_read() -> None:
    secret = np.random.default_rng(1).bytes(50_000)
    known, fresh = xz_bits(secret + b"x" * 1000, [[secret[10_000:20_000]], [np.random.default_rng(2).bytes(10_000)]])
    assert known < 8 * 400
    assert fresh > 8 * 9_900
