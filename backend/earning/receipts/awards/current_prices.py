"""Decisions on lines at the prices of the current rules."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from backend.earning.receipts.awards.payment_steps import PricesOutdated
from backend.programmes.rules.rule_cache import RuleCache

PricedLine = TypeVar("PricedLine")
Result = TypeVar("Result")


async def decide_at_current_prices(
    rule_cache: RuleCache,
    attempts: int,
    price: Callable[[], Awaitable[tuple[list[PricedLine], set[int]]]],
    decide: Callable[[list[PricedLine]], Awaitable[Result]],
) -> Result:
    """Price lines and decide them; again if the rules, a budget or the lines changed in between.

    `price` returns the lines and the programmes whose rules were used; `decide` raises PricesOutdated.

    Raises:
        PricesOutdated: they changed during each attempt.
    """
    for _ in range(attempts):
        lines, programmes = await price()
        try:
            return await decide(lines)
        except PricesOutdated:
            for programme in programmes:
                rule_cache.forget(programme)
    raise PricesOutdated
