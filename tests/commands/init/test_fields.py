"""Which field of a folder's records is its text, as `init` chooses it: in exports, tables, archives, conversations."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from commands.init.survey import Survey, survey
from tasks.errors import UserError
from tasks.home import Home
from tests.tasks.corpora import config_of, ingest_newest, jsonl, write
from tests.tasks.ingest.test_archives import zip_of
from tests.tasks.languages import GERMAN, JAPANESE, document

DRAW = random.Random(11)
TEXTS = [document(GERMAN, DRAW) for _ in range(3)]
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def surveyed_folder(tmp_path: Path, files: dict[str, bytes | str]) -> Survey:
    return survey(write(tmp_path / "in", files), Home(tmp_path / "home"))


def rows(**fields: object) -> bytes:
    return jsonl(*[fields] * 3)


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ({"link": "https://news.example.org/" + "a-long-slug-" * 9, "headline": "Old man wins the race"}, "headline"),
        ({"key": UUID * 3, "sent": "Monday, 5 February 2024, 10:00:00 +0100", "body": "She came home at ten"}, "body"),
        ({"image": "data:image/png;base64," + "iVBORw0KGgo1" * 99, "caption": "A dog runs"}, "caption"),
        ({"title": "Nebel", "satz": JAPANESE[0]}, "satz"),
        ({"label": "very positive", "sequence": "ACGTTGCA" * 20}, "sequence"),
        ({"chosen": TEXTS[0], "rejected": TEXTS[0] + TEXTS[1]}, "chosen"),
        ({"text": "Ja", "body": TEXTS[0]}, "text"),
    ],
)  # fmt: skip
def test_the_text_is_the_field_with_the_most_prose(tmp_path: Path, fields: dict[str, str], chosen: str) -> None:
    surveyed = surveyed_folder(tmp_path, {"a.jsonl": rows(**fields)})
    assert surveyed.text_fields == (chosen,)
    assert surveyed.texts[0] == fields[chosen]
    assert surveyed.examples == {chosen: " ".join(fields[chosen].split())[:60]}


TURNS = ["Wie war die Reise nach Bremen?", "Schön, der Nebel lag über dem Fluss."]
IN_PARTS = [TURNS[1][:5], {"type": "bold", "text": TURNS[1][5:]}]
TALKS = {
    "OpenAI": ("messages", [{"role": "user", "content": TURNS[0]}, {"role": "assistant", "content": TURNS[1]}]),
    "parts": ("messages", [{"role": "user", "content": [{"type": "text", "text": text}]} for text in TURNS]),
    "ShareGPT": ("conversations", [{"from": "human", "value": TURNS[0]}, {"from": "gpt", "value": TURNS[1]}]),
    "Telegram": ("messages", [{"type": "message", "from": "Anna", "text": text} for text in (TURNS[0], IN_PARTS)]),
    "Claude": ("chat_messages", [{"uuid": UUID, "sender": "human", "text": text} for text in TURNS]),
    "ChatGPT": (
        "mapping",
        {"root": {"id": "root", "message": None}}
        | {text: {"message": {"content": {"content_type": "text", "parts": [text]}}} for text in TURNS},
    ),
}


@pytest.mark.parametrize("kind", TALKS)
def test_a_conversation_is_one_text_whatever_its_form_and_its_siblings(tmp_path: Path, kind: str) -> None:
    field, messages = TALKS[kind]
    record = {
        "conversation_id": UUID,
        "source": "a rather long name of where all this came from, to be sure",
        field: messages,
    }
    surveyed = surveyed_folder(tmp_path, {"a.json": json.dumps([record] * 3)})
    assert surveyed.text_fields == (field,)
    assert set(surveyed.texts) == {"\n\n".join(TURNS)}
    result = ingest_newest(config_of(tmp_path / "in", text_field=field), tmp_path)
    assert [row["text"] for row in result.documents] == ["\n\n".join(TURNS)] * 3
    lone = survey(write(tmp_path / "one", {"result.json": json.dumps(record)}), Home(tmp_path / "home"))
    assert lone.documents == 1


def test_conversations_that_an_assistant_ends_are_fine_tuning_rows_and_others_are_not(tmp_path: Path) -> None:
    files = {kind: jsonl(*({TALKS[kind][0]: TALKS[kind][1], "n": i} for i in range(40))) for kind in TALKS}
    for kind, is_finetuning_row in {"OpenAI": True, "ShareGPT": True, "Telegram": False, "parts": False}.items():
        surveyed = survey(write(tmp_path / kind, {"a.jsonl": files[kind]}), Home(tmp_path / "home"))
        assert [*surveyed.rows_files] == (["instruct"] if is_finetuning_row else []), kind


def test_text_deeper_than_the_field_that_is_read_is_reported(tmp_path: Path) -> None:
    inner = {"paragraphs": [{"context": text} for text in TEXTS]}
    surveyed = surveyed_folder(tmp_path, {"a.jsonl": rows(title="Ein Titel", data=inner)})
    (note,) = surveyed.notes
    assert note == "a.jsonl: the text lies deeper, in 'data'; not read, only 'title'"
    with pytest.raises(UserError, match=r"the text lies deeper, in 'data'; not read\n.*as `text`"):
        survey(
            write(tmp_path / "squad", {"train.json": json.dumps({"version": "1.1", "data": [inner]})}), Home(tmp_path)
        )


def test_settings_beside_texts_name_no_field(tmp_path: Path) -> None:
    package = json.dumps({"name": "x", "description": "A small program that does what small programs do."})
    surveyed = surveyed_folder(tmp_path, {"package.json": package, "a.md": TEXTS[0], "b.md": TEXTS[1]})
    assert (surveyed.text_fields, len(surveyed.texts)) == (("text",), 2)
    pages = {f"{i}.json": json.dumps({"name": "x", "summary": "Short as it is, this is what there is."}) for i in "abc"}
    assert survey(write(tmp_path / "pages", pages), Home(tmp_path)).text_fields == ("summary",)


def test_a_body_is_preferred_to_a_title(tmp_path: Path) -> None:
    titles = {f"{i}.csv": "title,year\nEin Titel,1850\nEin anderer,1851\n" for i in range(3)}
    surveyed = surveyed_folder(tmp_path, titles | {"a.jsonl": rows(title="Ein Titel", body=TEXTS[0])})
    assert surveyed.text_fields == ("body", "title")
    assert TEXTS[0] in surveyed.texts and "Ein Titel" in surveyed.texts


def test_an_archive_of_tables_is_read_and_what_it_holds_beside_them_is_listed(tmp_path: Path) -> None:
    table = "id,review,stars\n" + "".join(f"{i},{text!r},5\n" for i, text in enumerate(["Gut und gern"] * 5))
    inner = zip_of({"deep.jsonl": rows(review=TEXTS[0])})
    archive = zip_of({"train.csv": table, "in.zip": inner, "cat.png": b"1", "dog.png": b"1"})
    surveyed = surveyed_folder(tmp_path, {"archive.zip": archive})
    assert (surveyed.text_fields, surveyed.headless, dict(surveyed.bad)) == (("review",), False, {})
    assert surveyed.unsupported[".png"]["files"] == 2
    assert len(surveyed.texts) == 8
    with pytest.raises(UserError, match=r"no document[^§]*2 \.png"):
        survey(write(tmp_path / "pictures", {"a.zip": zip_of({"a.png": b"1", "b.png": b"2"})}), Home(tmp_path))


def test_an_unreadable_file_is_reported_and_the_others_are_surveyed(tmp_path: Path, monkeypatch) -> None:
    open_file = LocalFileSystem._open

    def open_unless_secret(self: LocalFileSystem, path: str, *given: Any, **named: Any) -> Any:
        if "/secret" in path:
            raise PermissionError(13, "Permission denied", path)
        return open_file(self, path, *given, **named)

    monkeypatch.setattr(LocalFileSystem, "_open", open_unless_secret)
    secret = dict.fromkeys(("secret.jsonl", "secret.csv", "secret.txt", "secret.zip", "secret.json"), b"x")
    surveyed = surveyed_folder(tmp_path, secret | {"a.txt": TEXTS[0]})
    assert surveyed.texts == (TEXTS[0],)
    ((reason, count),) = surveyed.bad.items()
    assert count == 5 and "(Permission denied): change its permissions, or exclude it" in reason
    assert any(note.startswith("5 files cannot be opened: 'secret.") for note in surveyed.notes)


def test_tables_as_forms_and_spreadsheets_export_them_lose_no_row(tmp_path: Path) -> None:
    question = "Was hat Ihnen an diesem Kurs am besten gefallen, und was sollten wir im nächsten Jahr anders machen?"
    form = "".join(f'2024/01/{day:02d} 10:00,"{TEXTS[0]}",\n' for day in range(1, 6))
    surveyed = surveyed_folder(tmp_path, {"form.csv": f'Timestamp,"{question}","{question}"\n{form}'})
    assert (surveyed.headless, surveyed.text_fields, len(surveyed.texts)) == (False, (question,), 5)
    german = 'Name;"Ort, Land";Text\n' + "".join(f"{i},5;Bremen, DE;Gut, und gern, und oft\n" for i in range(5))
    excel = 'ham\t"Ja doch\nspam\tNun aber schnell\nham\t"Nein danke\nham\tGern\n'
    for name, table, count in (("german.csv", german, 5), ("excel.csv", excel, 4)):
        surveyed = survey(write(tmp_path / name, {name: table}), Home(tmp_path))
        assert (len(surveyed.texts), dict(surveyed.bad), surveyed.headless) == (count, {}, name == "excel.csv")
