"""What tests of spending need: an agent with something in the wallet, offers, and codes in stock."""

import itertools
import uuid
from datetime import UTC, datetime
from typing import Any

from httpx2 import Response
from sqlalchemy import text

from backend.accounts.schemas import AccountNew
from backend.offers import certificate_codes
from backend.offers.models import Offer, StockCode
from backend.offers.ordering import stock_owner
from backend.programmes.models import Programme
from tests.make import World, bearer

NUMBERS = itertools.count(1)
EARN = text("""
    SELECT ledger_earn(ledger_open(a.id, :programme, :today), :amount, 1, nextval('movements_id_seq'), :today, :today,
        '9999-12-31') FROM accounts a WHERE a.card_number = :card
""")


class Spending:
    """A programme in roubles whose agents spend."""

    def __init__(self, world: World, programme: Programme) -> None:
        self.world = world
        self.programme = programme

    async def agent(self, available: int) -> AccountNew:
        """An agent with so many kopecks to spend."""
        account = await self.world.account()
        await self.earn(account, available)
        return account

    async def earn(self, account: AccountNew, amount: int) -> None:
        if amount:
            async with self.world.db.begin() as session:
                await session.execute(
                    EARN, {"programme": self.programme.id, "today": datetime.now(UTC).date(), "amount": amount,
                           "card": account.card_number},
                )  # fmt: skip

    async def offer(self, fulfilment: str = "stock", **fields: Any) -> Offer:
        """A certificate of 10 roubles, unless said otherwise."""
        nominal = fields.pop("nominal", 1000)
        given = {
            "brand_id": self.programme.brand_id, "programme_id": self.programme.id, "key": f"offer-{next(NUMBERS)}",
            "kind": "certificate", "fulfilment": fulfilment, "name_ru": "Сертификат", "name_en": "Certificate",
            "least": nominal, "most": nominal, "tax": "discount",
        } | fields  # fmt: skip
        return await self.world.add(Offer(**given))

    async def stock(self, offer: Offer, count: int, nominal: int | None = None) -> list[str]:
        """So many codes in stock; what they are."""
        codes = [f"GIFT-{next(NUMBERS):06}" for _ in range(count)]
        settings, nominal = self.world.settings, nominal or offer.least
        async with self.world.db.begin() as session:
            session.add_all(
                StockCode(brand_id=offer.brand_id, offer_id=offer.id, nominal=nominal,
                          digest=certificate_codes.digest(settings, code),
                          sealed=certificate_codes.seal(settings, stock_owner(offer.id), code))
                for code in codes
            )  # fmt: skip
        return codes

    async def order(
        self, account: AccountNew, offer: Offer, key: uuid.UUID | None = None, pin: str = "", **body: Any
    ) -> Response:
        headers = bearer(account) | ({"Scanback-Pin": pin} if pin else {})
        return await self.world.client.put(
            f"/v1/orders/{key or uuid.uuid4()}", json={"offer_id": offer.id} | body, headers=headers
        )

    async def wallet(self, account: AccountNew) -> tuple[int, int]:
        """What is available, and what is held."""
        (wallet,) = (await self.world.home(account))["wallets"]
        return wallet.get("available", 0), wallet.get("held", 0)


async def spending(world: World, **programme: Any) -> Spending:
    return Spending(world, await world.programme(currency=programme.pop("currency", "RUB"), **programme))
