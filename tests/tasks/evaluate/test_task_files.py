"""Task files that somebody else wrote: each is read, or refused with its place; none runs on."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import UsageError
from tasks.evaluate.task_files import Task, read_task
from tasks.evaluate.templates import TemplateFailure, render

TASK: dict[str, Any] = {
    "task": "pairs",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "{{[good, bad]}}",
    "doc_to_target": 0,
}
ROW = {"question": "Which?", "good": "this", "bad": "that", "options": ["a", "b"], "number": 3, "none": None}


def written(folder: Path, task: str, rows: str | None = None) -> Path:
    (folder / "rows.jsonl").write_bytes((rows or json.dumps(ROW) + "\n").encode("utf-8", "surrogateescape"))
    (folder / "task.yaml").write_text(task)
    return folder / "task.yaml"


def read(folder: Path, rows: str | None = None, **changes: Any) -> Task:
    return read_task(written(folder, yaml.safe_dump(TASK | changes), rows))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Q: {{question.strip()}}\nA:", "Q: Which?\nA:"),
        ("{{options.index('b')}}", "1"),
        ("{{number - 1}}{{options[-1]}}{{question[:2] + '!'}}", "2bWh!"),
        ("{% for x in options %}{{x|upper}}{% endfor %}", "AB"),
        ("{% for n in range(3) %}{{n}}{% endfor %}", "012"),
        ("{% set start = question[:2] %}{{[start + 'o', start]}}", "['Who', 'Wh']"),
        ("{{'y' if good is defined and options|length > 1 else 'n'}}", "y"),
        ("{{question.replace('hi', 'HI')}} {{options|join(', ')}} {{', '.join(options)}}", "WHIch? a, b a, b"),
    ],
)
def test_what_tasks_of_lm_eval_use_is_rendered(template: str, text: str):
    assert render(template, ROW) == text


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}x{% endfor %}",
        "{{'%5000000000d' % 1}}",
        "{{'a' * 5000000000}}",
        "{{9 ** 9 ** 9}}",
        "{{'{:>5000000000}'.format(1)}}",
        "{{'a'.ljust(5000000000)}}",
        "{{'a'|center(5000000000)}}",
        "{{lipsum(100000)}}",
        "{{cycler('a')}}",
        "{% include 'other' %}",
        "{% import 'other' as other %}",
        "{% extends 'other' %}",
        "{% macro m() %}{{m()}}{% endmacro %}{{m()}}",
        "{% for a in options recursive %}{{loop(options)}}{% endfor %}",
        "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{a}}",
        "{% set a = ['aaaaaaaaaa'] %}" + "{% set a = [a, a] %}" * 40 + "{{a}}",
        "{% set a = 'a' %}" + "{% set a = a.replace('a', 'aaaaaaaaaa') %}" * 12 + "{{a}}",
        "{% set a = 'a,a' %}" + "{% set a = a.join([a, a]) %}" * 30 + "{{a}}",
        "{% set a = 'a,a' %}" + "{% set a = [a, a]|join(a) %}" * 30 + "{{a}}",
        "{{" + "(" * 10_000 + "1" + ")" * 10_000 + "}}",
        "{{" + "-" * 10_000 + "1}}",
        "{{" + "+".join(["1"] * 9_000) + "}}",
        "{% if 1 %}" * 1_000 + "{% endif %}" * 1_000,
        "{{question.__class__.__mro__}}",
        "{{question.__class__()}}",
        "{{self.__init__.__globals__}}",
        "{{options.index('c')}}",
        "{{none + 1}}{{number.x}}",
        "{{" + "x" * 100_000,
        "{{",
        "{{absent}}",
    ],
    ids=lambda template: template[:40],
)
def test_a_template_beyond_that_is_refused(template: str):
    with pytest.raises(TemplateFailure) as refused:
        render(template, ROW)
    assert len(str(refused.value)) < 500


def test_a_text_is_bounded_however_long_the_rows_are():
    row = {"options": ["x"] * 100_000, "text": "y" * 100_000}
    with pytest.raises(TemplateFailure, match="more than 1,000,000 characters"):
        render("{% for option in options %}{{text}}{% endfor %}", row)
    with pytest.raises(TemplateFailure, match="more than 1,000,000 characters"):
        render("{{options|join(text)}}", row)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": 7},
        {"task": ["x"]},
        {"doc_to_text": 7},
        {"doc_to_text": "number"},
        {"doc_to_text": None},
        {"doc_to_choice": 7},
        {"doc_to_choice": {"a": 1}},
        {"doc_to_choice": "number"},
        {"doc_to_choice": "none"},
        {"doc_to_choice": "[" * 5000},
        {"doc_to_choice": [["a"], ["b"]]},
        {"doc_to_target": {"a": 1}},
        {"doc_to_target": "-" * 5000 + "1"},
        {"doc_to_target": 1.5},
        {"target_delimiter": 3},
        {"test_split": ["test"]},
        {"dataset_kwargs": "rows.jsonl"},
        {"dataset_kwargs": {"data_files": 3}},
        {"dataset_kwargs": {"data_files": ["rows.jsonl", 3]}},
        {"dataset_kwargs": {"data_files": "rows\0.jsonl"}},
        {3: 4, "x": 5},
        {"doc_to_text": "{% include 'x' %}"},
    ],
    ids=str,
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_place(tmp_path: Path, changes):
    with pytest.raises(UsageError, match=r"task\.yaml"):
        read_task(written(tmp_path, yaml.safe_dump(TASK | changes)))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000,
        "a: " + "{a: " * 5_000,
        "x" * 2_000_000,
        "? [a]\n: b",
        "a: !!python/object/apply:os.system [id]",
        "task: &a [x]\nb: *c",
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_plain_yaml_is_refused(tmp_path: Path, text: str):
    with pytest.raises(UsageError, match=r"task\.yaml"):
        read_task(written(tmp_path, text))


def test_a_list_of_lists_of_lists_is_not_spelt_out(tmp_path: Path):
    bomb = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10) if n else 'x'}]" for n in range(12))
    task = {name: value for name, value in TASK.items() if name != "doc_to_choice"}
    text = f"metadata:\n  {bomb.replace(chr(10), chr(10) + '  ')}\ndoc_to_choice: *l11\n{yaml.safe_dump(task)}"
    with pytest.raises(UsageError, match="none of the choices") as refused:
        read_task(written(tmp_path, text))
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize("rows", ["[1]\n", "3\n", "[" * 100_000, '{"a": ' + "9" * 10_000 + "}", "\udcff\n", "{"])
def test_a_row_that_is_no_json_object_is_refused_with_its_line(tmp_path: Path, rows: str):
    with pytest.raises(UsageError, match=r"rows\.jsonl, line 2"):
        read(tmp_path, "\n" + rows)


def test_a_damaged_task_file_is_read_or_refused(tmp_path: Path):
    whole, chance, read_count = yaml.safe_dump(TASK), random.Random(0), 0
    for _ in range(300):
        at = chance.randrange(len(whole))
        new = chance.choice(["", " ", "\n", "{", "[", "- ", "'", "%", "*", "&a ", "!", "0", "~"])
        try:
            read_task(written(tmp_path, whole[:at] + new + whole[at + chance.randrange(3) :]))
            read_count += 1
        except UsageError:
            pass
    assert 0 < read_count < 300
