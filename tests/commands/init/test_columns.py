"""The delimiter of a table, and whether its first line names the columns."""

import csv
import io

import pytest

from commands.init.columns import names_columns
from tasks.delimited.dialects import HEAD_CHARACTERS, table_dialect

PROSE = "Sie kam spät nach Hause, und im Garten lag noch der Nebel der letzten Nacht"


FILES = {
    "the simplest": ("id,text\n1,Gut\n", ["1", "Gut"]),
    "commas in names": ("Name, Vorname;Ort, Land;Text\nA;B;C\nA, B;C;D, E, F\n", ["A, B", "C", "D, E, F"]),
    "commas in quotes": ('"Doe, John";"Paris, FR"\n"Roe, Jane";"Rome, IT"\n', ["Roe, Jane", "Rome, IT"]),
    "decimal commas": ("name;preis\nBrot;1,5\nMilch;2,5\n", ["Milch", "2,5"]),
    "lone marks": ('ham\t"hello there\nspam\tBuy\nham\t"again\nspam\tMore\n', ["spam", "More"]),
    "lone marks, commas": ('ham,"hello there\nspam,Buy\nham,"again\nspam,More\n', ["spam", "More"]),
    "lines in quotes": ('text,n\n"One,\ntwo",1\n"three\nfour",2\n', ["three\nfour", "2"]),
    "one column of lines": ('text\n"One\ntwo"\n"three\nfour"\n', ["three\nfour"]),
    "one column of prose": ("satz\nNoch, ein, Satz\nEin, anderer\nEiner\n", ["Einer"]),
    "quotes around commas": ('text\n"Noch, ein"\n"Satz, noch"\n"Einer, ja"\n', ["Einer, ja"]),
    "marks within quotes": ('"a","b"\n"1","say "so" now"\n"2","x"\n"3","y"\n', ["3", "y"]),
    "bars": ("a|b\n1|2,3\n", ["1", "2,3"]),
    "a title above": ("Report\na,b\n1,2\n3,4\n", ["3", "4"]),
    "a ragged row": ("a,b\n1,2\n3,4,5\n6,7\n", ["6", "7"]),
}


@pytest.mark.parametrize("kind", FILES)
def test_all_lines_agree_on_the_delimiter(kind: str) -> None:
    head, last = FILES[kind]
    assert list(csv.reader(io.StringIO(head), **table_dialect("a.csv", head).csv))[-1] == last


def test_a_line_cut_at_the_end_of_the_sample_is_ignored() -> None:
    head = ("a;b,c\n" + "x;y\n" * (HEAD_CHARACTERS // 4))[:HEAD_CHARACTERS]
    assert table_dialect("a.csv", head).delimiter == ";"


QUESTION = "What did you like most about the course, and what would you have us do otherwise next year?"
NAMED = {
    "a form": [["Timestamp", QUESTION, QUESTION], ["2024/01/05 10:00 AM", "All", ""], ["2024/01/06 9:00 AM", "", "No"]],
    "equal names": [["n", "Comments", "Comments"], ["1", "good", "bad"], ["2", "fine", "well"]],
    "years": [["country", "n"], ["FR", "1950"], ["DE", "20"]],
    "all text": [["word", "meaning"], ["Nebel", "fog"], ["Haus", "house"]],
    "long names": [[QUESTION, QUESTION + " Why?"], ["Yes", "Because"], ["No", "It was late"]],
    "gaps": [["id", "x", "text"], ["1", "", "a"], ["", "2.5", "b"]],
    "nothing below": [["id", "text"]],
}  # fmt: skip
ROWS = {
    "a class": [["ham", "Go until jurong point"], ["spam", "Free entry"], ["ham", "Ok lar"]],
    "numbers": [["1", "Nebel", "0.5"], ["2", "Haus", "0.7"]],
    "a date": [["2024-01-05", "Nebel"], ["2024-01-06", "Haus"]],
    "prose": [[PROSE * 2], [PROSE * 3], [PROSE]],
    "one row": [["7", "Nebel"]],
}


@pytest.mark.parametrize("kind", NAMED | ROWS)
def test_a_first_line_of_other_kinds_than_those_below_names_the_columns(kind: str) -> None:
    assert names_columns((NAMED | ROWS)[kind]) == (kind in NAMED)
