"""A shop with a link to a brand, its till, and codes of agents."""

import uuid
from itertools import count
from typing import Any

import msgspec
from httpx2 import Response
from sqlalchemy import text

from backend.earning.promocodes.models import PromoCode
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule
from scanning.codes import symbols
from tests.make import World

COUNT = count(1)
TENTH = PercentAmount(1000)


class Shopping(msgspec.Struct):
    """A till with its requests over HTTP."""

    world: World
    programme: Any
    shop: Any
    till: dict[str, str]

    async def offer(self, promo: Promo | None = None, bonus: FixedAmount | PercentAmount = TENTH, **fields: Any) -> Any:
        """A promo campaign: 5 % off, and a bonus of 10 % of what was paid, unless given otherwise."""
        names = {"hold_days", "lifetime_days", "products", "cap_per_agent_day", "cap_per_agent"}
        of_rule = {"hold_days": 14, "lifetime_days": 365} | {key: fields.pop(key) for key in names & fields.keys()}
        rule = Rule(ways=frozenset({"promo"}), amount=bonus, promo=promo or Promo(PercentAmount(500)), **of_rule)
        return await self.world.campaign(self.programme, rule, fields.get("budget"))

    async def code(self, campaign: Any, word: str = "", account: Any = None) -> str:
        """An agent's code, or one of the brand's own."""
        word = word or f"КОД{next(COUNT)}X"
        owner = {} if account is None else {"account_id": await self.account_id(account), "key": uuid.uuid4()}
        row = PromoCode(
            code=symbols.fold(word), shown=word, brand_id=campaign.brand_id, campaign_id=campaign.id, **owner
        )
        await self.world.add(row)
        return word

    async def account_id(self, account: Any) -> int:
        row = await self.world.db.call(
            text("SELECT id FROM accounts WHERE card_number = :card"), card=account.card_number
        )
        return row.id

    async def ask(self, method: str, path: str, body: Any = None, till: dict[str, str] | None = None) -> Response:
        return await self.world.client.request(method, f"/v1/till/{path}", json=body, headers=till or self.till)

    async def quote(self, *codes: str, basket: Any = None, **more: Any) -> Any:
        answer = await self.ask("POST", "quotes", {"codes": codes, "basket": basket or BASKET} | more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def sell(self, *codes: str, key: str = "", basket: Any = None, **more: Any) -> Response:
        body = {"codes": codes, "basket": basket or BASKET} | more
        return await self.ask("PUT", f"sales/{key or uuid.uuid4()}", body)

    async def take_back(self, sale: str, *lines: tuple[int, float, int], key: str = "") -> Response:
        body = {"lines": [{"line": line, "quantity": number, "amount": amount} for line, number, amount in lines]}
        return await self.ask("PUT", f"sales/{sale}/returns/{key or uuid.uuid4()}", body)


def line(number: int, amount: int, quantity: float = 1, **more: Any) -> dict[str, Any]:
    """A line of a basket."""
    return {"line": number, "name": f"Товар {number}", "quantity": quantity, "amount": amount} | more


BASKET = [line(1, 10000), line(2, 3333, 3), line(3, 1)]


async def shopping_at(world: World) -> Shopping:
    """A programme in roubles, a shop that serves its brand, and a till there."""
    programme = await world.programme(currency="RUB")
    shop = await world.shop(programme.brand_id)
    return Shopping(world, programme, shop, await world.till(shop=shop))
