"""Builders for spending tests: funded agents, offers, and codes in stock."""

import itertools
import uuid
from datetime import UTC, datetime
from typing import Any

from httpx2 import Response
from sqlalchemy import select, text

from backend.core.security import gift_card_codes
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.models import Programme
from backend.spending.models import Order, Reward, StockCode
from backend.spending.orders import transitions
from backend.spending.orders.transitions import OrderEnd
from tests.make import World, bearer

NUMBERS = itertools.count(1)
EARN = text("""
    SELECT ledger_earn(ledger_open(a.id, :programme, :today), :amount, 1, nextval('movements_id_seq'), :today, :today,
        '9999-12-31') FROM accounts a WHERE a.card_number = :card
""")


class SpendingScenario:
    """A programme in roubles and its requests."""

    def __init__(self, world: World, programme: Programme) -> None:
        self.world = world
        self.programme = programme

    async def agent(self, available: int) -> AccountCreated:
        """An agent with `available` kopecks."""
        account = await self.world.account()
        await self.earn(account, available)
        return account

    async def earn(self, account: AccountCreated, amount: int) -> None:
        if amount:
            async with self.world.db.begin() as session:
                await session.execute(
                    EARN,
                    {
                        "programme": self.programme.id,
                        "today": datetime.now(UTC).date(),
                        "amount": amount,
                        "card": account.card_number,
                    },
                )

    async def offer(self, fulfilment: str = "stock", **fields: Any) -> Reward:
        """A certificate of 10 roubles by default."""
        nominal = fields.pop("nominal", 1000)
        given = {
            "brand_id": self.programme.brand_id,
            "programme_id": self.programme.id,
            "key": f"offer-{next(NUMBERS)}",
            "kind": "certificate",
            "fulfilment": fulfilment,
            "name_ru": "Сертификат",
            "name_en": "Certificate",
            "least": nominal,
            "most": nominal,
            "tax": "discount",
        } | fields
        return await self.world.add(Reward(**given))

    async def stock(self, offer: Reward, count: int, nominal: int | None = None) -> list[str]:
        """Add `count` codes to the stock and return them."""
        codes = [f"GIFT-{next(NUMBERS):06}" for _ in range(count)]
        settings, nominal = self.world.settings, nominal or offer.least
        async with self.world.db.begin() as session:
            session.add_all(
                StockCode(
                    brand_id=offer.brand_id,
                    offer_id=offer.id,
                    nominal=nominal,
                    digest=gift_card_codes.digest(settings, code),
                    sealed=gift_card_codes.seal(settings, gift_card_codes.stock_owner(offer.id), code),
                )
                for code in codes
            )
        return codes

    async def order(
        self, account: AccountCreated, offer: Reward, key: uuid.UUID | None = None, pin: str = "", **body: Any
    ) -> Response:
        headers = bearer(account) | ({"Scanback-Pin": pin} if pin else {})
        return await self.world.client.put(
            f"/v1/orders/{key or uuid.uuid4()}", json={"offer_id": offer.id} | body, headers=headers
        )

    async def decide(self, key: uuid.UUID, action: str, **fields: Any) -> Response:
        """Decide about an order as the brand's staff."""
        staff = await self.world.staff(await self.world.brand_by_id(self.programme.brand_id))
        order_id = await self.order_id(key)
        return await staff.put(f"/v1/console/orders/{order_id}/decision", {"action": action} | fields)

    async def end(self, key: uuid.UUID, end: OrderEnd) -> bool:
        """End an order as the worker does. False: it has ended already."""
        order_id = await self.order_id(key)
        async with self.world.db.begin() as session:
            order = await transitions.lock_order(session, order_id)
            return await transitions.end_order(session, order, end, datetime.now(UTC).date())

    async def order_id(self, key: uuid.UUID) -> int:
        async with self.world.db.begin() as session:
            return (await session.scalars(select(Order.id).where(Order.key == key))).one()

    async def wallet(self, account: AccountCreated) -> tuple[int, int]:
        """The available and the held amount."""
        (wallet,) = (await self.world.home(account))["wallets"]
        return wallet.get("available", 0), wallet.get("held", 0)


async def spending_scenario(world: World, **programme: Any) -> SpendingScenario:
    return SpendingScenario(world, await world.programme(currency=programme.pop("currency", "RUB"), **programme))
