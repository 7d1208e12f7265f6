"""Ollama's Modelfile beside a GGUF file: the template of its turns, where an answer ends, and how it is drawn.

Ollama fills in a template of Go's, not the Jinja of the model. Of the usual kind of template, in which each turn is
opened and closed by the same words, this one writes the same text; any other is refused, and goes out as gguf.
https://github.com/ollama/ollama/blob/main/docs/modelfile.md
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from model.chat import TOP_P, ChatTemplateError, Turn
from tasks.errors import UserError
from tasks.export.llama_cpp import OpenedByLlamaCpp
from tasks.models.prompting import PromptBuilder
from tasks.models.vocabulary import Vocabulary

MODELFILE = "Modelfile"
TURNS = [
    Turn("system", "the system says"),
    Turn("user", "the user says"),
    Turn("assistant", "the assistant says"),
    Turn("user", "the user says again"),
]
TEMPERATURE = 0.8  # as `triptych chat`


@dataclass(frozen=True)
class OllamaTemplate:
    """What is written before, between and after turns; of a model that continues texts only `begin` is."""

    begin: str  # before the first turn, where it is the user's
    begin_system: str | None = None  # before a system turn …
    after_system: str = ""  # … and between it and the user's; None above: it takes no system turn
    after_user: str = ""
    after_assistant: str = ""

    def in_go(self) -> str:
        """The template in Go's language."""
        begin, system, after_system, user, assistant = (
            _escaped(part or "")
            for part in (self.begin, self.begin_system, self.after_system, self.after_user, self.after_assistant)
        )
        if not user:
            return f"{begin}{{{{ .Prompt }}}}"
        opening = begin
        if self.begin_system is not None:
            opening = f"{{{{ if .System }}}}{system}{{{{ .System }}}}{after_system}{{{{ else }}}}{begin}{{{{ end }}}}"
        turns = (
            f'{{{{ if eq .Role "user" }}}}{{{{ .Content }}}}{user}'
            f'{{{{ else if eq .Role "assistant" }}}}{{{{ .Content }}}}{assistant}{{{{ end }}}}'
        )
        return f"{opening}{{{{ range .Messages }}}}{turns}{{{{ end }}}}"

    def filled_in(self, turns: Sequence[Turn]) -> str:
        """What Ollama writes for these turns."""
        has_system = turns[0].role == "system" and self.begin_system is not None
        text = f"{self.begin_system}{turns[0].text}{self.after_system}" if has_system else self.begin
        after = {"user": self.after_user, "assistant": self.after_assistant}
        return text + "".join(turn.text + after[turn.role] for turn in turns if turn.role in after)


def ollama_template(weights: Path) -> OllamaTemplate:
    """The template of the model in a folder; UserError where Ollama's language has none that writes the same."""
    vocabulary, builder = Vocabulary(weights), PromptBuilder(weights)
    if not builder.answers:
        first = builder.of_text("a")[0][0]
        return OllamaTemplate("" if vocabulary.bos else vocabulary.token(first))
    template = vocabulary.markup().template
    system, *others = TURNS
    begin, after_user, after_assistant, _ = _gaps(template.text(others, True), others)
    written = OllamaTemplate(begin, None, "", after_user, after_assistant)
    with suppress(ChatTemplateError):  # it takes no system turn
        begin_system, after_system, *_ = _gaps(template.text(TURNS, True), TURNS)
        written = OllamaTemplate(begin, begin_system, after_system, after_user, after_assistant)
    conversations = [others[:1], others, [*others, *others[1:]]]
    if written.begin_system is not None:
        conversations += [[system, *conversation] for conversation in conversations]
    if any(written.filled_in(turns) != template.text(turns, True) for turns in conversations):
        raise UserError(
            "its chat template marks the same turn in several ways, which a template of Ollama's cannot",
            "take --format gguf: Ollama reads the file without a Modelfile, with the template that it finds itself",
        )
    return _without_bos(written, vocabulary)


def write_modelfile(weights: Path, gguf: Path, context: int, ends: frozenset[int]) -> None:
    """Writes the Modelfile beside the GGUF file; `ends` are the ids at which an answer ends."""
    vocabulary = Vocabulary(weights)
    lines = [
        "# ollama create NAME -f Modelfile",
        f"FROM ./{gguf.name}",
        f'TEMPLATE """{ollama_template(weights).in_go()}"""',
        f"PARAMETER num_ctx {context}",
        f"PARAMETER temperature {TEMPERATURE}",
        f"PARAMETER top_p {TOP_P}",
        "PARAMETER repeat_penalty 1.0",
        *(f'PARAMETER stop "{vocabulary.token(id)}"' for id in sorted(ends)),
    ]
    (gguf.parent / MODELFILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


class OpenedAsByOllama(OpenedByLlamaCpp):
    """The file as llama.cpp reads it, asked in the words that Ollama writes by the Modelfile's template."""

    template = OllamaTemplate("")

    def turns(self, turns: Sequence[Turn]) -> list[int]:
        return self.marked(self.template.filled_in(turns))


def _gaps(text: str, turns: Sequence[Turn]) -> list[str]:
    """What is before, between and after what the turns say."""
    gaps = list[str]()
    for turn in turns:
        before, _, text = text.partition(turn.text)
        gaps.append(before)
    return [*gaps, text]


def _without_bos(template: OllamaTemplate, vocabulary: Vocabulary) -> OllamaTemplate:
    """Ollama puts the token itself before what it has filled in."""
    if not vocabulary.bos:
        return template
    bos = vocabulary.token(vocabulary.bos[0])
    system = template.begin_system
    return OllamaTemplate(
        template.begin.removeprefix(bos),
        None if system is None else system.removeprefix(bos),
        template.after_system,
        template.after_user,
        template.after_assistant,
    )


def _escaped(text: str) -> str:
    """As text of a template of Go's, in three quotation marks."""
    if '"""' in text:
        raise UserError("its chat template writes three quotation marks, which no Modelfile can", "take --format gguf")
    return text.replace("{{", '{{ "{{" }}')
