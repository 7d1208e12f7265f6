"""`triptych export`: a model for another program, with that program's proof, which the registry keeps too."""

from collections.abc import Iterator
from pathlib import Path

from commands.models.use import at_hand, is_public, weights_folder
from tasks.export.formats import Exported, ModelToExport, export, require_known
from tasks.export.proof import Proof
from tasks.home import Home
from tasks.progress import say
from tasks.store.locks import exclusive
from tasks.tracking.model_version import Version
from tasks.tracking.registry import locate
from tasks.tracking.server import MlflowUnavailable
from tasks.tracking.versions import open_registry


def export_model(home: Home, model: str, form: str, quant: str, to: Path) -> Exported:
    """The export; the proof's summary becomes a tag of the version, `export.FORMAT.QUANT`."""
    require_known(form, quant)
    model = model or at_hand(home)
    place = None if is_public(model) else locate(model, home)
    version = place if isinstance(place, Version) else None
    name = version.name if version else Path(model).stem
    exported = export(ModelToExport(weights_folder(home, model), name, version, home), form, quant, to)
    if version:
        tag = ".".join(part for part in ("export", form, exported.proof.quant) if part)
        _keep_proof(home, version, tag, exported.proof)
    return exported


def proof_in_words(proof: Proof) -> Iterator[str]:
    """What was proved, a line each."""
    greedy = f"the likeliest text is equal in {proof.rows} rows"
    if proof.greedy_ties:
        greedy += f" ({proof.greedy_ties} differ in a tie: two tokens as likely as its rounding is coarse)"
    turns = ", equal turns by its template" if proof.turns_equal else ""
    yield f"proved by {proof.opened_by}: equal ids for a list of nasty texts{turns}, and {greedy}"
    before, after = f"{proof.bits_per_byte_before:.4f}", f"{proof.bits_per_byte_after:.4f}"
    yield f"bits per byte of {proof.texts}: {before} before, {after} after, {proof.verdict}"
    yield from (f"note: {note}" for note in proof.notes)
    if proof.quant:
        yield f"the same text as before it was written in {proof.greedy_as_before} of {proof.rows} rows"


def _keep_proof(home: Home, version: Version, tag: str, proof: Proof) -> None:
    try:
        with exclusive(home.registry_lock), open_registry(home) as registry:
            registry.tag(version, {tag: proof.model_dump_json()})
    except MlflowUnavailable as error:
        say(f"  the registry does not know of this export: {error.what}; proof.json beside it does")
