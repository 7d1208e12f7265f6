"""Models elsewhere in commands that let models answer: by address, with options for what it may cost."""

from math import inf
from typing import TYPE_CHECKING, Annotated

import typer

from tasks.endpoints.address import EndpointAddress
from tasks.endpoints.answer_cache import AnswerCache
from tasks.endpoints.budget import Budget, parse_prices
from tasks.home import Home

if TYPE_CHECKING:
    from tasks.evaluate.endpoint_answerer import EndpointAnswerer

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


def answerer_at(name: str, address: EndpointAddress, home: Home, budget: Budget) -> "EndpointAnswerer":
    """That model as a contestant, whose answers the home keeps."""
    from tasks.endpoints.endpoint import Endpoint
    from tasks.evaluate.endpoint_answerer import EndpointAnswerer

    return EndpointAnswerer(name, Endpoint(address, AnswerCache(home.answers), budget))
