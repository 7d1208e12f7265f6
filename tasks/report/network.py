"""The network as a picture: token ids to probabilities, with the sizes of its matrices, what repeats drawn once."""

from collections.abc import Iterator, Sequence
from html import escape
from textwrap import wrap

from model.family import Shape
from tasks.models.architecture import MLPS, in_words, tensor_rows
from tasks.report.svg import WIDTH, Plot

LEFT, RIGHT = 34, 16  # of boxes in a block; the line of what a block adds to runs on the left
LINE, PADDING, GAP = 15, 7, 14
NOTE_LETTERS = 60  # of a line in a frame
HEADER = ("tensor", "shape", "count", "parameters", "share")


class Drawing:
    """Boxes one below the other, and the place where the next one goes."""

    def __init__(self) -> None:
        self.parts, self.y = list[str](), 0.0

    def text(self, x: float, text: str, style: str = "") -> None:
        self.parts.append(f'<text class="{style}" x="{x:.0f}" y="{self.y:.1f}">{escape(text)}</text>')

    def arrow(self) -> None:
        """From what is above to what comes next."""
        x, begin = WIDTH / 2, self.y
        self.y += GAP
        head = f"M{x - 3.5} {self.y - 5}L{x} {self.y}L{x + 3.5} {self.y - 5}"
        self.parts.append(f'<path class="flow" d="M{x} {begin:.1f}V{self.y:.1f}{head}"/>')

    def box(self, title: str, lines: Sequence[tuple[str, str]], inset: int = 0) -> None:
        """A titled box; a line is a name and a size."""
        height = 2 * PADDING + LINE * (len(lines) + 1) - 4
        left, right = inset, WIDTH - (RIGHT if inset else 0)
        self.parts.append(
            f'<rect class="box" rx="5" x="{left}" y="{self.y:.1f}" width="{right - left}" height="{height}"/>'
        )
        begin = self.y
        self.y = begin + PADDING + 9
        self.text(left + 9, title, "ink title")
        for name, size in lines:
            self.y += LINE
            self.text(left + 9, name)
            self.text(right - 9, size, "end ink")
        self.y = begin + height

    def note(self, text: str, inset: int = 0) -> None:
        self.y += LINE
        self.text(inset, text)


def network_picture(shape: Shape) -> Plot:
    """The picture; its data are the tensors."""
    drawing = Drawing()
    drawing.note("token ids")
    drawing.y += 4
    drawing.arrow()
    lines = [(f"{shape.vocabulary:,} tokens", f"{shape.vocabulary:,} × {shape.width:,}")]
    if shape.traits.positions == "learned":
        lines.append((f"+ {shape.context:,} positions", f"{shape.context:,} × {shape.width:,}"))
    drawing.box("embedding", lines)
    drawing.arrow()
    _blocks(drawing, shape)
    drawing.arrow()
    drawing.box("norm", [])
    drawing.arrow()
    tied = " (the embedding)" if shape.tied else ""
    drawing.box(f"head{tied}", [("a logit for each token", f"{shape.width:,} → {shape.vocabulary:,}")])
    drawing.arrow()
    drawing.note("probabilities of the next token")
    height = drawing.y + 6
    title = f"{shape.family}: {shape.depth} blocks"
    alt = f"{title}; {'; '.join(f'{name}: {text}' for name, text in in_words(shape).items())}."
    box = f'viewBox="-1 -1 {WIDTH + 2} {height + 2:.0f}"'
    svg = f'<svg role="img" aria-label="{escape(alt)}" {box}>{"".join(drawing.parts)}</svg>'
    rows = tuple(tuple(f"{v:,}" if isinstance(v, int) else v for v in row.values()) for row in tensor_rows(shape))
    return Plot(title, svg, HEADER, rows, height)


def _blocks(drawing: Drawing, shape: Shape) -> None:
    """One block in a frame that says how often it is there."""
    top, frame = drawing.y, len(drawing.parts)
    drawing.y += 4
    drawing.note(f"× {shape.depth:,} blocks of width {shape.width:,}", 9)
    drawing.y += 8
    where = shape.traits.block_norms
    for title, lines in (("attention", _attention(shape)), (f"MLP ({MLPS[shape.traits.mlp]})", _mlp(shape))):
        begin = drawing.y
        drawing.arrow()
        if where != "after":
            drawing.box("norm", [], LEFT)
            drawing.arrow()
        drawing.box(title, lines, LEFT)
        if where != "before":
            drawing.arrow()
            drawing.box("norm", [], LEFT)
        drawing.arrow()
        _addition(drawing, begin)
    drawing.y += 4
    for line in (line for note in _notes(shape) for line in wrap(note, NOTE_LETTERS)):
        drawing.note(line, 9)
    height = drawing.y + 10 - top
    drawing.y = top + height
    drawing.parts.insert(
        frame, f'<rect class="frame" rx="8" x="0" y="{top:.1f}" width="{WIDTH}" height="{height:.1f}"/>'
    )


def _addition(drawing: Drawing, begin: float) -> None:
    """What was read is added to what was computed of it."""
    x, y, radius = WIDTH / 2, drawing.y + 7, 7
    drawing.parts.append(f'<path class="flow" d="M{x} {begin + 4:.1f}H17V{y:.1f}H{x - radius}"/>')
    drawing.parts.append(f'<circle class="other" cx="{x}" cy="{y}" r="{radius}"/>')
    drawing.parts.append(f'<path class="flow" d="M{x - 4} {y}h8M{x} {y - 4}v8"/>')
    drawing.y = y + radius


def _attention(shape: Shape) -> list[tuple[str, str]]:
    width = shape.width
    lines = [("queries", f"{width:,} → {shape.heads} heads × {shape.head_width}")]
    lines.append(("keys and values", f"{width:,} → {shape.kv_heads} heads × {shape.head_width}, each"))
    if shape.traits.query_norms != "none":
        lines.append(("norm of queries and keys", "in each head" if "each" in shape.traits.query_norms else "together"))
    if shape.traits.positions == "rotary":
        lines.append(("rotary positions", f"{shape.rotated_width} of {shape.head_width} dimensions"))
    lines.append(("out", f"{shape.heads * shape.head_width:,} → {width:,}"))
    return lines


def _mlp(shape: Shape) -> list[tuple[str, str]]:
    names = ("hidden", "out") if shape.traits.mlp == "gelu" else ("gate and up", "down")
    each = "" if shape.traits.mlp == "gelu" else ", each"
    return [
        (names[0], f"{shape.width:,} → {shape.ffn_width:,}{each}"),
        (names[1], f"{shape.ffn_width:,} → {shape.width:,}"),
    ]


def _notes(shape: Shape) -> Iterator[str]:
    """How blocks differ from one another."""
    words = in_words(shape)
    if shape.window is not None:
        yield f"sees {words['reach']}"
    if shape.unrotated_blocks:
        yield f"no rotation in {words['positions'].partition('none in ')[2]}"
