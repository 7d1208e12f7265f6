"""The decision of a partition: conserved, explained, inherited by the next one, and compared with the truth."""

import json
import random
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tasks.curate import texts
from tasks.curate.audit import TRUTH
from tasks.curate.c4 import rewritten
from tasks.curate.config import C4, CurateConfig, DecisionConfig, Dedup, FineWeb, GopherQuality, Withdrawn
from tasks.curate.decide import SCHEMA, Folders, decide, deduplicated, verdicts
from tasks.curate.steps import CURATE, SIGNALS
from tasks.errors import UserError
from tasks.privacy import are_masked
from tasks.store.step import Stats, fingerprint

from .corpus import passages, write_documents
from .test_pairs import edit

LOOSE = CurateConfig(
    language="en", filters=("gopher_quality",), gopher_quality=GopherQuality(min_doc_words=5), workers=1
)


def run_signals(folder: Path, config: CurateConfig, earlier: dict[str, Path]) -> Path:
    out = folder / "signals"
    out.mkdir()
    SIGNALS(config.scoring, {"documents": folder / "documents", "earlier": earlier}, out)
    return out


def run_curate(folder: Path, config: DecisionConfig, name: str = "curate", earlier: tuple[Path, ...] = ()) -> Stats:
    (folder / name).mkdir()
    inputs = {
        "documents": folder / "documents",
        "signals": folder / "signals",
        "earlier_signals": {f"{i + 1:04d}": one / "signals" for i, one in enumerate(earlier)},
        "earlier": {f"{i + 1:04d}": one / "curate" for i, one in enumerate(earlier)},
    }
    return CURATE(config, inputs, folder / name)


def partition(folder: Path, texts: list[str], earlier: tuple[Path, ...] = (), withdrawn: Withdrawn = {}) -> list[dict]:  # noqa: B006
    """The rows of the decisions, after scoring and deciding."""
    ids = [f"{folder.name}/{i}" for i in range(len(texts))]
    write_documents(folder / "documents", texts, doc_id=ids)
    run_signals(folder, LOOSE, {f"{i + 1:04d}": one / "signals" for i, one in enumerate(earlier)})
    run_curate(folder, LOOSE.decide(withdrawn), earlier=earlier)
    return pq.read_table(folder / "curate" / "decisions.parquet").to_pylist()


THRESHOLDS = st.builds(
    CurateConfig,
    filters=st.lists(st.sampled_from(["gopher_quality", "gopher_repetition", "c4", "fineweb"]), unique=True).map(tuple),
    gopher_quality=st.builds(GopherQuality, min_doc_words=st.integers(0, 120), min_stop_words=st.integers(0, 8)),
    c4=st.builds(C4, min_num_sentences=st.integers(-1, 8), filter_curly_bracket=st.booleans()),
    fineweb=st.builds(FineWeb, line_punct_thr=st.floats(0, 1), new_line_ratio=st.floats(0, 1)),
    dedup=st.sampled_from(["none", "exact", "minhash"]),
    minhash=st.builds(Dedup, jaccard=st.floats(0.5, 1)),
    languages=st.sampled_from([(), ("en",), ("en", "ja")]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(THRESHOLDS)
def test_every_document_is_kept_or_dropped_for_a_reason_at_any_threshold(corpus: Path, config: CurateConfig) -> None:
    judged = verdicts(corpus / "signals" / "signals.parquet", config.decide())
    folders = Folders(corpus / "signals", {}, {})
    left = {row["cluster_id"] for row in deduplicated(config.decide(), folders, judged) if row["kept"]}
    assume(not 0 < len(left) < 3)  # too few for three splits: refused, as another test shows
    rows = decide(config.decide(), folders, judged).table
    ids = pq.read_table(corpus / "signals" / "signals.parquet")["doc_id"].to_pylist()
    assert rows["doc_id"].to_pylist() == ids
    kept = {row["doc_id"] for row in rows.to_pylist() if row["kept"]}
    for row in rows.to_pylist():
        assert row["kept"] == (row["reason"] is None) == (row["reasons"] == [])
        assert row["kept"] or row["reason"] == row["reasons"][0]
        assert (row["kept_id"] in kept) == (row["reason"] in ("exact_duplicate", "near_duplicate"))
        assert row["split"] in ("train", "validation", "test")


def test_a_changed_threshold_decides_again_and_does_not_score_again() -> None:
    key = {"documents": "k"}
    english = partial(CurateConfig, language="en")  # datatrove's engine knows one language
    base = english()
    for changed in (
        english(gopher_quality=GopherQuality(min_doc_words=49)),
        english(c4=C4(min_num_sentences=3)),
        english(minhash=Dedup(jaccard=0.8)),
        english(filters=("c4",), dedup="exact", c4_rewrite=True, languages=("en",), engine="datatrove"),
    ):
        assert fingerprint(SIGNALS, changed.scoring, key) == fingerprint(SIGNALS, base.scoring, key)
        assert fingerprint(CURATE, changed.decide(), key) != fingerprint(CURATE, base.decide(), key)
    others = (C4(min_words_per_line=2), C4(remove_citations=False))
    assert all(
        fingerprint(SIGNALS, english(c4=c4).scoring, key) != fingerprint(SIGNALS, base.scoring, key) for c4 in others
    )


def test_texts_are_the_kept_documents_normalised_in_reading_order(tmp_path: Path) -> None:
    texts = [f"{text}\r\n\x00The end of it, cafe\u0301." for text in passages(40)]
    partition(tmp_path, texts)
    rows = pq.read_table(tmp_path / "curate" / "texts.parquet").to_pylist()
    decisions = pq.read_table(tmp_path / "curate" / "decisions.parquet")
    assert decisions.schema == SCHEMA
    assert [row["doc_id"] for row in rows] == [row["doc_id"] for row in decisions.to_pylist() if row["kept"]]
    assert rows[0]["text"] == texts[0].replace("\r\n\x00The end of it, cafe\u0301", "\nThe end of it, café")
    assert all(row["bytes"] == len(row["text"].encode()) for row in rows)


def test_later_partitions_find_copies_of_old_documents_and_leave_the_old_alone(tmp_path: Path) -> None:
    texts, draw = [text for text in passages(120) if len(text.split()) > 120], random.Random(1)
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    old = partition(one, texts[:40])
    new = partition(two, [texts[3], edit(texts[5], 0.01, draw), *texts[40:60]], earlier=(one,))
    assert (new[0]["reason"], new[0]["kept_id"], new[0]["similarity"]) == ("exact_duplicate", "one/3", 1.0)
    assert (new[1]["reason"], new[1]["kept_id"]) == ("near_duplicate", "one/5")
    assert new[1]["similarity"] >= 0.7
    assert [new[0]["split"], new[1]["split"]] == [old[3]["split"], old[5]["split"]]
    assert [new[0]["cluster_id"], new[1]["cluster_id"]] == ["one/3", "one/5"]
    third = partition(three, [texts[45], texts[3], texts[70]], earlier=(one, two))
    assert [row["kept_id"] for row in third] == ["two/7", "one/3", None]


def test_withdrawn_documents_are_not_what_is_kept_for_others(tmp_path: Path) -> None:
    texts = passages(60)
    one, two = tmp_path / "one", tmp_path / "two"
    partition(one, texts[:40])
    rows = partition(two, [texts[3], texts[4]], (one,), withdrawn={"0001": {"s": {"3": "superseded"}}})
    assert [row["kept"] for row in rows] == [True, False]


def test_a_later_partition_may_lose_all_its_documents(tmp_path: Path) -> None:
    texts = passages(40)
    partition(tmp_path / "one", texts)
    rows = partition(tmp_path / "two", texts[:5], (tmp_path / "one",))
    assert not any(row["kept"] for row in rows)
    assert pq.read_table(tmp_path / "two" / "curate" / "texts.parquet").num_rows == 0


def test_filters_that_drop_everything_are_an_error_with_the_flags_that_loosen_them(corpus: Path) -> None:
    config = CurateConfig(gopher_quality=GopherQuality(min_doc_words=10**6))
    with pytest.raises(UserError, match=r"all \d+ documents were dropped: gopher_short_doc") as error:
        run_curate(corpus, config.decide(), "nothing")
    assert "--set curate.gopher_quality.min_doc_words=0" in error.value.cure
    decided = pq.read_table(corpus / "nothing" / "decisions.parquet")
    assert set(decided["reason"].to_pylist()) >= {"gopher_short_doc"} and str(corpus / "nothing") in error.value.cure


def test_decisions_that_fill_no_three_splits_can_be_read(tmp_path: Path) -> None:
    words = next(text for text in passages(40) if len(text.split()) > 120).split()
    near = [" ".join([*words[:i], "otherwise", *words[i + 1 :]]) for i in range(40, 60)]
    with pytest.raises(UserError, match="near_duplicate drops 19") as error:
        partition(tmp_path / "one", near)
    decided = pq.read_table(tmp_path / "one" / "curate" / "decisions.parquet")
    assert decided["reason"].to_pylist().count("near_duplicate") == 19
    assert "decisions.parquet" in error.value.cure and "curate.dedup=exact" in error.value.cure


def test_near_duplicates_that_are_much_of_a_corpus_are_reported(tmp_path: Path) -> None:
    texts = list(dict.fromkeys(passages(40)))
    words = next(text for text in texts if len(text.split()) > 120).split()
    near = [" ".join([*words[:i], "otherwise", *words[i + 1 :]]) for i in range(40, 60)]
    write_documents(tmp_path / "documents", [*texts, *near])
    run_signals(tmp_path, LOOSE, {})
    stats = run_curate(tmp_path, LOOSE.decide())
    (note,) = [note for note in stats.notes if note.startswith("near_duplicate alone drops 20 of")]
    assert "--set curate.dedup=exact" in note


def test_one_rule_that_drops_much_alone_is_reported_with_its_flag(corpus: Path) -> None:
    stats = run_curate(corpus, CurateConfig(filters=("c4",), c4=C4(min_num_sentences=7)).decide(), "strict")
    note = next(note for note in stats.notes if note.startswith("too_few_sentences alone drops"))
    assert "--set curate.c4.min_num_sentences=-1" in note
    examples = [note for note in stats.notes if note.startswith("  for example ")]
    dropped = {
        row["doc_id"] for row in pq.read_table(corpus / "strict" / "decisions.parquet").to_pylist() if row["reason"]
    }
    assert len(examples) == 5 and {line.split()[2].rstrip(":") for line in examples} <= dropped
    assert any("the rules drop" in note for note in stats.notes) == (len(dropped) > 150)
    assert stats.funnel and stats.metrics["dropped_too_few_sentences"] == stats.funnel.dropped["too_few_sentences"]


def test_datatroves_engine_decides_the_same_corpus_alike(corpus: Path) -> None:
    config = CurateConfig(language="en", languages=("en", "ja"))
    run_curate(corpus, config.decide(), "ours")
    run_curate(corpus, config.decide().model_copy(update={"engine": "datatrove"}), "theirs")
    ours, theirs = (pq.read_table(corpus / name / "decisions.parquet") for name in ("ours", "theirs"))
    assert ours.schema == theirs.schema
    assert ours.drop_columns(["reasons"]).equals(theirs.drop_columns(["reasons"]))
    assert (corpus / "ours" / "texts.parquet").read_bytes() == (corpus / "theirs" / "texts.parquet").read_bytes()


def test_c4s_rewriting_takes_lines_out_of_the_training_text_only(corpus: Path) -> None:
    run_curate(corpus, CurateConfig(language="en", filters=(), c4_rewrite=True).decide(), "rewritten")
    run_curate(corpus, CurateConfig(filters=()).decide(), "whole")
    texts = {r["doc_id"]: r["text"] for r in pq.read_table(corpus / "whole" / "texts.parquet").to_pylist()}
    rows = pq.read_table(corpus / "rewritten" / "texts.parquet").to_pylist()
    assert all(row["text"] == rewritten(texts[row["doc_id"]], C4()) != "" for row in rows)
    gone = pq.read_table(corpus / "rewritten" / "decisions.parquet").to_pylist()
    assert any(row["reason"] == "empty" and texts.get(row["doc_id"]) for row in gone)


def test_planted_dirt_is_counted_by_kind_and_so_are_false_alarms(tmp_path: Path) -> None:
    texts, draw = [text for text in passages(80) if len(text.split()) > 150], random.Random(2)
    dirt = [texts[0], texts[1], edit(texts[2], 0.01, draw), edit(texts[3], 0.9, draw), "$ % 7 ! " * 90]
    dirt += [f"{texts[4]} Write to nobody@example.org.", f"{texts[5]} Nothing of the kind is in here."]
    count = len(texts[:50])
    write_documents(tmp_path / "documents", [*texts[:50], *dirt, texts[7], f"{texts[6]} Call (202) 555-0143."])
    rows = [("exact_copy", None, "s/0"), ("exact_copy", None, "s/1"), ("near_copy", 0.01, "s/2")]
    rows += [("near_copy", 0.9, "s/3"), ("gibberish", None, None), ("pii", None, None), ("pii", None, None)]
    truth = [{"doc_id": f"s/{count + i}", "kind": k, "level": v, "of": of} for i, (k, v, of) in enumerate(rows)]
    truth += [{"doc_id": f"s/planted.jsonl#{i}", "kind": "broken"} for i in (3, 4)]
    pq.write_table(pa.Table.from_pylist([{"detail": "email"} | row for row in truth]), tmp_path / "documents" / TRUTH)
    refused = [{"source": "s", "uri": "planted.jsonl", "position": i} for i in (4, 9)]
    pq.write_table(pa.Table.from_pylist(refused), tmp_path / "documents" / "quarantine.parquet")
    run_signals(tmp_path, LOOSE, {})
    stats = run_curate(tmp_path, LOOSE.decide())
    assert "exact duplicates: planted 2, found 2, 1 false alarms (exact_copy 2/2)" in stats.notes
    assert stats.metrics["near_duplicates_found"] == 1
    planted = {row["detector"]: row for row in json.loads((tmp_path / "curate" / "planted.json").read_text())}
    assert planted["near_duplicates"]["kinds"] == {"near_copy 0.01": [1, 1], "near_copy 0.9": [1, 0]}
    assert planted["filters"]["found"] == 1
    assert planted["personal_data"] | {"kinds": {"pii": [2, 1]}, "false_alarms": 1} == planted["personal_data"]
    assert planted["broken_records"] | {"kinds": {"broken": [2, 1]}, "false_alarms": 1} == planted["broken_records"]


PERSONAL = [
    "Mail jane@example.org, or call (202) 555-0143.",
    "It is 10.0.0.1 and jane@example.org.",
    "Nobody's data is in here.",
    "To b@a.org.",
]
MASKED = ["Mail [email], or call [phone].", "It is [ip] and [email].", "Nobody's data is in here.", "To [email]."]


def curate_personal_data(folder: Path, **settings: object) -> tuple[list[dict], Stats]:
    """The rows that curate writes for texts with personal data, and its statistics."""
    metadata = ['{"author": "jane@example.org", "year": 1999}', "{}", "{}", "{}"]
    config = LOOSE.model_copy(update={"filters": (), "dedup": "none", **settings})
    write_documents(folder / "documents", PERSONAL, metadata=metadata)
    run_signals(folder, config, {})
    stats = run_curate(folder, config.decide())
    return pq.read_table(folder / "curate" / "texts.parquet").to_pylist(), stats


def test_personal_data_is_masked_in_the_text_and_metadata_that_training_reads_and_counted(tmp_path: Path) -> None:
    rows, stats = curate_personal_data(tmp_path)
    assert [row["text"] for row in rows] == MASKED
    assert [row["bytes"] for row in rows] == [len(row["text"]) for row in rows]
    assert json.loads(rows[0]["metadata"]) == {"author": "[email]", "year": 1999}
    masks = {name: count for name, count in stats.metrics.items() if name.startswith("masked_")}
    assert masks == {"masked_email": 3, "masked_ip": 1, "masked_phone": 1}
    assert are_masked([tmp_path / "curate" / "texts.parquet"])


def test_one_switch_leaves_personal_data_in_and_the_file_records_it(tmp_path: Path) -> None:
    rows, stats = curate_personal_data(tmp_path, mask_personal_data=False)
    assert [row["text"] for row in rows] == PERSONAL and "jane@" in rows[0]["metadata"]
    assert not any(name.startswith("masked_") for name in stats.metrics)
    assert not are_masked([tmp_path / "curate" / "texts.parquet"])


def test_texts_are_the_same_bytes_from_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curate_personal_data(tmp_path / "one")
    monkeypatch.setattr(texts, "BYTES_WORTH_A_POOL", 0)
    monkeypatch.setattr(texts, "ROWS_AT_ONCE", 1)
    curate_personal_data(tmp_path / "two", workers=2)
    one, two = (pq.read_table(tmp_path / name / "curate" / "texts.parquet") for name in ("one", "two"))
    assert one.equals(two)


def test_text_to_show_is_what_is_trained_on_and_a_dropped_one_is_masked_alike(tmp_path: Path) -> None:
    rows, _ = curate_personal_data(tmp_path, keep_if={"long": "characters > 12"})
    folders = ({"1": tmp_path / "documents"}, {"1": tmp_path / "curate"})
    shown = texts.texts_to_show(*folders, ["s/0", "s/3"], CurateConfig())
    assert shown == {"s/0": MASKED[0], "s/3": MASKED[3]}
    assert [row["doc_id"] for row in rows] == ["s/0", "s/1", "s/2"]
