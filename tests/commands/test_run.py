"""`triptych run` without a recipe starts nothing."""

import pytest

from commands.run.choice import no_recipe
from flows.recipe_files import find, shipped_folder
from tasks.errors import UsageError


def test_run_without_a_recipe_lists_those_of_the_folder_first_and_exits_with_2(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "fix: triptych run demo" in str(no_recipe())
    (tmp_path / "mine.toml").write_text('# My notes, in a small model.\nextends = "smoke"\n')
    (tmp_path / "ruff.toml").write_text("line-length = 120\n")
    _, own, *shipped, fix = str(no_recipe()).splitlines()
    assert own.split(maxsplit=1) == ["mine", "My notes, in a small model."]
    assert [line.split()[0] for line in shipped][:3] == ["adapt", "demo-adapt", "demo"] and max(map(len, shipped)) <= 80
    assert "triptych run mine" in fix and no_recipe().exit_code == 2


def test_a_recipe_that_is_not_there_is_named_as_the_file_it_would_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, what in (("mine.toml", "no file mine.toml"), ("mine", "no recipe 'mine'")):
        with pytest.raises(UsageError, match=what):
            find(name)


def test_the_recipes_of_a_checkout_are_those_shipped(monkeypatch):
    monkeypatch.chdir(shipped_folder().parent)
    assert "fix: triptych run demo" in str(no_recipe())
