"""What a person reads of what-if, look and trace: tables, and passages with what matters in them marked."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from commands.show import print_table, show_table, standard_output
from tasks.readable_numbers import plain_number

EXCERPT = 320  # characters of a passage
WINDOW, BEFORE_A_MARK = 1000, 200  # characters of a text shown around its first mark
STEPS_SHOWN, ROWS_SHOWN = 8, 20
TEXTS_SHOWN = 3  # of the changed documents
GROUPS_SHOWN = 8  # sources and languages; the others are summed up

_DIFFERENCE = {True: "where this one differs is marked", False: "this one has no words that it lacks"}


def show_what_if(comparison: Mapping[str, Any]) -> None:
    """Changed documents to read, then reasons, sources and languages, and the totals last, where they are seen."""
    out = standard_output()
    _show_changed(out, comparison["changed"])
    table = _table("dropped for", "today", "then")
    for row in comparison["reasons"]:
        table.add_row(escape(row["reason"]), f"{row['today']:,}", f"{row['then']:,}")
    print_table(out, table)
    for title, rows in (("language", comparison["languages"]), ("source", comparison["sources"])):
        _show_groups(out, title, rows)
    _show_totals(out, comparison)


def _show_changed(out: Console, changed: Sequence[Mapping[str, Any]]) -> None:
    for row in changed[:TEXTS_SHOWN]:
        was = "kept" if row["reason_today"] is None else f"dropped, {row['reason_today']}"
        becomes = "kept" if row["kept_then"] else f"dropped, {row['reason_then']}"
        out.print(f"[bold]{escape(row['doc_id'])}[/bold]  {escape(was)} → {escape(becomes)}", soft_wrap=True)
        out.print(escape(_excerpt(row["text"])), style="dim")
    if len(changed) > TEXTS_SHOWN:
        out.print("(--seed N shows others; --json ten of them)", style="dim")


def _show_totals(out: Console, comparison: Mapping[str, Any]) -> None:
    total = comparison["total"]
    if comparison["bytes_per_token"]:
        note = f"tokens of what was never encoded are estimated at {comparison['bytes_per_token']:.2f} bytes a token"
        out.print(note, style="dim")
    decision = (
        comparison["expression"]
        or " ".join(f"--set {change}" for change in comparison["changes"])
        or "the recipe as it stands"
    )
    out.print(f"run {comparison['run']} of recipe {comparison['recipe']}, decided by: {escape(decision)}")
    table = _table("", "documents", "tokens", "bytes")
    for name, word in (("kept today", "today"), ("kept then", "then")):
        table.add_row(name, *(f"{total[f'{what}_{word}']:,}" for what in ("kept", "tokens", "bytes")))
    print_table(out, table)
    out.print(
        f"of {total['documents']:,} documents: {total['newly_kept']:,} newly kept, "
        f"{total['newly_dropped']:,} newly dropped"
    )


def _show_groups(out: Console, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    names = ("documents", "kept today", "kept then", "tokens today", "tokens then", "bytes today", "bytes then")
    table = _table(title, *names)
    keys = [name.replace(" ", "_") for name in names]
    for row in rows[:GROUPS_SHOWN]:
        table.add_row(escape(row["name"]), *(f"{row[key]:,}" for key in keys))
    if others := rows[GROUPS_SHOWN:]:
        table.add_row(f"{len(others)} others", *(f"{sum(row[key] for row in others):,}" for key in keys))
    print_table(out, table)


def _table(first: str, *names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for name in names:
        table.add_column(name, justify="right")
    return table


def _excerpt(text: str) -> str:
    return textwrap.shorten(text, EXCERPT, placeholder=" …")


def show_look(sample: Mapping[str, Any]) -> None:
    """Each document with what decided it, and its text with the spans marked."""
    out = standard_output()
    verb = "kept" if sample["reason"] == "kept" else f"with the reason {sample['reason']}"
    out.print(f"run {sample['run']} of recipe {sample['recipe']}: {sample['documents']:,} documents {escape(verb)}")
    for row in sample["shown"]:
        place = f"{row['source']}, {row['language'] or 'language unknown'}, {row['bytes']:,} bytes"
        out.print(f"\n[bold]{escape(row['doc_id'])}[/bold]  [dim]{escape(place)}[/dim]", soft_wrap=True)
        if isinstance(row["value"], Mapping):  # of the signals in a condition of the recipe's own
            values = ", ".join(f"{name} {_value(value)}" for name, value in row["value"].items())
            out.print(f"  {escape(values)}, so not {escape(row['signal'])}   [dim]{row['setting']}[/dim]")
        elif row["signal"]:
            value = f"{row['signal']} {_value(row['value'])} {row['relation'] or 'not in'} {_value(row['threshold'])}"
            out.print(f"  {escape(value)}   [dim]{row['setting']}[/dim]")
        if row["kept_id"]:
            out.print(f"  kept for it: {escape(row['kept_id'])}; {_DIFFERENCE[bool(row['spans'])]}", soft_wrap=True)
        out.print(marked(row["text"], row["spans"], brackets=not out.is_terminal), soft_wrap=not out.is_terminal)


def marked(text: str, spans: Sequence[Sequence[int]], brackets: bool) -> Text:
    """The part of a text where its first spans lie, these in colour; in ⟦brackets⟧ where there are no colours."""
    first = spans[0][0] if spans else 0
    begin = max(0, first - BEFORE_A_MARK)
    end = min(len(text), begin + WINDOW)
    out, at = Text("… " if begin else ""), begin
    for a, b in spans:
        if a >= end:
            break
        out.append(text[at:a])
        piece = text[a : min(b, end)].replace("\n", "⏎\n")
        out.append(f"⟦{piece}⟧" if brackets else piece, style="black on yellow")
        at = min(b, end)
    out.append(text[at:end])
    return out.append(" …" if end < len(text) else "")


def _value(value: Any) -> str:
    return plain_number(value) if isinstance(value, int | float) else str(value)


def show_trace(trace: Mapping[str, Any]) -> None:
    """What happened to a document, or what a step or a model saw."""
    out = standard_output()
    if "document" in trace:
        _show_document(out, trace)
    elif "step" in trace:
        reported = "  ".join(f"{name} {_value(value)}" for name, value in trace["reported"].items() if name != "step")
        out.print(f"step {trace['step']} of {escape(trace['model'])} ({trace['training']})   [dim]{reported}[/dim]")
        show_table([{n: row[n] for n in ("doc_id", "source", "uri", "shard", "row")} for row in trace["documents"]])
    else:
        _show_model(out, trace)


def _show_document(out: Console, trace: Mapping[str, Any]) -> None:
    row = trace["document"]
    out.print(f"[bold]{escape(row['doc_id'])}[/bold] in run {trace['run']} of recipe {trace['recipe']}", soft_wrap=True)
    decision = "kept" if row["kept"] else f"dropped: {', '.join(row['reasons'] or ['not decided yet'])}"
    if row["kept_id"]:
        decision += f" ({row['similarity']:.3g} like {row['kept_id']}, which was kept)"
    tokens = f"{row['shard']}, row {row['row']}, {row['tokens']:,} tokens" if row["shard"] else "in no shard"
    facts = {
        "read from": f"{row['source']}, {row['uri']}, position {row['position']}, partition {row['partition']}",
        "licence": row["licence"],
        "text": f"{row['language'] or 'unknown language'}, {row['bytes'] or 0:,} bytes, cut from {row['origin']}",
        "decision": decision,
        "state": row["state"],
        "encoded": f"{tokens}, split {row['split'] or 'none'}",
    }
    for name, value in facts.items():
        out.print(f"  {name:10} {escape(value)}", soft_wrap=True)
    if not trace["models"]:
        out.print("  no model was trained in this home yet")
    for model in trace["models"]:
        seen = [f"{t['training']}: {_steps(t['steps'])}" for t in model["trainings"] if t["steps"]]
        aliases = f" ({', '.join(model['aliases'])})" if model["aliases"] else ""
        verdict = "saw it · " + " · ".join(seen) if seen else "never saw it"
        out.print(f"  {escape(model['model'])}{aliases}: {verdict}", soft_wrap=True)


def _steps(steps: Sequence[int]) -> str:
    shown = ", ".join(map(str, steps[:STEPS_SHOWN])) + (" …" if len(steps) > STEPS_SHOWN else "")
    return f"{len(steps)} step{'s' if len(steps) > 1 else ''} ({shown})"


def _show_model(out: Console, trace: Mapping[str, Any]) -> None:
    out.print(f"[bold]{escape(trace['model'])}[/bold]  {', '.join(trace['aliases'])}  made by run {trace['run']}")
    show_table(trace["trainings"])
    sources = " · ".join(f"{name} {count:,}" for name, count in trace["sources"].items())
    out.print(f"documents it saw, by source: {escape(sources)}")
    show_table(trace["documents"][:ROWS_SHOWN])
    if len(trace["documents"]) > ROWS_SHOWN:
        out.print(f"… and {len(trace['documents']) - ROWS_SHOWN:,} more rows: --json has all", style="dim")
