"""Front matter is about the text: its keys are metadata, and what is no YAML stays where it is, with a note."""

import json
from pathlib import Path

import pytest

from tasks.ingest.read.markdown import UNREAD, split_front_matter
from tests.tasks.corpora import config_of, ingest_newest, write

NOTE = """---
title: A walk to the mill
date: 2023-07-06
tags: [river, mill]
mood: calm
rating: 4
id: note-7
---

# A walk

The mill was closed.
---
And it rained.
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.md", "a.markdown"])
def test_front_matter_becomes_metadata_and_the_body_is_the_text(tmp_path: Path, name: str, ending: str) -> None:
    files = {name: NOTE.replace("\n", ending).encode("utf-8-sig"), "b.md": "Plain.\n\n---\nNot at the head: x\n---\n"}
    result = ingest_newest(config_of(write(tmp_path / "in", files)), tmp_path)
    texts = {key.partition("#")[0]: text for key, text in result.texts.items()}
    assert texts[name].split() == ["#", "A", "walk", "The", "mill", "was", "closed.", "---", "And", "it", "rained."]
    assert texts["b.md"].startswith("Plain.") and "Not at the head" in texts["b.md"]
    metadata = next(json.loads(row["metadata"]) for row in result.documents if "mill" in row["text"])
    assert metadata == {
        "title": "A walk to the mill",
        "date": "2023-07-06",
        "tags": ["river", "mill"],
        "mood": "calm",
        "rating": 4,
        "front_matter_id": "note-7",
    }


@pytest.mark.parametrize(
    "front",
    [
        "title: [unclosed",
        "- a list\n- of things",
        "just words",
        "a: &x [1]\nb: [*x, *x]",
        "a: !!python/object/apply:os.system ['true']",
    ],
)
def test_front_matter_that_is_no_table_stays_in_the_text_and_is_noted(tmp_path: Path, front: str) -> None:
    text = f"---\n{front}\n---\nThe body."
    assert split_front_matter(text) == ({}, text)
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.md": text, "b.md": "good"})), tmp_path)
    assert text.split() in [row.split() for row in result.texts.values()]
    assert any(UNREAD in note and "books: a.md" in note for note in result.stats.notes)


def test_a_text_file_that_begins_with_dashes_keeps_them(tmp_path: Path) -> None:
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.txt": "---\ntitle: x\n---\nBody."})), tmp_path)
    assert "title: x" in next(iter(result.texts.values()))


def test_values_of_front_matter_keep_their_spelling_where_yaml_would_compute() -> None:
    values = "zip: 01234\ntime: 12:30:45\nversion: 1.10\non: yes\nbig: 1_000\nlong: 123456789012345678901"
    fields, _ = split_front_matter(
        f"---\n{values}\nat: 2024-01-02T03:04\nyear: 1990\nshare: 0.25\nopen: true\nnone:\n---\nBody."
    )
    assert fields == {
        **{"zip": "01234", "time": "12:30:45", "version": "1.10", "on": "yes", "big": "1_000"},
        **{"long": "123456789012345678901", "at": "2024-01-02T03:04"},
        **{"year": 1990, "share": 0.25, "open": True, "none": None},
    }


def test_front_matter_in_toml_is_metadata_too() -> None:
    text = '+++\ntitle = "A"\ndate = 2024-01-02\n[params]\nyear = 1990\n+++\n\nBody. 1 +++ 2'
    assert split_front_matter(text) == (
        {"title": "A", "date": "2024-01-02", "params": {"year": 1990}},
        "\nBody. 1 +++ 2",
    )
    assert split_front_matter("+++\nno table\n+++\nBody.") == ({}, "+++\nno table\n+++\nBody.")
