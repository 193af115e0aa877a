"""Lines are priced again while their prices are outdated when they are decided."""

import pytest

from backend.earning.receipts.awards.current_prices import decide_at_current_prices
from backend.earning.receipts.awards.payment_steps import PricesOutdated


class CacheStub:
    """Records the programmes whose rules are read anew."""

    def __init__(self) -> None:
        self.forgotten: list[int] = []

    def forget(self, programme_id: int) -> None:
        self.forgotten.append(programme_id)


class Attempts:
    """Prices one line, and decides it once its price is that of an attempt."""

    def __init__(self, decided_at: int) -> None:
        self.count, self.decided_at = 0, decided_at

    async def price(self):
        self.count += 1
        return [self.count], {7}

    async def decide(self, lines: list[int]) -> str:
        if lines != [self.decided_at]:
            raise PricesOutdated
        return "decided"


@pytest.fixture
def cache() -> CacheStub:
    return CacheStub()


async def test_first_prices_decide_at_once(cache: CacheStub):
    attempts = Attempts(decided_at=1)

    result = await decide_at_current_prices(cache, 3, attempts.price, attempts.decide)

    assert (result, attempts.count, cache.forgotten) == ("decided", 1, [])


async def test_outdated_prices_are_read_again(cache: CacheStub):
    attempts = Attempts(decided_at=3)

    result = await decide_at_current_prices(cache, 3, attempts.price, attempts.decide)

    assert (result, attempts.count, cache.forgotten) == ("decided", 3, [7, 7])


async def test_prices_outdated_each_time_are_an_error(cache: CacheStub):
    attempts = Attempts(decided_at=4)

    with pytest.raises(PricesOutdated):
        await decide_at_current_prices(cache, 3, attempts.price, attempts.decide)

    assert attempts.count == 3
