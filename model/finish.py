"""The end of training: the weights in their final layout, true at one rename."""

import shutil
from pathlib import Path

from model import head, hub
from model.checkpoint import sync
from model.head import Classifier
from model.lora import merge, save_adapter
from model.session import Session
from model.spec import TOKENIZER_FILES

WEIGHTS, ADAPTER = "weights", "adapter"


def finish(session: Session) -> None:
    """Writes `out/weights` (Hugging Face layout, with the tokenizer; a classifier's head beside it).

    A low-rank change is merged there; by itself it goes to `out/adapter` in peft's layout.
    """
    if session.spec.lora:
        save_adapter(session.decoder, session.spec.lora, session.spec.out / ADAPTER)
        merge(session.decoder)
    folder = session.spec.work / "weights.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if isinstance(session.model, Classifier):
        head.save(session.model, folder)
    else:
        hub.save(session.model, folder)
    for name in TOKENIZER_FILES:
        if (file := session.spec.tokenizer / name).is_file():
            shutil.copyfile(file, folder / name)
    settle(folder, session.spec.out / WEIGHTS)


def settle(partial: Path, done: Path) -> None:
    """Files on disk first, then their folder's name."""
    for file in partial.iterdir():
        sync(file)
    sync(partial)
    partial.rename(done)
    sync(done.parent)
