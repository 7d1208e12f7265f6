"""Near-duplicate pairs: candidates by MinHash bands, kept when the true Jaccard similarity of the shingles says so.

Within a partition and against those before it, so that a partition's pairs never change afterwards. Exact copies
stand for one text: each is paired with the first document of that text, and only that one is compared further.
"""

import numpy as np
import pyarrow as pa

from tasks.curate.config import MIN_STORED_SIMILARITY
from tasks.curate.index import Index

NEIGHBOURS = 16  # a band's bucket is compared with its first 16 documents and each one's last 16: linear in its size
SHINGLES_AT_ONCE = 1 << 22
SCHEMA = pa.schema([("doc_id", pa.string()), ("other_id", pa.string()), ("similarity", pa.float64())])


def find_pairs(index: Index, earlier: list[Index]) -> pa.Table:
    """doc_id of this partition, other_id before it in reading order (or in an earlier partition), similarity >= 0.5."""
    parts = [*earlier, index]
    ids = [name for part in parts for name in part.documents["doc_id"].to_pylist()]
    first = _first_of_text([text for part in parts for text in part.documents["text_hash"].to_pylist()])
    new_from = len(ids) - index.documents.num_rows
    shingles = [s for part in parts for s in part.shingles]
    compared = np.flatnonzero((first == np.arange(len(first))) & (np.fromiter(map(len, shingles), int) > 0))
    bands = np.concatenate([part.bands for part in parts])[compared]
    later, before = candidates(bands, int(np.searchsorted(compared, new_from)))
    later, before = compared[later], compared[before]
    similarity = jaccard(shingles, later, before)
    near = similarity >= MIN_STORED_SIMILARITY
    copies = new_from + np.flatnonzero(first[new_from:] != np.arange(new_from, len(first)))
    later = np.concatenate([copies, later[near]])
    before = np.concatenate([first[copies], before[near]])
    similarity = np.concatenate([np.ones(len(copies)), similarity[near]])
    order = np.lexsort((before, later))
    columns = [[ids[i] for i in later[order]], [ids[i] for i in before[order]], similarity[order]]
    return pa.table(columns, schema=SCHEMA)


def candidates(bands: np.ndarray, new_from: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (later, earlier) that agree in a band, the later one at or after `new_from`; sorted, each pair once."""
    rows = [np.zeros(0, np.int64)]
    size = len(bands)
    for column in bands.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if size else np.zeros(0, np.int64)
        start = np.repeat(starts, np.diff(np.append(starts, size)))
        place = np.arange(size)
        for offset in range(NEIGHBOURS):
            for target in (start + offset, place - 1 - offset):
                valid = (target < place) & (target >= start)
                valid[valid] = order[place[valid]] >= new_from
                rows.append(order[place[valid]] * size + order[target[valid]])
            if not (place - start > offset).any():
                break
    pairs = np.unique(np.concatenate(rows))
    return pairs // max(size, 1), pairs % max(size, 1)


def jaccard(shingles: list[np.ndarray], left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Size of the intersection over that of the union, a value for each pair of rows."""
    sizes = np.fromiter(map(len, shingles), np.int64, len(shingles))
    both = sizes[left] + sizes[right]
    result = np.zeros(len(left))
    begin = 0
    while begin < len(left):
        end = begin + max(1, int(np.searchsorted(np.cumsum(both[begin:]), SHINGLES_AT_ONCE, "right")))
        rows = range(begin, end)
        flat = np.concatenate([shingles[side[row]] for row in rows for side in (left, right)]).astype(np.uint64)
        pair = np.repeat(np.arange(end - begin, dtype=np.uint64), both[begin:end])
        keys = np.sort(flat | (pair << np.uint64(32)))
        shared = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
        common = np.bincount(shared.astype(np.int64), minlength=end - begin)
        result[begin:end] = common / (both[begin:end] - common)
        begin = end
    return result


def _first_of_text(hashes: list[str]) -> np.ndarray:
    """For each row the first row with the same text."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(text, row) for row, text in enumerate(hashes)], np.int64)
