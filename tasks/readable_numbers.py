"""Numbers as a person reads them: counts and bytes in powers of 1000, any other number with four digits."""

import math


def plain_number(value: float | None) -> str:
    """`0.07143`, `12.5`, `100,000`: four digits, and from 1000 on to the unit; `–` where there is no number."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.4g}"


def count_in_words(count: float) -> str:
    """`676 k`, `2.66 M`, `15 trillion`: three digits, in powers of 1000."""
    for unit in ("", " k", " M", " billion"):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{plain_number(count)} trillion"


def bytes_in_words(count: float) -> str:
    """`12.3 MB`, in powers of 1000."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:,.1f} TB"


def seconds_in_words(seconds: float) -> str:
    """`45 s`, `5 min 20 s`, `1 h 05 min`; tenths below ten seconds."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
