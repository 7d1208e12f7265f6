"""A page on one model: its network, what it takes, and for a text what it expects and attends to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from model.family import Shape
from model.footprint import forward_flops
from tasks.models.architecture import Memory, in_words, memory, tensor_rows
from tasks.readable_numbers import bytes_in_words, count_in_words
from tasks.report.attention_maps import attention_map, visible
from tasks.report.blocks import Block, Folded, Heading, Paragraph, Section, Table, table
from tasks.report.network import network_picture
from tasks.report.svg import COLOURS, STYLE, bars

Likeliest = Sequence[tuple[str, float]]  # (token, probability)
Maps = Sequence[Sequence[Sequence[float]]]
SHOWN_INSTEAD = 4  # of the likeliest tokens at a place, in the table


def write_model_page(
    path: Path, title: str, facts: Mapping[str, str], sections: Sequence[Section], template: str = "model_page.html"
) -> None:
    """One self-contained HTML file; every text in it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(str(files("tasks.report")))
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template(template).render(title=title, facts=facts, sections=sections, style=COLOURS + STYLE)
    path.write_text(page, encoding="utf-8")


def network_sections(shape: Shape) -> list[Section]:
    """The network and what it takes."""
    words = Table("how it is built", ("part", "how"), tuple(in_words(shape).items()), is_beside=True)
    tensors = table("tensors; {n} is a block's number", tensor_rows(shape))
    return [
        Section("network", "Network", [network_picture(shape), words]),
        Section("tensors", "Tensors", [replace(tensors, numbers=frozenset({2, 3, 4}))]),
        Section("cost", "What it takes", [*_arithmetic(shape), *_memory(memory(shape), shape)]),
    ]


def _arithmetic(shape: Shape) -> list[Block]:
    first, last = forward_flops(shape, position=1), forward_flops(shape)
    rows = [
        {"place": f"token {place:,}", "forward": count_in_words(flops), "training": count_in_words(3 * flops)}
        for place, flops in ((1, first), (shape.context, last))
    ]
    return [
        Table("FLOPs a token", tuple(rows[0]), tuple(tuple(row.values()) for row in rows), frozenset({1, 2})),
        Paragraph(
            "2 N for the parameters that are multiplied (Kaplan et al. 2020; Hoffmann et al. 2022, appendix F), and "
            "4 H Q T in each block for the T tokens attended to; training takes three times as many."
        ),
    ]


def _memory(memory: Memory, shape: Shape) -> list[Block]:
    rows = {
        "to train: weights, gradients and AdamW's moments (16 bytes a parameter)": memory.training_state,
        f"… and for the backward pass of one sequence of {memory.trained_tokens:,} tokens": memory.activations,
        **{f"to serve: weights in {form}": size for form, size in memory.serving.items()},
        "keys and values (16 bits) of 1,000 tokens": memory.cache,
        f"keys and values of the whole context, {shape.context:,} tokens": memory.full_cache,
    }
    cells = tuple((name, bytes_in_words(size)) for name, size in rows.items())
    return [Table("memory", ("what", "bytes"), cells, frozenset({1}))]


def prediction_section(
    tokens: Sequence[str], probabilities: Sequence[float], ranks: Sequence[int], likeliest: Sequence[Likeliest]
) -> Section:
    """`tokens[0]` begins the document; `likeliest[i]` are those that may follow token i."""
    shown = [visible(token) for token in tokens]
    rows = [
        {"token": token, "probability": per_cent(probability), "rank": rank, "likeliest there": _in_words(place)}
        for token, probability, rank, place in zip(shown[1:], probabilities, ranks, likeliest, strict=False)
    ]
    last = {visible(token): round(100 * probability, 2) for token, probability in likeliest[-1]}
    every = [_places(number, shown, place) for number, place in enumerate(likeliest[:-1])]
    blocks: list[Block] = [Paragraph(f"The text as the tokenizer cuts it: {' | '.join(shown[1:])}")]
    blocks.append(bars(f"after “{shown[-1]}”, the next token", "token", "per cent", last))
    if rows:
        blocks.append(table("each token given those before it", rows))
        blocks.append(Folded("The ten likeliest tokens at each place", every))
    return Section("text", "Next tokens", blocks)


def _in_words(place: Likeliest) -> str:
    return ", ".join(f"“{visible(token)}” {per_cent(probability)}" for token, probability in place[:SHOWN_INSTEAD])


def per_cent(share: float) -> str:
    """`12.5 %`: three digits."""
    return f"{100 * share:.3g} %"


def _places(number: int, tokens: Sequence[str], place: Likeliest) -> Table:
    caption = f"{number + 1}. after {tokens[number]}, where {tokens[number + 1]} is"
    cells = tuple((visible(token), per_cent(probability)) for token, probability in place)
    return Table(caption, ("token", "probability"), cells, frozenset({1}))


def attention_section(tokens: Sequence[str], by_block: Maps, block: int, by_head: Maps) -> Section:
    """The maps of all blocks, and of each head of one."""
    blocks: list[Block] = [
        Paragraph(
            "A row is a token, a column one that it attends to: the darker, the more (the root of its share). The "
            "first token begins the document; heads that have nothing to look for rest on it."
        ),
        Heading("Each block, heads averaged"),
        *(attention_map(f"block {number}", tokens, rows) for number, rows in enumerate(by_block, 1)),
        Heading(f"Each head of block {block}"),
        *(attention_map(f"block {block}, head {number}", tokens, rows) for number, rows in enumerate(by_head, 1)),
    ]
    return Section("attention", "Attention", blocks)
