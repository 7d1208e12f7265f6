"""The recipe that `triptych init` writes, with a reason for each choice: its head, [ingest] and [curate]."""

import math
import textwrap

from commands.init.passage_size import held_out, passage_size
from commands.init.proposal import Proposal
from commands.init.show import languages_in_words, licences_in_words, minutes_in_words
from commands.init.survey import Survey
from commands.init.toml_lines import line, put
from commands.init.training_text import adaptation_tables, training_tables
from commands.init.trial import MAX_DROP_SHARE, MIN_KEPT_SHARE
from tasks.curate.config import CurateConfig, Split
from tasks.curate.rules import RULES
from tasks.ingest.listing import unsupported_in_words
from tasks.ingest.sources import IngestConfig
from tasks.readable_numbers import bytes_in_words, count_in_words

WIDTH = 116  # characters of a comment's line


def recipe_text(p: Proposal) -> str:
    """The recipe as TOML, with a comment for each choice."""
    tables = [_head(p), _source(p), _curate(p), *(adaptation_tables(p) if p.adapts else training_tables(p))]
    return "\n\n".join("\n".join(lines) for lines in tables) + "\n"


def _head(p: Proposal) -> list[str]:
    survey, forecast = p.survey, p.forecast
    kinds = ", ".join(f"{kind.files:,} {end}" for end, kind in survey.kinds.items())
    text, disk = bytes_in_words(survey.text_bytes), bytes_in_words(forecast.disk_bytes)
    return [
        f"# Proposed by `triptych init` for {line(str(survey.path))}: {kinds}.",
        f"# About {survey.documents:,} documents, {text}; {count_in_words(forecast.tokens)} tokens to train on;",
        f"# about {minutes_in_words(forecast.minutes)} and {disk} of disk on the machine that wrote this.",
        *(f"# {sentence}" for sentence in textwrap.wrap(forecast.can_give, WIDTH)),
    ]


def _source(p: Proposal) -> list[str]:
    survey = p.survey
    lines = ["[ingest.sources.folder]", 'kind = "folder"', put("path", str(survey.path))]
    if survey.as_text:
        lines.append(put("as_text", list(survey.as_text), "read as plain text, by --as-text"))
    if survey.text_fields != ("text",):
        fields = survey.text_fields[0] if len(survey.text_fields) == 1 else list(survey.text_fields)
        lines.append(put("text_field", fields, "the records' text; of several fields, the first that a record has"))
    if survey.headless:
        lines.append(put("header", False, "the first line of the tables is a row like any other"))
    lines += _licence(survey)
    if survey.language_field:
        lines.append(put("language_field", survey.language_field, "the language of most records; others are detected"))
    if size := passage_size(survey):
        mean = bytes_in_words(survey.text_bytes / max(1, survey.documents))
        why = f"texts of {mean} on average are cut at paragraphs: filters and splits judge passages better"
        lines.append(put("max_characters", size, why))
    lines += _exclude_rows(p)
    if survey.unsupported:
        lines.append(f"# files not read: {line(unsupported_in_words(survey.unsupported))}")
    if survey.bad:
        reason, count = next(iter(survey.bad.items()))
        lines += [
            f"# records of the sample that cannot be read: {count:,} × {line(reason)}",
        ]
    share = math.ceil(100 * survey.bad_share) / 100
    if share > IngestConfig().max_bad_fraction:
        why = "a larger share of bad records, or of bytes behind them, stops the run: see triptych sql quarantine"
        lines += ["", "[ingest]", put("max_bad_fraction", share, why)]
    return lines


def _exclude_rows(p: Proposal) -> list[str]:
    """Files of fine-tuning rows are no text besides: held-out answers would be in the training text."""
    names = sorted({file.name for file in p.rows_files.values()})
    if not names:
        return []
    if sum(kind.files for kind in p.survey.kinds.values()) > len(names):
        return [put("exclude", names, "fine-tuning rows: read by [finetune] below")]
    return ["# fine-tuning rows alone: their texts are documents too, and held-out answers among them do not count"]


def _licence(survey: Survey) -> list[str]:
    licences = licences_in_words(survey)
    if survey.licence_field:
        return [put("licence_field", survey.licence_field, f"in the sample: {licences}")]
    if len(survey.licences) == 1:
        return [put("licence", next(iter(survey.licences)), "by the licence file in the folder: check it")]
    why = f"in the folder: {licences}" if licences else "no licence in the folder: may you train on this text?"
    return [put("licence", "unknown", why)]


def _curate(p: Proposal) -> list[str]:
    trial, languages = p.trial, languages_in_words(p.survey)
    lines = ["[curate]", put("language", "auto", f"each document by the rules of its own language: {languages}")]
    lines.append(put("filters", list(CurateConfig().filters), f"kept {trial.kept:.0%} of the sample"))
    settings = dict[str, str]()
    for reason in trial.switched_off:
        settings.setdefault(RULES[reason].setting, reason)  # several reasons may have one setting
    for setting, reason in settings.items():
        share = trial.dropped[reason]
        is_large = share > MAX_DROP_SHARE
        limit = f"more than {MAX_DROP_SHARE:.0%}" if is_large else f"and less than {MIN_KEPT_SHARE:.0%} would be kept"
        lines.append(put(setting, RULES[reason].off, f"off: {reason} would drop {share:.0%} of the sample, {limit}"))
    duplicates = (
        f"of the sample {p.survey.duplicates:.1%} are copies of another document, {p.trial.near_copies:.1%} nearly"
    )
    lines.append(put("dedup", "minhash", duplicates))
    if (share := held_out(p.survey, trial.near_copies)) != Split().test:
        lines.append(put("split", {"validation": share, "test": share}, "few texts: a larger share is held out"))
    return lines
