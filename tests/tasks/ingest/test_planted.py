"""Planted dirt is what its truth says it is."""

import random
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.ingest.planted import CUT_OFF, EDITED, FAULTS, SLOTS, Original, plant, planted_count
from tasks.ingest.planted_text import NOISES, PERSONAL, SCRIPTS, boilerplate, gibberish, other_script, personal
from tasks.ingest.sources import PlantedSource
from tasks.ingest.steps import IngestConfig
from tests.tasks.corpora import IngestResult, ingest_newest, jsonl, write
from tests.tasks.ingest.test_ingest import ADDRESSES

FORTY_YEARS = ADDRESSES | {"include": ["*/speeches/179*.txt", "*/speeches/18[0-2]*.txt"]}
SOURCES = {"addresses": FORTY_YEARS, "dirt": {"kind": "planted", "of": "addresses", "share": 0.4, "seed": 7}}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> IngestResult:
    config = IngestConfig.model_validate({"sources": SOURCES, "max_bad_fraction": 0, "max_bad_records": 0})
    return ingest_newest(config, tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def truth(corpus: IngestResult) -> list[dict[str, Any]]:
    return pq.read_table(corpus.folder / "truth.parquet").to_pylist()


@pytest.fixture(scope="module")
def texts(corpus: IngestResult) -> dict[str, str]:
    return {row["doc_id"]: row["text"] for row in corpus.documents}


def test_the_planted_share_is_of_all_documents(corpus: IngestResult, truth: list[dict[str, Any]]) -> None:
    originals = sum(row["source"] == "addresses" for row in corpus.documents)
    assert len(truth) / (originals + len(truth)) == pytest.approx(0.4, abs=0.01)
    assert planted_count(PlantedSource(of="a", share=0.08), 6966) == 606
    assert planted_count(PlantedSource(of="a", share=0.5, most=10), 6966) == 10


def test_every_kind_and_level_and_variant_is_planted(truth: list[dict[str, Any]]) -> None:
    kinds = Counter((row["kind"], row["level"]) for row in truth)
    assert {level for kind, level in kinds if kind == "near_copy"} == set(EDITED)
    assert {level for kind, level in kinds if kind == "truncation"} == set(CUT_OFF)
    assert {row["detail"] for row in truth if row["kind"] == "other_script"} == set(SCRIPTS)
    assert {row["detail"] for row in truth if row["kind"] == "broken"} == set(FAULTS)
    of_each = Counter(row["kind"] for row in truth)
    assert len(of_each) == 8
    assert of_each["near_copy"] >= 2.5 * of_each["exact_copy"]


def test_every_row_of_the_truth_is_a_document_or_a_quarantine_row(
    corpus: IngestResult, truth: list[dict[str, Any]], texts: dict[str, str]
) -> None:
    broken = {row["doc_id"] for row in truth if row["kind"] == "broken"}
    assert broken == {f"{row['source']}/{row['uri']}#{row['position']}" for row in corpus.quarantine}
    planted = {row["doc_id"] for row in corpus.documents if row["source"] == "dirt"}
    assert planted == {row["doc_id"] for row in truth} - broken
    assert all(row["of"] in texts for row in truth if row["of"])


def test_copies_are_edited_as_much_as_their_level_says(truth: list[dict[str, Any]], texts: dict[str, str]) -> None:
    for row in truth:
        if row["kind"] == "exact_copy":
            assert texts[row["doc_id"]] == texts[row["of"]]
        elif row["kind"] == "near_copy":
            copy, original = texts[row["doc_id"]].split(" "), texts[row["of"]].split(" ")
            edited = sum(a != b for a, b in zip(copy, original, strict=True))
            assert edited == max(1, round(row["level"] * len(original)))
        elif row["kind"] == "truncation":
            copy, original = texts[row["doc_id"]], texts[row["of"]]
            assert original.startswith(copy)
            assert len(copy.split(" ")) / len(original.split(" ")) == pytest.approx(1 - row["level"], abs=0.02)


def test_a_copy_shares_its_originals_origin_and_nothing_reveals_planted_dirt(
    corpus: IngestResult, truth: list[dict[str, Any]]
) -> None:
    by_id = {row["doc_id"]: row for row in corpus.documents}
    for row in truth:
        if row["kind"] != "broken":
            planted = by_id[row["doc_id"]]
            assert planted["origin"] == (by_id[row["of"]]["origin"] if row["of"] else row["doc_id"])
            assert (planted["metadata"], planted["licence"], planted["language"]) == (
                "{}",
                "public domain",
                None,
            )
            assert re.fullmatch(r"dirt/\d{5}", row["doc_id"])


def test_records_broken_on_purpose_do_not_stop_the_run(corpus: IngestResult) -> None:
    """The fixture allows no bad record at all."""
    assert len(corpus.quarantine) >= len(FAULTS)
    assert {row["source"] for row in corpus.quarantine} == {"dirt"}
    assert any(f"of them {len(corpus.quarantine)} broken" in note for note in corpus.stats.notes)


def test_each_fault_has_its_own_reason(corpus: IngestResult, truth: list[dict[str, Any]]) -> None:
    reasons = {f"dirt/{row['uri']}#{row['position']}": row["reason"] for row in corpus.quarantine}
    by_fault = {row["detail"]: re.sub(r"\d+", "", reasons[row["doc_id"]]) for row in truth if row["kind"] == "broken"}
    assert len(set(by_fault.values())) == len(FAULTS)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    originals = [Original(f"a/{i}", f"Text {i}. " + "Some words of it. " * 30, f"a/{i}") for i in range(50)]

    def plant_with(seed: int, name: str) -> tuple[bytes, list]:
        truth = plant("p", PlantedSource(of="a", seed=seed), originals, 40, tmp_path / name)
        return (tmp_path / name).read_bytes(), truth

    assert plant_with(1, "one") == plant_with(1, "two")
    assert plant_with(1, "one") != plant_with(2, "three")


def test_dirt_can_be_planted_from_tiny_and_odd_originals(tmp_path: Path) -> None:
    records = jsonl(*({"id": i, "text": text} for i, text in enumerate(["a", "a a a", "\n", "x" * 3000, "b\n\nb"])))
    sources = {"a": {"kind": "folder", "path": write(tmp_path / "in", {"a.jsonl": records})}}
    sources |= {"p": {"kind": "planted", "of": "a", "share": 0.5}}
    config = IngestConfig.model_validate({"sources": sources, "max_bad_records": 1})
    assert len(ingest_newest(config, tmp_path).documents) >= 4


def test_generated_texts_match_their_names() -> None:
    rng = random.Random(3)
    for name in SCRIPTS:
        letters = [c for c in other_script(rng, name) if unicodedata.category(c).startswith("L")]
        assert len(letters) > 300
        assert all(name.split("_")[0].upper()[:3] in unicodedata.name(c) or name == "han" for c in letters)
    assert all(len(gibberish(rng, of).split()) == 120 for of in NOISES)
    assert len(set(gibberish(rng, "stutter").split())) <= 3
    assert "cookie" in boilerplate(rng, "cookies")


def test_made_up_numbers_have_right_check_digits() -> None:
    rng = random.Random(5)
    sentences = {kind: personal(rng, kind) for kind in PERSONAL}
    assert all(re.search(r"[\w.]+@example\.org", text) for text in sentences.values())
    digits = [int(c) for c in re.sub(r"\D", "", sentences["card"].split("card ")[1])]
    assert len(digits) == 16
    assert sum(sum(divmod(2 * d, 10)) if i % 2 == 0 else d for i, d in enumerate(digits)) % 10 == 0
    iban = sentences["iban"].split("pay to ")[1].rstrip(".")
    assert int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def test_each_slot_holds_variants_of_one_kind() -> None:
    assert all(len({dirt.kind for dirt in slot}) == 1 for slot in SLOTS)
