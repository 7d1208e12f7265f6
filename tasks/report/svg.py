"""Plots as inline SVG that take their colours from the page, each with its data and a sentence for a screen reader.

A plot is 360 units wide, the width of a phone, so its letters are as large as the page's.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from tasks.readable_numbers import plain_number

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 22, 34
ROW = 26  # height of a bar with its label
LABELS, MOST_LETTERS = 100, 15  # width of the labels beside a heat map, and what of a label fits there
MOST_LABELS = 40  # rows of a heat map: with more, a cell would be thinner than its border
MOST_NUMBERED = 12  # labels of a heat map whose cells still have room for their numbers
TITLE, MARGIN, SCALE = 18, 12, 2  # of a picture in a file of its own
MOST_POINTS = 300  # drawn of a series; the data beside it is cut to MOST_ROWS
MOST_ROWS = 60
LEAST_SPAN = 0.04  # of the values that an axis shows: less would make a difference of noise look large
FEW_POINTS = 30  # of a series: each has its dot and its tooltip
Points = Sequence[tuple[float, float]]
COLOURS = """
:root { --paper: #fdfcf9; --ink: #1f2328; --soft: #59606a; --rule: #dcdad2; --panel: #f4f2ec;
        --main: #1a5fb4; --second: #a0522d; --bad: #b3261e; --whole: #d9d6cb; --mark: #ffe08a; --mark-ink: #1f2328; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e8e6e1; --soft: #a6abb3; --rule: #383c43; --panel: #1f2227;
          --main: #7db3f5; --second: #e2a272; --bad: #ff8a80; --whole: #3d424a; --mark: #6b5200; --mark-ink: #fff4cf; }
}
"""
STYLE = """
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .ink { fill: var(--ink); } svg text.s1 { fill: var(--main); }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; } svg text.title { font-weight: 600; }
svg .rule { stroke: var(--rule); } svg .limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; }
svg .line { fill: none; stroke: var(--whole); stroke-width: 1; } svg .line.s1 { stroke: var(--main); stroke-width: 2; }
svg .line.s0:only-of-type { stroke: var(--main); stroke-width: 2; }
svg .dot { fill: var(--main); } svg .hover { fill: transparent; }
svg .other { fill: var(--paper); stroke: var(--soft); stroke-width: 1.5; }
svg .whisker { stroke: var(--main); stroke-width: 2; } svg .bar { fill: var(--main); } svg .bad { fill: var(--bad); }
svg .whole { fill: var(--whole); } svg .paper { fill: var(--paper); }
svg .box { fill: var(--paper); stroke: var(--soft); } svg .frame { fill: var(--panel); stroke: var(--rule); }
svg .flow { fill: none; stroke: var(--soft); } svg text.on-dark { fill: var(--paper); }
"""


@dataclass(frozen=True)
class Plot:
    title: str
    svg: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    height: float = HEIGHT
    kind: str = "plot"


@dataclass(frozen=True)
class Axis:
    """A range of values on a range of units; a logarithmic one begins at 0, which has the place of a half."""

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        low, high, value = (_log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            return [0.0, *(10.0**n for n in range(int(_log(max(self.high, 1))) + 1))]
        step = _nice((self.high - self.low) / 4 or 1)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, int(self.high / step + 1e-9) + 1)]


def curves(title: str, x_name: str, y_name: str, series: Mapping[str, Points]) -> Plot:
    """Lines of the named series; a short one has its points marked."""
    points = [point for named in series.values() for point in named]
    x = Axis(min(p[0] for p in points), max(p[0] for p in points), LEFT, WIDTH - RIGHT)
    y = _y_axis(min(p[1] for p in points), max(p[1] for p in points))
    drawn = [*_axes(x, y, x_name, y_name)]
    for number, (name, named) in enumerate(series.items()):
        shown = _thinned(named, MOST_POINTS)
        places = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in shown)
        drawn.append(f'<polyline class="line s{number}" points="{places}"/>')
        for a, b in shown if len(named) <= FEW_POINTS else _thinned(named, FEW_POINTS):
            style = "dot" if len(named) <= FEW_POINTS else "hover"
            circle = f'<circle class="{style} s{number}" r="{3 if style == "dot" else 6}"'
            tip = f"{x_name} {plain_number(a)}: {name} {plain_number(b)}"
            drawn.append(f'{circle} cx="{x.at(a):.1f}" cy="{y.at(b):.1f}">{_tip(tip)}</circle>')
        if len(series) > 1:
            at = TOP + 14 * number
            begin, end = WIDTH - RIGHT - 18, WIDTH - RIGHT
            drawn.append(f'<polyline class="line s{number}" points="{begin},{at} {end},{at}"/>')
            drawn.append(_text(begin - 4, at + 4, name, "end ink"))
    last = "; ".join(
        f"{name} from {plain_number(named[0][1])} to {plain_number(named[-1][1])}" for name, named in series.items()
    )
    rows = sorted({a for named in series.values() for a, _ in _thinned(named, MOST_ROWS)})
    values = {name: dict(named) for name, named in series.items()}
    table = [(plain_number(a), *(plain_number(values[name].get(a)) for name in series)) for a in rows]
    header = (x_name, *(f"{name} ({y_name})" if y_name else name for name in series))
    return Plot(title, _svg(f"{title}: {last}.", drawn), header, tuple(table))


def histogram(title: str, edges: Sequence[float], counts: Sequence[int], limits: Mapping[float, str]) -> Plot:
    """Counts on a logarithmic scale; `limits` are thresholds: value → what is beyond ("<" or ">")."""
    x = Axis(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    y = Axis(0, max(*counts, 1), HEIGHT - BOTTOM, TOP, logarithmic=True)
    drawn = [*_axes(x, y, "", "documents")]
    for begin, end, count in zip(edges, edges[1:], counts, strict=False):
        beyond = any((end <= limit) if side == "<" else (begin >= limit) for limit, side in limits.items())
        top, left = y.at(count), x.at(begin)
        size = f'width="{max(x.at(end) - left - 0.6, 0.6):.1f}" height="{max(y.begin - top, 0):.1f}"'
        tip = _tip(f"{plain_number(begin)} to {plain_number(end)}: {count:,} documents{', dropped' if beyond else ''}")
        style = "bad" if beyond else "bar"
        drawn.append(f'<rect class="{style}" x="{left:.1f}" y="{top:.1f}" {size}>{tip}</rect>')
    for limit in limits:
        if x.low <= limit <= x.high:
            at = x.at(limit)
            drawn.append(f'<line class="limit" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{y.begin}"/>')
            anchor = "end" if at > WIDTH - 80 else ""
            drawn.append(_text(at + (-4 if anchor else 4), TOP + 8, plain_number(limit), f"{anchor} ink"))
    cuts = " and ".join(
        f"{'below' if side == '<' else 'above'} {plain_number(limit)}" for limit, side in limits.items()
    )
    span = f"{plain_number(edges[0])} and {plain_number(edges[-1])}"
    alt = f"{title}: {sum(counts):,} documents between {span}; dropped {cuts}."
    cells = zip(edges, edges[1:], counts, strict=False)
    rows = tuple((plain_number(begin), plain_number(end), f"{count:,}") for begin, end, count in cells if count)
    return Plot(title, _svg(alt, drawn), ("from", "to", "documents"), rows)


def bars(title: str, name: str, unit: str, values: Mapping[str, float], of: Mapping[str, float] | None = None) -> Plot:
    """One bar per name; `of` holds the totals that the values are parts of, drawn behind them."""
    whole = of or values
    x = Axis(0, max(whole.values(), default=1) or 1, 0, WIDTH)
    drawn = []
    for number, (label, value) in enumerate(values.items()):
        y = number * ROW
        amount = f"{plain_number(value)} of {plain_number(of[label])}" if of else plain_number(value)
        drawn += [_text(0, y + 10, label, "ink"), _text(WIDTH, y + 10, amount, "end ink")]
        if of:
            drawn.append(f'<rect class="whole" x="0" y="{y + 14}" width="{x.at(of[label]):.1f}" height="6"/>')
        tip = _tip(f"{label}: {amount} {unit}")
        drawn.append(f'<rect class="bar" x="0" y="{y + 14}" width="{x.at(value):.1f}" height="6">{tip}</rect>')
    rows = tuple(
        (label, plain_number(value), *([plain_number(of[label])] if of else [])) for label, value in values.items()
    )
    listed = ", ".join(f"{label} {plain_number(value)}" for label, value in list(values.items())[:12])
    header = (name, unit, *(["of"] if of else []))
    height = max(ROW * len(values), ROW)
    return Plot(title, _svg(f"{title}: {listed}.", drawn, height), header, rows, height)


def intervals(title: str, rows: Sequence[tuple[str, float, float | None, float | None]]) -> Plot:
    """Values on one axis: (name, value, low, high); those without an interval are baselines."""
    reach = [v for row in rows for v in row[1:] if v is not None]
    margin = (max(reach) - min(reach)) * 0.05 or 0.05
    begin = max(min(reach) - margin, 0.0) if min(reach) >= 0 else min(reach) - margin  # none is below 0
    x = Axis(begin, max(reach) + margin, 6, WIDTH - 6)
    drawn = []
    for number, (name, value, low, high) in enumerate(rows):
        y = number * ROW + 18
        drawn += [_text(0, y - 8, name, "ink"), _text(WIDTH, y - 8, plain_number(value), "end ink")]
        drawn.append(f'<line class="rule" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>')
        if low is not None and high is not None:
            drawn.append(f'<line class="whisker" x1="{x.at(low):.1f}" x2="{x.at(high):.1f}" y1="{y}" y2="{y}"/>')
        style = "dot s0" if low is not None else "dot other"
        within = "" if low is None or high is None else f", 95 % {plain_number(low)} to {plain_number(high)}"
        tip = _tip(f"{name}: {plain_number(value)}{within}")
        drawn.append(f'<circle class="{style}" r="4" cx="{x.at(value):.1f}" cy="{y}">{tip}</circle>')
    height = ROW * len(rows) + 18
    drawn += [_text(x.at(tick), height - 3, plain_number(tick), "middle") for tick in x.ticks()]
    listed = ", ".join(f"{name} {plain_number(value)}" for name, value, _, _ in rows)
    table = tuple((name, plain_number(value), plain_number(low), plain_number(high)) for name, value, low, high in rows)
    return Plot(title, _svg(f"{title}: {listed}.", drawn, height), ("model", "value", "low", "high"), table, height)


def heat_map(title: str, labels: Sequence[str], counts: Sequence[Sequence[float]]) -> Plot:
    """Counts in a square, one row and one column per label, each cell coloured by its share of its row.

    Of many labels those with most outside the diagonal are shown, all others as one.
    """
    if len(labels) > MOST_LABELS:
        title = f"{title}; the {MOST_LABELS - 1} of {len(labels):,} with most mistakes"
        labels, counts = _most_confused(labels, counts)
    size = (WIDTH - LABELS) / len(labels)
    drawn = []
    for row, (label, line) in enumerate(zip(labels, counts, strict=True)):
        y = row * ROW
        drawn.append(_text(LABELS - 6, y + ROW / 2 + 4, label[:MOST_LETTERS], "end ink"))
        for column, count in enumerate(line):
            share, x = count / (sum(line) or 1), LABELS + column * size
            place = f'x="{x:.1f}" y="{y + 1}" width="{size - 2:.1f}" height="{ROW - 2}"'
            tip = _tip(f"{label} → {labels[column]}: {plain_number(count)}, {share:.0%} of the row")
            drawn.append(f'<rect class="whole" {place}/><rect class="bar" opacity="{share:.3f}" {place}>{tip}</rect>')
            if len(labels) <= MOST_NUMBERED:
                drawn.append(_text(x + size / 2, y + ROW / 2 + 4, plain_number(count), "middle ink"))
    height = ROW * (len(labels) + 1)
    for column, label in enumerate(labels):
        letters = max(3, int(size / 6))
        drawn.append(_text(LABELS + (column + 0.5) * size, height - 8, label[:letters], "middle"))
    rows = tuple((label, *map(plain_number, line)) for label, line in zip(labels, counts, strict=True))
    return Plot(title, _svg(f"{title}.", drawn, height), ("", *labels), rows, height)


def _most_confused(labels: Sequence[str], counts: Sequence[Sequence[float]]) -> tuple[list[str], list[list[float]]]:
    """MOST_LABELS rows and columns: the labels with most outside the diagonal in their order, then the others' sums."""
    table = np.asarray(counts, dtype=np.float64)
    mistakes = table.sum(0) + table.sum(1) - 2 * np.diag(table)
    chosen = np.sort(np.argsort(-mistakes, kind="stable")[: MOST_LABELS - 1])
    others = np.setdiff1d(np.arange(len(labels)), chosen)
    rows = np.vstack([table[chosen], table[others].sum(0)])
    cells = np.column_stack([rows[:, chosen], rows[:, others].sum(1)])
    return [*(labels[int(n)] for n in chosen), f"{len(others):,} others"], cells.tolist()


def standalone(plots: Sequence[Plot]) -> str:
    """One SVG file of these plots, one below the other under their titles, with its own colours."""
    drawn, y = list[str](), TITLE
    for plot in plots:
        drawn.append(_text(0, y, plot.title, "title ink"))
        drawn.append(plot.svg.replace("<svg ", f'<svg y="{y + 8}" width="{WIDTH}" height="{plot.height:.0f}" ', 1))
        y += plot.height + TITLE + 16
    width, height = WIDTH + 2 * MARGIN, y + MARGIN
    box = f'viewBox="{-MARGIN} {-MARGIN} {width} {height:.0f}" width="{width * SCALE:.0f}"'
    paper = f'<rect class="paper" x="{-MARGIN}" y="{-MARGIN}" width="{width}" height="{height:.0f}"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}><style>{COLOURS}{STYLE}</style>{paper}'
    return f"{head}{''.join(drawn)}</svg>\n"


def _y_axis(low: float, high: float) -> Axis:
    span = max(high - low, LEAST_SPAN * max(abs(low), abs(high))) or 1
    margin = (span - (high - low)) / 2 + span * 0.05
    return Axis(low - margin, high + margin, HEIGHT - BOTTOM, TOP)


def _axes(x: Axis, y: Axis, x_name: str, y_name: str) -> Iterator[str]:
    for tick in y.ticks():
        at = y.at(tick)
        yield f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield _text(LEFT - 6, at + 4, plain_number(tick), "end")
    for tick in x.ticks():
        yield _text(x.at(tick), HEIGHT - BOTTOM + 15, plain_number(tick), "middle")
    yield _text(WIDTH - RIGHT, HEIGHT - 4, x_name, "end")
    yield _text(0, 9, y_name, "")


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style.strip()}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _tip(text: str) -> str:
    """What a browser shows beside the pointer."""
    return f"<title>{escape(text)}</title>"


def _svg(alt: str, drawn: Sequence[str], height: float = HEIGHT) -> str:
    box = f'viewBox="0 0 {WIDTH} {height:.0f}"'
    return f'<svg role="img" aria-label="{escape(alt)}" {box}>{"".join(drawn)}</svg>'


def _thinned(points: Points, most: int) -> Points:
    """Every so many-th point, and the last."""
    stride = max(1, math.ceil(len(points) / most))
    return [*points[:-1:stride], points[-1]]


def _nice(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= step * (1 - 1e-9))


def _log(value: float) -> float:
    return math.log10(max(value, 0.5))
