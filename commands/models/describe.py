"""`triptych show`: the network of a model, what it takes to train and to serve, and what it makes of a text."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.models.use import at_hand, chat_model, model_path
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.architecture import describe, in_words, memory, tensor_rows
from tasks.models.hub_download import fetch_config
from tasks.models.hub_place import is_hub
from tasks.models.pretrained import shape_of
from tasks.models.provenance import stated_licence
from tasks.readable_numbers import bytes_in_words, count_in_words
from tasks.report.blocks import Section

if TYPE_CHECKING:
    from commands.models.predictions import Predictions
    from model.family import Shape
    from tasks.models.prompting import ChatModel


@dataclass(frozen=True)
class Described:
    """A model, and a text read by it where one is given."""

    name: str  # as its user calls it
    path: Path
    shape: "Shape"
    licence: str | None
    reader: "ChatModel | None" = None
    predictions: "Predictions | None" = None

    def as_json(self) -> dict[str, Any]:
        """Its shape and what it takes first, then its name, and the text."""
        named = {"model": self.name, "licence": self.licence}
        text = {"prompt": self.predictions.as_json()} if self.predictions else {}
        return describe(self.shape) | named | text


def describe_model(home: Home, model: str, prompt: str) -> Described:
    """The model; its weights are loaded, and downloaded from a hub, only where there is a prompt."""
    name = model or at_hand(home)
    path = fetch_config(name, home) if is_hub(name) and not prompt else model_path(home, name)
    described = Described(name, path, shape_of(path), stated_licence(path))
    if not prompt:
        return described
    from commands.models.predictions import predictions

    reader = chat_model(home, name)
    return Described(name, path, described.shape, described.licence, reader, predictions(reader, prompt))


def print_described(described: Described) -> None:
    """On a terminal: parts, tensors and cost as tables, and the text's tokens."""
    from commands.show import show_facts, show_table
    from tasks.report.attention_maps import visible
    from tasks.report.model_page import per_cent

    shape = described.shape
    licence = described.licence or "not stated"
    facts = {"family": shape.family, "parameters": f"{shape.parameters:,}", "licence": licence}
    show_facts({"model": described.name, **facts, **in_words(shape)})
    print()
    show_table(tensor_rows(shape))
    print()
    show_facts(_cost(shape))
    if text := described.predictions:
        print()
        columns = zip(text.tokens[1:], text.logprobs, text.ranks, text.likeliest, strict=False)
        show_table(
            [
                {
                    "token": visible(token),
                    "probability": per_cent(math.exp(logprob)),
                    "rank": rank,
                    "likeliest there": visible(place[0][0]),
                }
                for token, logprob, rank, place in columns
            ]
        )
        following = (f"{visible(token)} {per_cent(probability)}" for token, probability in text.likeliest[-1])
        print(f"next: {', '.join(following)}")


def _cost(shape: "Shape") -> dict[str, str]:
    from model.footprint import forward_flops

    needed, last = memory(shape), forward_flops(shape)
    train = f"{bytes_in_words(needed.training_state)} of weights, gradients and AdamW's moments"
    serve = ", ".join(f"{bytes_in_words(size)} in {form}" for form, size in needed.serving.items())
    return {
        "FLOPs a token": f"{count_in_words(forward_flops(shape, position=1))} at the first, "
        f"{count_in_words(last)} at the last of {shape.context:,}; three times as many in training",
        "to train": f"{train}, and {bytes_in_words(needed.activations)} for a sequence of {needed.trained_tokens:,}",
        "to serve": serve,
        "keys and values": f"{bytes_in_words(needed.cache)} for 1,000 tokens, {bytes_in_words(needed.full_cache)} "
        f"for the whole context, in 16 bits",
    }


def write_page(described: Described, to: Path, block: int | None) -> None:
    """The page; `block` is that whose heads are shown one by one, by default the last."""
    from tasks.report.model_page import network_sections, write_model_page

    shape = described.shape
    facts = {
        "family": shape.family,
        "parameters": f"{shape.parameters:,}",
        "context": f"{shape.context:,} tokens",
        "vocabulary": f"{shape.vocabulary:,} tokens",
        "licence": described.licence or "not stated",
    }
    if to.suffix not in (".html", ".htm"):
        raise UsageError(f"--to {to}: the page is HTML", f"give e.g. --to {to.with_suffix('.html').name}")
    sections = [*network_sections(shape), *_text_sections(described, block)]
    write_model_page(to, described.name, facts, sections)


def _text_sections(described: Described, block: int | None) -> list[Section]:
    from commands.models.attention import MAX_TOKENS, attention_maps, check_block, head_maps, mean_maps
    from tasks.report.blocks import Paragraph
    from tasks.report.model_page import attention_section, prediction_section

    reader, text = described.reader, described.predictions
    if reader is None or text is None:
        return []
    check_block(reader, block)
    probabilities = [math.exp(logprob) for logprob in text.logprobs]
    sections = [prediction_section(text.tokens, probabilities, text.ranks, text.likeliest)]
    if len(text.ids) > MAX_TOKENS:
        why = f"Attention is drawn of texts of at most {MAX_TOKENS - 1} tokens; this one has {len(text.ids) - 1:,}."
        return [*sections, Section("attention", "Attention", [Paragraph(why)])]
    maps, chosen = attention_maps(reader, text.ids), block or described.shape.depth
    return [*sections, attention_section(text.tokens, mean_maps(maps), chosen, head_maps(maps, chosen))]
