"""A model written for another program, and proved by that program: nothing is left in place that it does not read.

hf        a folder for transformers and vLLM             litgpt    a folder for LitGPT
gguf      a file for llama.cpp and LM Studio             ollama    the same file and its Modelfile
peft      the low-rank change alone, for peft on its base
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from model.gguf_families import QUANTS
from tasks.errors import UsageError, UserError
from tasks.export.gguf import context_in_gguf, write_gguf
from tasks.export.litgpt import OpenedByLitgpt, write_litgpt
from tasks.export.llama_cpp import OpenedByLlamaCpp
from tasks.export.ollama import OpenedAsByOllama, ollama_template, write_modelfile
from tasks.export.opened import Opened
from tasks.export.peft import OpenedByPeft, base_of, find_base, write_adapter
from tasks.export.proof import ExportMismatch, Proof, ProofReference, prove
from tasks.export.proof_rows import ROWS, answer_ends, proof_rows, scored_tokens
from tasks.export.transformers_folder import OpenedByTransformers
from tasks.home import Home
from tasks.limits import usable_cores
from tasks.models.damage import reading
from tasks.models.pretrained import converted
from tasks.models.prompting import PromptBuilder
from tasks.models.tokenizer_class import name_class_that_reads_all
from tasks.progress import say
from tasks.store.artifacts import write_durably
from tasks.tracking.model_version import Version

if TYPE_CHECKING:
    from model.decoder import Decoder
    from model.family import Shape

PROOF, CLASSES = "proof.json", "classes.json"
TIES = {"f32": 0.05, "f16": 0.05, "q8_0": 0.6, "q4_0": 1.0, "q4_k_m": 1.0}  # nats: twice the largest that was measured
ROUNDING = {"q8_0": 0.02, "q4_0": 0.25, "q4_k_m": 0.2}  # of a tensor, in the mean; what is usual is half of it
FEW = 4  # rows of a file that is made on demand, while somebody waits for an answer
GGUF_FORMS = ("gguf", "ollama")


@dataclass(frozen=True)
class ModelToExport:
    """What is exported: a folder of weights, the name to write it under, the version it is, if it is one; its home."""

    weights: Path
    name: str
    version: Version | None
    home: Home

    @cached_property
    def decoder(self) -> "Decoder":
        """Its network, loaded once: to write it, and to prove what was written."""
        from tasks.models.pretrained import decoder_of

        with reading(self.weights, "it cannot be exported"):
            return decoder_of(self.weights)


@dataclass(frozen=True)
class Form:
    """A format: what writes it into a folder, and what opens it there. `quant` is "" where there is none."""

    write: Callable[[ModelToExport, Path, str], None]
    open: Callable[[ModelToExport, Path, int], Opened]  # the last: tokens that it must take
    quants: tuple[str, ...] = ()  # the default first


@dataclass(frozen=True)
class Exported:
    """What the command has made."""

    path: Path
    files: tuple[str, ...]
    proof: Proof


def export(model: ModelToExport, form: str, quant: str, to: Path) -> Exported:
    """Writes the model into the folder `to` and proves it; ExportMismatch, and no folder, where it is another model."""
    quant = require_known(form, quant)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"--to {to}: is there already and not empty", "give a folder that does not exist yet")
    if (model.weights / CLASSES).is_file() and form != "hf":
        raise UsageError(
            f"--format {form}: {model.name} is a classifier, and {form} has no place for its head", "take hf"
        )
    with _unfinished(to) as folder:
        FORMS[form].write(model, folder, quant)
        place = folder / _gguf_name(model, quant) if form in GGUF_FORMS else folder
        proof = _prove(model, form, quant, place, ROWS)
        write_durably(folder / PROOF, proof.model_dump_json(indent=1).encode() + b"\n")
        files = tuple(sorted(path.name for path in folder.iterdir()))
    return Exported(to, files, proof)


def require_known(form: str, quant: str) -> str:
    """The quantisation, the form's default for ""; UsageError where there is no such form, or it has no such one."""
    if form not in FORMS:
        raise UsageError(f"--format {form}: not known", f"there are: {', '.join(FORMS)}")
    known = FORMS[form].quants
    if not quant:
        return known[0] if known else ""
    if quant not in known:
        cure = f"there are: {', '.join(known)}" if known else "leave it out: the weights are written as they are"
        raise UsageError(f"--quant {quant}: not for --format {form}", cure)
    return quant


@contextmanager
def _unfinished(to: Path) -> Iterator[Path]:
    """A folder beside `to` that takes its name when all is well, and is removed otherwise."""
    folder = to.with_name(f".{to.name}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        if to.exists():
            to.rmdir()
        folder.rename(to)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_proved_gguf(weights: Path, file: Path, quant: str, home: Home) -> Proof:
    """Writes a file that llama.cpp is to answer from, and gives the same proof of it, on FEW rows; ExportMismatch."""
    model = ModelToExport(weights, weights.name, None, home)
    write_gguf(weights, file, quant, model.decoder)
    return _prove(model, "gguf", quant, file, FEW)


def _prove(model: ModelToExport, form: str, quant: str, place: Path, most: int) -> Proof:
    """`place`: the GGUF file of a form that has one, else the folder."""
    before = model.decoder
    exported = _as_rounded(before, place, quant) if quant in ROUNDING else before
    context = _context(form, before.shape)
    texts, rows = proof_rows(model.weights, context, model.version, model.home)
    rows = rows[:most]
    if not rows:
        what = f"{model.name}: no text fits into its context of {context} tokens to prove the export with"
        raise UserError(what, "export a model with a longer context")
    count = scored_tokens(context)
    longest = max(row.first for row in rows) + count
    opened = FORMS[form].open(model, place, min(context, longest))
    say(f"{opened.program} has opened it; {len(rows)} rows ({texts}) are compared")
    with closing(opened):
        reference = ProofReference(before, exported, TIES.get(quant, TIES["f32"]), answer_ends(model.weights), count)
        return Proof(quant=quant, texts=texts, **prove(opened, reference, PromptBuilder(model.weights), rows))


def _context(form: str, shape: "Shape") -> int:
    """Tokens within which the program computes what the model does."""
    return context_in_gguf(shape) if form in GGUF_FORMS else shape.context


def _as_rounded(before: "Decoder", file: Path, quant: str) -> "Decoder":
    """The numbers that a quantised file holds; ExportMismatch where they are not near the model's."""
    from model import gguf_weights

    exported = gguf_weights.load(file).eval()
    for (name, ours), theirs in zip(before.named_parameters(), exported.parameters(), strict=True):
        away = float((ours - theirs).detach().norm() / ours.detach().norm().clamp(min=1e-12))
        if away > ROUNDING[quant]:
            what = f"{quant}: {name} is rounded by {away:.1%} of its size, where {ROUNDING[quant]:.0%} is the most"
            raise ExportMismatch(what, "the export was removed; take another --quant")
    return exported


def _write_hf(model: ModelToExport, folder: Path, quant: str) -> None:
    shutil.copytree(model.weights, folder, dirs_exist_ok=True)
    name_class_that_reads_all(folder)


def _gguf_name(model: ModelToExport, quant: str) -> str:
    return f"{model.name.replace('/', '-')}-{quant}.gguf"


def _write_gguf(model: ModelToExport, folder: Path, quant: str) -> None:
    write_gguf(model.weights, folder / _gguf_name(model, quant), quant, model.decoder)


def _open_gguf(_: ModelToExport, file: Path, tokens: int) -> OpenedByLlamaCpp:
    return OpenedByLlamaCpp(file, tokens, usable_cores())


def _write_ollama(model: ModelToExport, folder: Path, quant: str) -> None:
    from model.hub_files import read_shape

    _write_gguf(model, folder, quant)
    context = context_in_gguf(read_shape(model.weights))
    write_modelfile(model.weights, folder / _gguf_name(model, quant), context, answer_ends(model.weights))


def _open_ollama(model: ModelToExport, file: Path, tokens: int) -> OpenedAsByOllama:
    opened = OpenedAsByOllama(file, tokens, usable_cores())
    opened.template = ollama_template(model.weights)
    return opened


def _write_peft(model: ModelToExport, folder: Path, quant: str) -> None:
    write_adapter(model.weights, folder)


def _open_peft(model: ModelToExport, folder: Path, _: int) -> OpenedByPeft:
    base = find_base(base_of(model.weights), model.home)
    return OpenedByPeft(base if (base / "config.json").is_file() else converted(base, model.home), folder)


FORMS = {
    "hf": Form(_write_hf, lambda _, folder, *__: OpenedByTransformers(folder)),
    "gguf": Form(_write_gguf, _open_gguf, QUANTS),
    "ollama": Form(_write_ollama, _open_ollama, ("q8_0", *(quant for quant in QUANTS if quant != "q8_0"))),
    "litgpt": Form(
        lambda model, folder, _: write_litgpt(model.weights, folder), lambda _, folder, *__: OpenedByLitgpt(folder)
    ),
    "peft": Form(_write_peft, _open_peft),
}
