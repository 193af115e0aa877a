"""A shop that serves a brand, its till, and gift cards of the brand."""

import uuid
from itertools import count
from typing import Any

import msgspec
from httpx2 import Response
from sqlalchemy import text

from backend.core.security import gift_card_codes
from backend.spending.models import GiftCard, Order, Reward
from tests.make import World

COUNT = count(1)


class GiftCardTill(msgspec.Struct):
    """A till and its gift card requests over HTTP."""

    world: World
    programme: Any
    shop: Any
    till: dict[str, str]

    async def certificate(self, nominal: int = 500_000, brand_id: int | None = None, **fields: Any) -> str:
        """The code of an ordered gift card; `single` for a discount."""
        code, brand_id = gift_card_codes.fresh(), brand_id or self.programme.brand_id
        order = await self.order(nominal, brand_id)
        fields = {"single": False, "balance": nominal} | fields
        digest = gift_card_codes.digest(self.world.settings, code)
        await self.world.add(GiftCard(brand_id=brand_id, order_id=order.id, digest=digest, nominal=nominal, **fields))
        return code

    async def order(self, nominal: int, brand_id: int) -> Order:
        """A done order of a new account."""
        account = await self.world.account()
        owner = await self.world.db.call(
            text("SELECT id FROM accounts WHERE card_number = :card"), card=account.card_number
        )
        common = {"brand_id": brand_id, "programme_id": self.programme.id}
        offer = await self.world.add(
            Reward(
                **common,
                key=f"offer-{next(COUNT)}",
                kind="certificate",
                fulfilment="own",
                name_ru="Сертификат",
                least=1,
                most=10**9,
                tax="gift",
            )
        )
        return await self.world.add(
            Order(
                **common,
                account_id=owner.id,
                key=uuid.uuid4(),
                digest=b"",
                offer_id=offer.id,
                nominal=nominal,
                price=nominal,
                state="done",
            )
        )

    async def ask(self, method: str, path: str, body: Any = None, till: dict[str, str] | None = None) -> Response:
        return await self.world.client.request(method, f"/v1/till/{path}", json=body, headers=till or self.till)

    async def balance(self, code: str, till: dict[str, str] | None = None) -> Response:
        return await self.ask("POST", "certificates/balance", {"code": code}, till)

    async def take(self, code: str, amount: int, key: str = "", till: dict[str, str] | None = None) -> Response:
        body = {"code": code, "amount": amount}
        return await self.ask("PUT", f"certificate-uses/{key or uuid.uuid4()}", body, till)

    async def give_back(self, use: str, amount: int, key: str = "", till: dict[str, str] | None = None) -> Response:
        path = f"certificate-uses/{use}/returns/{key or uuid.uuid4()}"
        return await self.ask("PUT", path, {"amount": amount}, till)

    async def owed(self) -> list[tuple[int, int, int]]:
        """Kind, amount and cause id of each payable of the brand to the shop."""
        rows = await self.world.db.rows(
            text("SELECT kind, amount, cause FROM dues WHERE creditor_id = :shop AND debtor_id = :brand ORDER BY id"),
            shop=self.shop.id,
            brand=self.programme.brand_id,
        )
        return [tuple(row) for row in rows]


async def make_gift_card_till(world: World) -> GiftCardTill:
    """A programme, a shop that serves its brand, and a till there."""
    programme = await world.programme()
    shop = await world.shop(programme.brand_id)
    return GiftCardTill(world, programme, shop, await world.till(shop=shop))
