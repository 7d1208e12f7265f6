"""Weights in and out in LitGPT's layout: lit_model.pth beside model_config.yaml.

The .pth is a pickle. It is opened as PyTorch opens those it does not trust: tensors and plain containers only, nothing
is run, and a file that asks for more is refused. Older files interleave queries, keys and values group by group, under
the name attn.attn; newer ones keep them one after another, under attn.qkv.
"""

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from model.decoder import Decoder
from model.family import Shape, SpecialIds
from model.hub_config import WeightsError, to_special_ids
from model.hub_files import CONFIG, GENERATION_CONFIG, read_json
from model.hub_tensors import FLOATS, Place, refuse_not_finite, rows_of
from model.litgpt_config import from_litgpt, to_litgpt
from model.litgpt_settings import LIT_CONFIG, LIT_MODEL

HEAD, EMBEDDING = "lm_head.weight", "transformer.wte.weight"
DAMAGE = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, OverflowError, EOFError, OSError)

BLOCK = "blocks.{n}."
_BLOCKS = {
    "attention_norm": "norm_1",
    "attention.to_out": "attn.proj",
    "attention.q_norm": "attn.norm_q",
    "attention.k_norm": "attn.norm_k",
    "attention_out_norm": "post_attention_norm",
    "mlp_norm": "norm_2",
    "mlp.to_gate": "mlp.fc_1",
    "mlp.to_up": "mlp.fc_2",
    "mlp.to_out": "mlp.proj",
    "mlp_out_norm": "post_mlp_norm",
}
PLACES = {  # of all families
    "embedding.weight": Place(EMBEDDING),
    "norm.weight": Place("transformer.ln_f.weight"),
    "head.weight": Place(HEAD),
    **{f"{BLOCK}{ours}.weight": Place(f"transformer.h.{{n}}.{theirs}.weight") for ours, theirs in _BLOCKS.items()},
    **{
        f"{BLOCK}attention.to_{letter}.{kind}": Place(f"transformer.h.{{n}}.attn.qkv.{kind}", fused="qkv", part=part)
        for part, letter in enumerate("qkv")
        for kind in ("weight", "bias")
    },
}


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Decoder:
    """The decoder of a folder that LitGPT wrote; WeightsError where it is damaged, or of no family that is read."""
    file = folder / LIT_MODEL
    tensors = _tensors(file)
    shape = from_litgpt(read_config(folder / LIT_CONFIG), folder / LIT_CONFIG, _is_tied(tensors))
    _straighten(tensors, shape)
    with torch.device("meta"):
        decoder = Decoder(shape, read_special_ids(folder))
    unread, state = set(tensors) - ({HEAD} if shape.tied else set()), dict[str, Tensor]()
    for name, parameter in decoder.named_parameters():
        place = place_of(name)
        unread.discard(place.name)
        state[name] = _part(tensors, file, shape, place, parameter.shape).to(dtype, copy=True)
    if unread:
        some = ", ".join(sorted(unread)[:3])
        what = f"{file}: {len(unread)} tensors have no place in the network {LIT_CONFIG} describes: {some}"
        raise WeightsError(what, f"take the {LIT_CONFIG} that came with these weights")
    decoder.load_state_dict(state, assign=True)
    return decoder


def save(decoder: Decoder, folder: Path) -> None:
    """Writes lit_model.pth and model_config.yaml; WeightsError where LitGPT lacks what the network has."""
    import yaml

    config = to_litgpt(decoder.shape)
    parts: dict[str, list[Tensor]] = {}
    for name, parameter in decoder.named_parameters():
        parts.setdefault(place_of(name).name, []).append(parameter.detach().cpu())
    tensors = {name: torch.cat(those) if len(those) > 1 else those[0] for name, those in parts.items()}
    tensors.setdefault(HEAD, tensors[EMBEDDING])
    torch.save(tensors, folder / LIT_MODEL)
    (folder / LIT_CONFIG).write_text(yaml.safe_dump(config), encoding="utf-8")


def read_shape(folder: Path) -> Shape:
    """The shape that the folder's files describe; no weight is copied."""
    return from_litgpt(read_config(folder / LIT_CONFIG), folder / LIT_CONFIG, _is_tied(_tensors(folder / LIT_MODEL)))


def read_config(file: Path) -> dict[str, Any]:
    """The settings in a model_config.yaml."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: missing", "give the folder as LitGPT wrote it") from error
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        raise WeightsError(f"{file}: not YAML ({error})", "copy it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{file}: not a table of settings", "copy it again")
    return cast("dict[str, Any]", content)


def read_special_ids(folder: Path) -> SpecialIds:
    """The ids that the Hugging Face configs name which LitGPT keeps beside its own."""
    config, generation = (
        read_json(file) if (file := folder / name).is_file() else {} for name in (CONFIG, GENERATION_CONFIG)
    )
    return to_special_ids(config, generation, folder)


def place_of(parameter: str) -> Place:
    """Where our parameter lies in a file of LitGPT's."""
    number = re.search(r"blocks\.(\d+)\.", parameter)
    place = PLACES[re.sub(r"blocks\.\d+\.", BLOCK, parameter)]
    return place._replace(name=place.name.format(n=number[1])) if number else place


def _tensors(file: Path) -> dict[str, Tensor]:
    """The tensors in the file by name, none of them read from the disk yet."""
    try:
        with zipfile.ZipFile(file) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise WeightsError(f"{file}: it is compressed, which PyTorch never does", "copy it again")
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: missing", "give the folder as LitGPT wrote it") from error
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        first = str(error).partition("\n")[0]
        what = f"{file}: holds more than tensors, which could run any code; it was not opened ({first})"
        raise WeightsError(what, "take the model's safetensors") from error
    except (*DAMAGE, zipfile.BadZipFile) as error:
        raise WeightsError(f"{file}: cut, damaged or no file of PyTorch's ({error})", "copy it again") from error
    state = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not state:
        raise WeightsError(f"{file}: holds no table of tensors", "give a lit_model.pth as LitGPT wrote it")
    named = cast("dict[Any, Any]", state)
    for name, tensor in named.items():
        if not isinstance(name, str) or not _is_whole(tensor):
            raise WeightsError(f"{file}: {name!r} is no tensor with numbers of its own", "copy it again")
    return dict(named)


def _is_whole(tensor: Any) -> bool:
    """A plain tensor with a number in the file for each of its elements."""
    return (
        isinstance(tensor, Tensor)
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_nested
        and tensor.dtype in FLOATS
        and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
    )


def _is_tied(tensors: dict[str, Tensor]) -> bool:
    """Whether the head is the embedding: LitGPT stores both, one storage or two with the same numbers."""
    head, embedding = tensors.get(HEAD), tensors.get(EMBEDDING)
    return head is not None and embedding is not None and torch.equal(head, embedding)


def _straighten(tensors: dict[str, Tensor], shape: Shape) -> None:
    """Older files' rows: queries, key and value group by group → all queries, all keys, all values."""
    group, head = shape.heads // shape.kv_heads * shape.head_width, shape.head_width
    for name in [name for name in tensors if re.fullmatch(r"transformer\.h\.\d+\.attn\.attn\.(weight|bias)", name)]:
        tensor = tensors.pop(name)
        if tensor.dim() and len(tensor) == shape.kv_heads * (group + 2 * head):
            by_group = tensor.unflatten(0, (shape.kv_heads, group + 2 * head)).split((group, head, head), dim=1)
            tensor = torch.cat([part.flatten(0, 1) for part in by_group])
        tensors[name.replace(".attn.attn.", ".attn.qkv.")] = tensor


def _part(tensors: dict[str, Tensor], file: Path, shape: Shape, place: Place, ours: torch.Size) -> Tensor:
    """Our parameter, of that size, cut out of the stored tensor."""
    if (tensor := tensors.get(place.name)) is None:
        raise WeightsError(
            f"{file}: the tensor {place.name} is missing", f"take the {LIT_CONFIG} that came with these weights"
        )
    rows = rows_of(shape, place, ours[0])
    stored = torch.Size((sum(rows), *ours[1:]))
    if tensor.shape != stored:
        raise WeightsError(
            f"{file}: {place.name} has the shape {list(tensor.shape)}, {LIT_CONFIG} asks for {list(stored)}",
            f"take the {LIT_CONFIG} that came with these weights",
        )
    refuse_not_finite(tensor, place.name, file)
    return tensor.split(rows)[place.part].contiguous()
