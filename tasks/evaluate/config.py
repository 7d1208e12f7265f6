"""What is scored, how much of it, and beside which baselines."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.evaluate import task_files
from tasks.models.pretrained import content_of, locate
from tasks.store.step import NOT_IN_KEY, Frozen


class EvaluateConfig(Frozen):
    """The recipe's table [evaluate]; one for the base and what is fine-tuned from it, so that they stay comparable."""

    max_documents: int = Field(default=1000, ge=1)  # of a split, those whose ids hash lowest
    max_rows: int = Field(default=1000, ge=1)  # of a fine-tuned model's held-out rows
    tasks: Annotated[tuple[Path, ...], NOT_IN_KEY] = ()  # multiple choice in lm-eval's format: paths of YAML files
    tasks_sha256: str | None = None  # of their content, filled in when the recipe is resolved
    max_questions: int = Field(default=1000, ge=1)  # of a task, the first
    questions: Annotated[Path | None, NOT_IN_KEY] = None  # of your own, JSON lines or CSV: question_file.py
    questions_sha256: str | None = None  # of its content, filled in when the recipe is resolved
    answer_tokens: int = Field(default=128, ge=1)  # of an answer to one of them, at most
    next_passage: int = Field(default=200, ge=0)  # questions made of the test documents
    exact_answers: int = Field(
        default=64, ge=0
    )  # short answers that are generated, and compared with the expected ones
    baseline_bytes: int = Field(default=16 * 2**20, ge=1)  # training text that n-grams and xz read
    ngram_order: int = Field(default=4, ge=1)  # the highest tried; 64 bits hold one n-gram
    xz: bool = True
    reference_models: Annotated[dict[str, Path], NOT_IN_KEY] = Field(default_factory=dict)  # name → a public model …
    reference_models_sha256: dict[str, str] = Field(default_factory=dict)  # … known by its content
    absent: Annotated[dict[str, str], NOT_IN_KEY] = Field(default_factory=dict)  # those not installed, and why
    reference_documents: int = Field(default=24, ge=0)  # as max_documents, for them: public models are large
    draws: int = Field(default=1000, ge=100)  # of the bootstrap
    seed: int = 0  # of the bootstrap

    @model_validator(mode="after")
    def has_tasks_for_its_content(self) -> Self:
        if self.tasks_sha256 and not self.tasks:
            raise ValueError("tasks_sha256 is given without the paths of its tasks")
        if self.questions_sha256 and self.questions is None:
            raise ValueError("questions_sha256 is given without the path of its questions")
        return self

    def resolve_questions(self) -> Self:
        """The same with the file's absolute path and its hash; UsageError where a question cannot be used."""
        if self.questions is None:
            return self
        from tasks.evaluate.question_file import content_of, read_questions

        path = self.questions.expanduser().absolute()
        read_questions(path)
        return self.model_copy(update={"questions": path, "questions_sha256": content_of(path)})

    def resolve_tasks(self) -> Self:
        """The same with absolute paths of task files and their hash; UserError where one cannot be read."""
        if not self.tasks:
            return self
        paths = tuple(path.expanduser().absolute() for path in self.tasks)
        return self.model_copy(update={"tasks": paths, "tasks_sha256": task_files.content_of(paths)})

    def resolve_reference_models(self) -> Self:
        """The same with each public model located and hashed, or absent; ValueError where a path holds no model."""
        here, absent = dict[str, Path](), dict(self.absent)
        for name, model in self.reference_models.items() if self.reference_documents else ():
            try:
                here[name] = locate(model)
            except ValueError as error:
                absent[name] = str(error)
        hashes = {name: content_of(model) for name, model in here.items()}
        return self.model_copy(update={"reference_models": here, "reference_models_sha256": hashes, "absent": absent})
