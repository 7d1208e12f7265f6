"""A comparison as a person reads it: sentences, tables and the items that flipped, on a terminal and as a page."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent, shorten
from typing import TYPE_CHECKING, Any

from tasks.errors import UsageError
from tasks.readable_numbers import plain_number, seconds_in_words

if TYPE_CHECKING:
    from tasks.comparison.contestants import Contestant
    from tasks.comparison.pairs import Flip, Row
    from tasks.report.blocks import Block, Section

SHOWN_CHARACTERS = 600  # of a text on the terminal
ON_A_PAGE = 200  # items that flipped, a pair and task


def print_comparison(rows: "Sequence[Row]", flipped: int) -> None:
    """On a terminal: the sentences, the numbers, and the first items that flipped of each row."""
    from commands.show import show_table

    print("\n".join(_sentences(rows)))
    print()
    show_table(_numbers(rows))
    if costs := _costs(rows):
        print()
        show_table(costs)
    for row in rows:
        for flip in row.flips[:flipped]:
            print()
            print("\n".join(_flip_lines(row, flip)))


def write_comparison_page(rows: "Sequence[Row]", to: Path) -> None:
    """One HTML file that holds all it shows."""
    from tasks.report.model_page import write_model_page

    if to.suffix not in (".html", ".htm"):
        raise UsageError(f"--page {to}: the page is HTML", f"give e.g. --page {to.with_suffix('.html').name}")
    names = list(dict.fromkeys(one.name for row in rows for one in (row.a, row.b)))
    facts = {"models": ", ".join(names), "tasks": ", ".join(dict.fromkeys(row.task for row in rows))}
    sections = [_verdicts(rows), *(_flip_section(n, row) for n, row in enumerate(rows) if row.flips)]
    write_model_page(to, " or ".join(names), facts, sections, "comparison_page.html")


def _sentences(rows: "Sequence[Row]") -> list[str]:
    """One a row, after its task where there are several."""
    from tasks.comparison.words import sentence

    are_several = len({row.task for row in rows}) > 1
    return [f"{row.task}: {sentence(row)}" if are_several else sentence(row) for row in rows]


def _numbers(rows: "Sequence[Row]") -> list[dict[str, Any]]:
    """A row per task and pair; p is adjusted for the number of rows."""
    return [
        {
            "task": row.task,
            "a": row.a.name,
            "b": row.b.name,
            "of a": row.paired.values[0],
            "of b": row.paired.values[1],
            "b − a": row.paired.difference,
            "low": row.paired.low,
            "high": row.paired.high,
            "p": row.p_holm,
            "smallest to show": row.paired.smallest_detectable,
            "items": row.paired.items,
            "flipped": row.paired.flipped,
            "left out": row.contaminated,
            "b is": row.verdict,
        }
        for row in rows
    ]


def _costs(rows: "Sequence[Row]") -> list[dict[str, Any]]:
    """Wall seconds and tokens of each model's scoring; none where the scores were stored."""
    scored: dict[str, Contestant] = {one.name: one for row in rows for one in (row.a, row.b)}
    return [
        {
            "model": one.name,
            "took": seconds_in_words(one.seconds),
            "tokens": one.tokens,
            "tokens/s": round(one.tokens / one.seconds) if one.tokens else None,
        }
        for one in scored.values()
        if one.seconds
    ]


def _flip_lines(row: "Row", flip: "Flip") -> Iterator[str]:
    yield f"{flip.id}: {flip.right} is right"
    for title, text in _flip_texts(row, flip).items():
        if text:
            shown = shorten(text, SHOWN_CHARACTERS, placeholder=" …")
            yield f"  {title}:"
            yield indent(shown, "    ")


def _flip_texts(row: "Row", flip: "Flip") -> dict[str, str]:
    return {"asked": flip.prompt, row.a.name: flip.a, row.b.name: flip.b, "right": flip.gold}


def _verdicts(rows: "Sequence[Row]") -> "Section":
    from tasks.report.blocks import Paragraph, Section, table
    from tasks.report.svg import intervals

    blocks: list[Block] = [Paragraph(sentence) for sentence in _sentences(rows)]
    for task in dict.fromkeys(row.task for row in rows):
        own = [row for row in rows if row.task == task]
        drawn = [(f"{r.b.name} − {r.a.name}", r.paired.difference, r.paired.low, r.paired.high) for r in own]
        blocks.append(intervals(f"{task}: {own[0].paired.better} is better", drawn))
    blocks.append(table("p is adjusted for the number of rows (Holm)", _numbers(rows)))
    if costs := _costs(rows):
        blocks.append(table("what the scoring took", costs))
    return Section("verdict", "Which is better", blocks)


def _flip_section(number: int, row: "Row") -> "Section":
    from tasks.report.blocks import Paragraph, Section, Table

    shown = row.flips[:ON_A_PAGE]
    title = f"{row.task}: items that only one of {row.a.name} and {row.b.name} has right"
    by = [sum(flip.right == one.name for flip in row.flips) for one in (row.a, row.b)]
    words = f"{row.a.name} alone has {plain_number(by[0])} right, {row.b.name} alone {plain_number(by[1])}."
    if len(shown) < len(row.flips):
        words += f" The first {len(shown)} are shown."
    header = ("item", "asked", row.a.name, row.b.name, "right", "who has it right")
    cells = tuple((flip.id, flip.prompt, flip.a, flip.b, flip.gold, flip.right) for flip in shown)
    return Section(f"flipped-{number}", title, [Paragraph(words), Table("side by side", header, cells)])
