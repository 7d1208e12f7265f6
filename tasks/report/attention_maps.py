"""Attention as a picture: a row is a token, a column one that it attends to, and the darker the cell the more."""

from collections.abc import Sequence
from html import escape

from tasks.report.svg import WIDTH, Plot

LABEL_WIDTH, LABEL_LETTERS = 84, 12  # beside and below the cells
LARGEST_CELL = 24.0
MOST_NUMBERED = 10  # tokens whose cells have room for per cents
LEVELS = 10  # of darkness
DARK = 0.55  # from here on letters are light
SMALL_CELL, SMALL_FONT, FONT = 12.0, 7, 10
LETTER = 0.62  # of a font's size: a letter's width
STRONGEST = 3  # that the data lists of each token


def attention_map(title: str, tokens: Sequence[str], shares: Sequence[Sequence[float]]) -> Plot:
    """One map: `shares[t][s]`, of which each row sums to 1. The darkness of a cell is the root of its share."""
    cell = min(LARGEST_CELL, (WIDTH - LABEL_WIDTH - 8) / len(tokens))
    font = SMALL_FONT if cell < SMALL_CELL else FONT
    shown = [visible(token) for token in tokens]
    labels = [token if len(token) <= LABEL_LETTERS else f"{token[: LABEL_LETTERS - 1]}…" for token in shown]
    drawn = [*_cells(shares, cell), *_labels(labels, cell, font)]
    if len(tokens) <= MOST_NUMBERED:
        drawn += _numbers(shares, cell)
    bottom = max(map(len, labels)) * font * LETTER
    height = len(tokens) * cell + bottom * 0.75 + 16
    rows = [(token, *_strongest(line, shown)) for token, line in zip(shown, shares, strict=True)]
    header = ("token", *(f"attends to ({number})" for number in range(1, STRONGEST + 1)))
    alt = f"{title}: {len(tokens)} tokens; the last, {shown[-1]}, attends most to {rows[-1][1]}."
    box = f'viewBox="0 0 {WIDTH} {height:.0f}"'
    svg = f'<svg role="img" aria-label="{escape(alt)}" {box}>{"".join(drawn)}</svg>'
    return Plot(title, svg, header, tuple(rows), height)


def visible(token: str) -> str:
    """With signs for white space and for what has no letter of its own."""
    signs = {" ": "·", "\n": "⏎", "\t": "⇥"}
    return "".join(signs.get(c, c if c.isprintable() else "\\" + format(ord(c), "x")) for c in token) or "∅"


def _cells(shares: Sequence[Sequence[float]], cell: float) -> list[str]:
    """A path for each level of darkness; cells that nothing is attended to in are left out."""
    side = f"h{cell - 1:.1f}v{cell - 1:.1f}h-{cell - 1:.1f}z"
    ground, by_level = list[str](), dict[int, list[str]]()
    for row, line in enumerate(shares):
        for column, share in enumerate(line[: row + 1]):
            place = f"M{LABEL_WIDTH + column * cell:.1f} {row * cell:.1f}{side}"
            ground.append(place)
            if level := round(LEVELS * share**0.5):
                by_level.setdefault(level, []).append(place)
    drawn = [f'<path class="whole" opacity="0.35" d="{"".join(ground)}"/>']
    for level, places in sorted(by_level.items()):
        drawn.append(f'<path class="bar" opacity="{level / LEVELS:.1f}" d="{"".join(places)}"/>')
    return drawn


def _labels(labels: Sequence[str], cell: float, font: int) -> list[str]:
    size, bottom = f'style="font-size:{font}px"', len(labels) * cell
    drawn = list[str]()
    for number, label in enumerate(labels):
        middle = (number + 0.5) * cell
        x = LABEL_WIDTH + middle
        drawn.append(
            f'<text class="end ink" {size} x="{LABEL_WIDTH - 5}" y="{middle + font / 3:.1f}">{escape(label)}</text>'
        )
        turned = f'transform="rotate(-45 {x:.1f} {bottom + font:.1f})"'
        drawn.append(f'<text class="end" {size} x="{x:.1f}" y="{bottom + font:.1f}" {turned}>{escape(label)}</text>')
    return drawn


def _numbers(shares: Sequence[Sequence[float]], cell: float) -> list[str]:
    drawn = list[str]()
    for row, line in enumerate(shares):
        for column, share in enumerate(line[: row + 1]):
            style = "middle on-dark" if share**0.5 > DARK else "middle ink"
            x, y = LABEL_WIDTH + (column + 0.5) * cell - 0.5, (row + 0.5) * cell + 2.5
            drawn.append(
                f'<text class="{style}" style="font-size:8px" x="{x:.1f}" y="{y:.1f}">{100 * share:.0f}</text>'
            )
    return drawn


def _strongest(line: Sequence[float], tokens: Sequence[str]) -> list[str]:
    """`the 62 %`, of those that a token attends to most."""
    order = sorted(range(len(line)), key=lambda n: -line[n])[:STRONGEST]
    cells = [f"{tokens[n]} {line[n]:.0%}" if line[n] > 0 else "" for n in order]
    return cells + [""] * (STRONGEST - len(cells))
