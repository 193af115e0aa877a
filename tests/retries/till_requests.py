"""How tills' requests are sent, and what a repeat does."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from httpx2 import Response

from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.rules.rule import PercentAmount, Promo
from tests.checkout.till_client import BASKET, shopping_at
from tests.make import World, bearer
from tests.retries.repeated_request import Call, Prepare, RepeatedRequest
from tests.spending.gift_card_till import make_gift_card_till


async def till_with_cashier(world: World) -> dict[str, str]:
    """The headers of a till with a cashier who has a PIN."""
    keeper, shop = await world.staff(), "/v1/console/shops/main"
    await keeper.put(shop, {"name": "Main"})
    await keeper.put(f"{shop}/cashiers/anna", {"pin": "4071"})
    token = (await keeper.put(f"{shop}/tills/first", {})).json()["token"]
    return {"Authorization": f"Bearer {token}"}


async def begin_shift(world: World, account: AccountCreated) -> RepeatedRequest:
    till = await till_with_cashier(world)

    def sending(pin: str) -> Call:
        async def send(caller: AccountCreated) -> Response:
            headers = till if caller is account else bearer(caller)
            return await world.client.put("/v1/till/shift", json={"cashier": "anna", "pin": pin}, headers=headers)

        return send

    # Each sign-in begins a new shift.
    return RepeatedRequest(sending("4071"), again=(200,), stranger=(401,), same=False, other=sending("9073"))


async def end_shift(world: World, account: AccountCreated) -> RepeatedRequest:
    till = await till_with_cashier(world)

    async def send(caller: AccountCreated) -> Response:
        return await world.client.delete("/v1/till/shift", headers=till if caller is account else bearer(caller))

    return RepeatedRequest(send, again=(204,), stranger=(401,))


def at_the_till(method: str, path: str, first: Any, other: Any, *, sold: bool = False) -> Prepare:
    """A till's request with a code of the account; `sold` when it needs the sale `first` before."""

    async def prepare(world: World, account: AccountCreated) -> RepeatedRequest:
        shop = await shopping_at(world)
        code = await shop.code(await shop.offer(Promo(PercentAmount(500), uses=1)), account=account)
        if sold:
            await shop.sell(code, key="first")

        drive = f"{next(DRIVES):016d}"

        def sending(body: Any) -> Call:
            filled = {"codes": [code]} | body if body and "basket" in body else body
            filled = body | {"fn": drive} if body and "fd" in body else filled

            async def send(caller: AccountCreated) -> Response:
                return await shop.ask(method, path, filled, till=shop.till if caller is account else bearer(caller))

            return send

        return RepeatedRequest(sending(first), again=(200, 204), stranger=(401,), other=other and sending(other))

    return prepare


def with_a_certificate(path: str, *bodies: dict[str, Any]) -> Prepare:
    """A till's request with a certificate of which it redeemed 300 as `first`."""

    async def prepare(world: World, account: AccountCreated) -> RepeatedRequest:
        shop = await make_gift_card_till(world)
        code = await shop.certificate(1000)
        await shop.take(code, 300, "first")

        def sending(body: dict[str, Any]) -> Call:
            shown = {} if "returns" in path else {"code": code}

            async def send(caller: AccountCreated) -> Response:
                till = shop.till if caller is account else bearer(caller)
                return await shop.ask("PUT", path, body | shown, till=till)

            return send

        first, other = map(sending, bodies)
        return RepeatedRequest(first, again=(200,), stranger=(401,), other=other)

    return prepare


BASKETS = {"basket": BASKET}, {"basket": BASKET[:1]}
OFFLINE = {"id": "off", "codes": [], "discount": 0, "taken_at": datetime.now(UTC).isoformat()}
QUEUES = [{"sales": [OFFLINE | {"basket": BASKET[:number]}]} for number in (1, 2)]
RETURNS = [{"lines": [{"line": 1, "quantity": 1, "amount": amount}]} for amount in (10000, 5000)]
DRIVES = count(9960440300112233)
RECEIPTS = [{"fd": number, "fp": "3456789012"} for number in ("27118", "27119")]


TILL_REQUESTS: dict[str, Prepare] = {
    "PUT /v1/till/reservations/{key:str}": at_the_till("PUT", "reservations/cart", *BASKETS),
    "DELETE /v1/till/reservations/{key:str}": at_the_till("DELETE", "reservations/cart", None, None),
    "PUT /v1/till/sales/{key:str}": at_the_till("PUT", "sales/first", *BASKETS),
    "POST /v1/till/sales/batch": at_the_till("POST", "sales/batch", *QUEUES),
    "PUT /v1/till/sales/{key:str}/returns/{return_key:str}": at_the_till(
        "PUT", "sales/first/returns/back", *RETURNS, sold=True
    ),
    "PUT /v1/till/sales/{key:str}/fiscal": at_the_till("PUT", "sales/first/fiscal", *RECEIPTS, sold=True),
    "PUT /v1/till/certificate-uses/{key:str}": with_a_certificate("certificate-uses/a", {"amount": 200}, {"amount": 1}),
    "PUT /v1/till/certificate-uses/{key:str}/returns/{return_key:str}": with_a_certificate(
        "certificate-uses/first/returns/back", {"amount": 200}, {"amount": 1}
    ),
    "PUT /v1/till/shift": begin_shift,
    "DELETE /v1/till/shift": end_shift,
}
