"""Encodings older than Unicode: each is distinguished from its neighbours by the language that its text is in."""

from pathlib import Path

import pytest

from tasks.ingest.read.encodings import MIXED, Undecodable, decode
from tests.tasks.corpora import config_of, ingest_newest, write
from tests.tasks.ingest.encoded_prose import EAST_ASIAN, ENCODINGS, NEIGHBOURS, PROSE
from tests.tasks.languages import JAPANESE

CASES = [(language, encoding) for language, names in ENCODINGS.items() for encoding in names.split()]


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_text_in_the_encoding_of_its_region_is_read_as_it_was_written(language: str, encoding: str) -> None:
    text = "\n".join(PROSE[language])
    assert decode(text.encode(encoding)).text == text
    assert decode(text.upper().encode(encoding)).text == text.upper()


@pytest.mark.parametrize(
    ("language", "encoding"), [(n, e) for n, (names, _) in NEIGHBOURS.items() for e in names.split()]
)
def test_a_text_in_a_neighbouring_code_page_is_read_as_it_was_written(language: str, encoding: str) -> None:
    text = NEIGHBOURS[language][1]
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(("kind", "encoding"), [(n, e) for n, (names, _) in EAST_ASIAN.items() for e in names.split()])
def test_double_bytes_are_read_by_the_characters_in_common_use(kind: str, encoding: str) -> None:
    text = EAST_ASIAN[kind][1]
    assert decode(text.encode(encoding)).text == text
    page = "".join(f"<p><a href='/{i}'>{text[:60]}</a></p>\n" for i in range(20))
    assert decode(page.encode(encoding)).text == page


@pytest.mark.parametrize("language", ["Russian", "Greek", "Hebrew"])
def test_words_of_another_alphabet_among_much_markup_are_read(language: str) -> None:
    encodings, text = NEIGHBOURS[language]
    titles = "\n".join(
        f"<item><title>{t}</title><link>http://example.org/{i}</link></item>" for i, t in enumerate(text.split(". "))
    )
    for encoding in encodings.split():
        assert decode(titles.encode(encoding)).text == titles


def test_one_byte_that_an_encoding_does_not_have_never_decides_for_another() -> None:
    text = "\n".join(PROSE["French"])
    decoded = decode(text.encode("cp1252") + b" \x81 " + text.encode("cp1252") * 9)
    assert decoded.text == f"{text} \ufffd {text * 9}" and decoded.encoding == "cp1252"


@pytest.mark.parametrize("stray", [b"\xff", b"\x98", b"\x81"])
@pytest.mark.parametrize(
    ("language", "encoding"), [("Hebrew", "cp1255"), ("Greek", "iso8859_7"), ("Russian", "cp1251")]
)
def test_a_stray_byte_makes_no_other_alphabet(language: str, encoding: str, stray: bytes) -> None:
    raw = NEIGHBOURS[language][1].encode(encoding)
    decoded = decode(raw + b" " + stray + b" " + raw)
    assert decoded.text.startswith(NEIGHBOURS[language][1]) and decoded.text.endswith(NEIGHBOURS[language][1])


def test_lines_of_utf8_in_another_encoding_are_read_as_what_they_are() -> None:
    old, new = PROSE["Russian"], PROSE["Ukrainian"]
    decoded = decode("\n".join(old).encode("cp1251") + b"\n" + "\n".join(new[:2]).encode())
    assert decoded.text == "\n".join([*old, *new[:2]])
    assert decoded.repairs == {MIXED: 2}


def test_a_line_that_ends_in_an_accent_is_no_utf8() -> None:
    text = "C'était un bel été\nmais la forêt était loin, là-bas, près de la mer où il avait été\n" * 4
    decoded = decode(text.encode("cp1252"))
    assert decoded[:2] == (text, "cp1252") and MIXED not in decoded.repairs


def test_a_row_of_utf8_in_a_table_of_another_encoding_is_read_as_what_it_is(tmp_path: Path) -> None:
    texts = [*PROSE["Russian"], PROSE["Ukrainian"][0]]
    rows = [f"{i};{text}\n" for i, text in enumerate(texts)]
    table = "".join(["id;text\n", *rows[:-1]]).encode("cp1251") + rows[-1].encode()
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.csv": table})), tmp_path)
    assert [row["text"] for row in result.documents] == texts
    assert any(note.startswith(f"{MIXED}: 1 in 1 file") for note in result.stats.notes)


@pytest.mark.parametrize(
    ("language", "encoding"), [("Japanese", "euc_jp"), ("Chinese", "gb18030"), ("Korean", "cp949")]
)
def test_a_table_in_double_bytes_is_read(tmp_path: Path, language: str, encoding: str) -> None:
    text = EAST_ASIAN[language][1].replace("\n", "")
    table = "id;text\n" + "".join(f"{i};{text}\n" for i in range(9))
    result = ingest_newest(config_of(write(tmp_path / "in", {"a.csv": table.encode(encoding)})), tmp_path)
    assert [row["text"] for row in result.documents] == [text] * 9


def test_letters_of_another_alphabet_among_much_ascii_are_never_taken_for_accents() -> None:
    code = "".join(f"def f_{i}(argument, other): return argument + other * {i}  # шаг {i}\n" for i in range(30))
    with pytest.raises(Undecodable, match="save it as UTF-8"):
        decode(code.encode("cp1251"))
    quoted = "“It’s the miller’s window,” she said – and the dog slept on, at 25 °C. " * 3
    assert decode(quoted.encode("cp1252"))[:2] == (quoted, "cp1252")


@pytest.mark.parametrize("encoding", ["iso2022_jp", "iso2022_jp_2004", "iso2022_kr"])
def test_seven_bit_encodings_are_read_and_not_taken_for_ascii(encoding: str) -> None:
    text = "강 위에는 아직 짙은 안개가 끼어 있었다.\n" * 3 if encoding == "iso2022_kr" else "\n".join(JAPANESE)
    assert decode(text.encode(encoding)).text == text
    assert decode(b"\x1b[1mbold\x1b(B\x1b[m").encoding == "utf-8"  # what a terminal is sent
