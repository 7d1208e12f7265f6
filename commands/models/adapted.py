"""MODEL together with an adapter of peft's: merged once, into the home."""

import hashlib
from pathlib import Path

from commands.models.use import model_path
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.adapter import content_of_adapter, merged, name_of_adapter
from tasks.models.hub_download import fetch_adapter
from tasks.models.hub_place import is_hub
from tasks.models.pretrained import content_of, stated_base
from tasks.store.locks import exclusive, hold_to_the_end


def with_adapter(home: Home, model: str, adapter: Path | None) -> str:
    """MODEL itself, or the path of the weights that an adapter makes of it."""
    if adapter is None:
        return model
    adapter = fetch_adapter(adapter, home) if is_hub(adapter) else adapter.expanduser().absolute()
    content = content_of_adapter(adapter)
    if not model:
        cure = f"name the base, too: {stated_base(adapter)}"
        raise UsageError(f"--adapter {adapter}: it changes the weights of its base", cure)
    base = model_path(home, model).absolute()
    key = hashlib.sha256(f"{content_of(base)} {content}".encode()).hexdigest()[:16]
    out = home.converted / key / name_of_adapter(adapter)
    hold_to_the_end(out.parent)
    with exclusive(out.with_name(".lock"), f"waiting: another process merges {out.name}"):
        return str(out if out.is_dir() else merged(base, adapter, out))
