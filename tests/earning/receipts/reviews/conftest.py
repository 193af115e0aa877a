"""A brand with an agent whom its rules hold back."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from backend.identity.accounts.schemas import AccountCreated
from tests.earning.receipts.receipt_builders import Buying, Goods, document, goods, line
from tests.make import Worker, World

CONSOLE = "/v1/console"


class Held(msgspec.Struct):
    """An agent whose receipts wait, and the people who decide."""

    buying: Buying
    goods: Goods
    account: AccountCreated
    anna: Worker
    boris: Worker

    async def bring(self, *lines: Any) -> dict[str, Any]:
        return await self.buying.bring(self.account, document(*(lines or (line(amount=90_000),))))

    async def item(self) -> dict[str, Any]:
        """The only open item."""
        (item,) = (await self.anna.get(f"{CONSOLE}/reviews", params={"state": "open"})).json()["items"]
        return item

    async def decide(self, action: str, worker: Worker | None = None, review: int | None = None, **more: Any) -> Any:
        number = review or (await self.item())["id"]
        body = {"action": action, **more}
        return await (worker or self.anna).put(f"{CONSOLE}/reviews/{number}/decision", body)

    async def balance(self) -> int:
        """What the agent has, pending or not."""
        wallets = (await self.buying.world.home(self.account))["wallets"]
        return sum(wallet.get("available", 0) + wallet.get("pending", 0) for wallet in wallets)

    async def status(self) -> list[tuple[str, str | None]]:
        """The agent's receipts, the newest first."""
        return [(row["status"], row.get("reason")) for row in await self.buying.receipts(self.account)]


@pytest.fixture
async def brand(world: World, buying: Buying) -> Held:
    """A brand without holds."""
    sold = await goods(world)
    maker = await world.brand_by_id(sold.programme.brand_id)
    anna, boris = await world.staff(maker, "reviewer"), await world.staff(maker, "reviewer")
    return Held(buying, sold, await world.account(), anna, boris)


@pytest.fixture
async def held(brand: Held, number: Callable[[str, int], None]) -> Held:
    """A brand to whom the first receipt is one too many."""
    number("receipts_agent_day", 0)
    return brand
