"""The options of commands that ask models elsewhere: what it costs, and how much of it."""

from math import inf
from typing import Annotated

import typer

from tasks.endpoints.budget import Budget, parse_prices

PriceOption = Annotated[
    str, typer.Option(metavar="IN/OUT", help="Of a model elsewhere: a million tokens read and written, e.g. 0.15/0.60.")
]
MaxCostOption = Annotated[
    float | None, typer.Option(min=0, help="What models elsewhere may cost in all, in the currency of --price.")
]
RequestsOption = Annotated[
    float | None, typer.Option("--requests-per-minute", min=0.1, help="Most requests to models elsewhere.")
]


def budget_of(price: str, max_cost: float | None, requests_per_minute: float | None) -> Budget:
    """UsageError where the price is none, or a limit of money stands without one."""
    prices = parse_prices(price) if price else None
    return Budget(requests_per_minute or inf, inf if max_cost is None else max_cost, prices)
