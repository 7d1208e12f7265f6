"""A proposal as a person reads it on the screen."""

import os
import shlex
import textwrap

from commands.init.finetuning_rows import notes
from commands.init.passage_size import passage_size
from commands.init.proposal import Proposal
from commands.init.survey import Survey
from commands.init.toml_lines import line
from tasks.ingest.listing import unsupported_in_words
from tasks.readable_numbers import bytes_in_words, count_in_words

SHOWN = 4  # languages, licences, reasons, text fields
SHOWN_FIELDS = 12
INDENT = len("takes:      ")


def summary(p: Proposal) -> list[str]:
    """The lines of a proposal: the folder, then the run, then what comes next."""
    lines = [*_folder(p.survey), *_run(p), f"written:    {p.path}", f"next:       triptych run {p.name}"]
    if not p.adapts:
        folder = shlex.quote(os.path.relpath(p.survey.path))
        lines.append(f"or:         triptych init {folder} --adapt    (continues a public model on it: most want this)")
    return lines


def wrapped(lines: list[str], columns: int | None) -> list[str]:
    """The lines as a terminal of so many columns shows them: broken between words, below what they say."""
    if columns is None:
        return lines
    below, width = " " * INDENT, max(columns, 2 * INDENT)
    rules = {"subsequent_indent": below, "break_long_words": False, "break_on_hyphens": False}
    return [part for line in lines for part in textwrap.wrap(line, width, **rules)]


def languages_in_words(survey: Survey) -> str:
    """`de 71%, en 20%`"""
    return ", ".join(f"{code} {share:.0%}" for code, share in list(survey.languages.items())[:SHOWN])


def licences_in_words(survey: Survey) -> str:
    """`CC0-1.0 1,204, MIT 3`"""
    return ", ".join(f"{line(name)} {count:,}" for name, count in list(survey.licences.items())[:SHOWN])


def minutes_in_words(count: float) -> str:
    """`1 minute`, `31 minutes`; less than one is 1."""
    whole = max(1, round(count))
    return f"{whole} minute{'s' if whole > 1 else ''}"


def _folder(survey: Survey) -> list[str]:
    kinds = (f"{kind.files:,} {end} ({bytes_in_words(kind.bytes)})" for end, kind in survey.kinds.items())
    lines = [f"takes:      {', '.join(kinds)}"]
    lines += [f"leaves:     {line(unsupported_in_words(survey.unsupported))}"] if survey.unsupported else []
    lines += [f"note:       {line(note)}" for note in survey.notes]
    lines += [f"bad:        {count:,} × {line(reason)}" for reason, count in list(survey.bad.items())[:SHOWN]]
    lines += [f"text:       {line(field)}: {line(text)} …" for field, text in list(survey.examples.items())[:SHOWN]]
    if survey.other_fields:
        names = ", ".join(line(name) for name in survey.other_fields[:SHOWN_FIELDS])
        more = f" and {len(survey.other_fields) - SHOWN_FIELDS} more" if len(survey.other_fields) > SHOWN_FIELDS else ""
        lines.append(f"fields:     {names}{more}: kept beside the text, for labels and {{templates}}")
        lines.append(f"labels:     {_labels(survey)}")
    if survey.encodings:
        counts = ", ".join(f"{name} {count:,}" for name, count in survey.encodings.items())
        others = len(survey.texts) - sum(survey.encodings.values())
        lines.append(f"encodings:  {counts}" + (f", UTF-8 {others:,}" if others else ""))
    lines.append(f"languages:  {languages_in_words(survey)}")
    lines.append(f"licences:   {licences_in_words(survey) or 'none in the folder: may you train on this text?'}")
    return lines


def _labels(survey: Survey) -> str:
    """Which classes a classifier will learn, or why there are none."""
    if survey.label_field is None:
        return "none: no field sorts most documents into a few classes"
    names = ", ".join(line(name) for name in survey.classes)
    return f"{line(survey.label_field)}, for finetune.classify: {names}"


def _run(p: Proposal) -> list[str]:
    survey, trial, forecast = p.survey, p.trial, p.forecast
    cut = f" (cut into passages of {size:,} characters)" if (size := passage_size(survey)) else ""
    off = f"; switched off: {', '.join(trial.switched_off)}" if trial.switched_off else ""
    text, disk, free = map(bytes_in_words, (survey.text_bytes, forecast.disk_bytes, p.free_bytes))
    tokens, trained, size = map(count_in_words, (forecast.tokens, forecast.trained, forecast.parameters))
    return [
        *(f"rows:       {line(note)}" for note in notes(p.tried_rows)),
        f"duplicates: {survey.duplicates:.1%} of the sample; nearly copies: {trial.near_copies:.1%} of it",
        f"rules:      keep {trial.kept:.0%} of the sample{off}",
        f"documents:  about {survey.documents:,}{cut}, {text}, {tokens} tokens to train on",
        f"model:      {size} parameters, {forecast.steps:,} steps, {trained} tokens read",
        f"run:        about {minutes_in_words(forecast.minutes)} and {disk} of disk ({free} free)",
        f"expect:     {forecast.can_give}",
    ]
