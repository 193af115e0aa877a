"""How each mutating route of the agents' doors is called, for the proof that repeats are harmless."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from httpx2 import Response

from backend.accounts.schemas import AccountNew
from backend.programmes.rules import Percent, Promo
from tests.accounts.authenticator import Authenticator
from tests.accounts.ceremonies import offer_new, registered
from tests.checkout.shopping import BASKET, shopping_at
from tests.make import World, bearer
from tests.offers.redeeming import redeeming_at
from tests.offers.spending import spending
from tests.receipts.pictures import photo

Call = Callable[[AccountNew], Awaitable[Response]]


class Deed(NamedTuple):
    """A request that can be sent again and again, by its owner or by somebody else.

    `again` are the statuses of a repeat; `same` says that it has the first one's body as well. `other` is the same
    request with another body, and what a stranger gets who sends the deed is `stranger`.
    """

    send: Call
    again: tuple[int, ...]
    stranger: tuple[int, ...]
    same: bool = True
    other: Call | None = None


Prepare = Callable[[World, AccountNew], Awaitable[Deed]]

# What makes nothing that anybody would miss or pay for, so a repeat may make another one.
HARMLESS = {
    "POST /v1/accounts": "an account that nobody uses is a row without value, and creation is limited",
    "POST /v1/sessions/challenges": "a challenge is a row for five minutes, and asking is limited",
    "POST /v1/till/quotes": "a quote keeps nothing",
    "POST /v1/till/certificates/balance": "a look takes nothing, and codes that are none are limited",
    "POST /v1/receipts/callbacks/{provider:str}": "a call that comes twice changes nothing: test_callbacks.py",
    "POST /v1/passkeys/challenges": "a challenge is a row for five minutes, and asking is limited",
}


async def create_session(world: World, account: AccountNew) -> Deed:
    async def send(caller: AccountNew) -> Response:
        return await world.client.post("/v1/sessions", json={"recovery_code": account.recovery_code})

    # The code is the proof, whoever sends it; each answer has a token of its own, and only the last one lives.
    return Deed(send, again=(201,), stranger=(201,), same=False)


async def end_device(world: World, account: AccountNew) -> Deed:
    (device,) = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]

    async def send(caller: AccountNew) -> Response:
        return await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(caller))

    # It has signed itself out, so the repeat is a stranger's.
    return Deed(send, again=(204, 401), stranger=(404,), same=False)


async def ask_for_rung(world: World, account: AccountNew) -> Deed:
    async def send(caller: AccountNew) -> Response:
        return await world.client.put("/v1/me/identity", json={"rung": 1}, headers=bearer(caller))

    # Whoever asks asks for himself, and for another rung as often as he likes.
    return Deed(send, again=(200,), stranger=(200,))


async def _window(world: World, account: AccountNew) -> tuple[Any, str]:
    """An offer that the agent has enough for, and an id for his order."""
    shop = await spending(world)
    await shop.earn(account, 5000)
    return await shop.offer("own", least=1000, most=2000), f"/v1/orders/{uuid.uuid4()}"


async def place_order(world: World, account: AccountNew) -> Deed:
    offer, path = await _window(world, account)

    def sending(nominal: int) -> Call:
        async def send(caller: AccountNew) -> Response:
            body = {"offer_id": offer.id, "nominal": nominal}
            return await world.client.put(path, json=body, headers=bearer(caller))

        return send

    # A stranger's order under the same id is his own, and his wallet is empty.
    return Deed(sending(1000), again=(200,), stranger=(200,), other=sending(1100))


async def reveal_code(world: World, account: AccountNew) -> Deed:
    offer, path = await _window(world, account)
    (await world.client.put(path, json={"offer_id": offer.id}, headers=bearer(account))).raise_for_status()

    async def send(caller: AccountNew) -> Response:
        return await world.client.post(f"{path}/reveal", headers=bearer(caller))

    return Deed(send, again=(200,), stranger=(404,))


async def set_pin(world: World, account: AccountNew) -> Deed:
    def sending(pin: str) -> Call:
        async def send(caller: AccountNew) -> Response:
            return await world.client.put("/v1/me/pin", json={"pin": pin}, headers=bearer(caller))

        return send

    return Deed(sending("4071"), again=(204,), stranger=(204,), other=sending("9073"))


async def create_passkey(world: World, account: AccountNew) -> Deed:
    credential = Authenticator().create(await offer_new(world, account))

    async def send(caller: AccountNew) -> Response:
        return await world.client.post("/v1/passkeys", json=credential, headers=bearer(caller))

    async def other(caller: AccountNew) -> Response:
        changed = Authenticator().create({"user": {"id": "eA"}, "challenge": "eA"})
        return await world.client.post("/v1/passkeys", json=changed, headers=bearer(caller))

    return Deed(send, again=(201,), stranger=(409, 422), other=other)


async def end_passkey(world: World, account: AccountNew) -> Deed:
    await registered(world, account)
    (passkey,) = (await world.client.get("/v1/passkeys", headers=bearer(account))).json()["items"]

    async def send(caller: AccountNew) -> Response:
        return await world.client.delete(f"/v1/passkeys/{passkey['id']}", headers=bearer(caller))

    return Deed(send, again=(204,), stranger=(404,))


async def forget_me(world: World, account: AccountNew) -> Deed:
    async def send(caller: AccountNew) -> Response:
        return await world.client.delete("/v1/me", headers=bearer(caller))

    return Deed(send, again=(204, 401), stranger=(204,), same=False)


async def scan(world: World, account: AccountNew) -> Deed:
    codes, path = await world.codes(2), f"/v1/scans/{uuid.uuid4()}"

    def sending(code: str) -> Call:
        async def send(caller: AccountNew) -> Response:
            return await world.client.put(path, json={"text": code}, headers=bearer(caller))

        return send

    return Deed(sending(codes[0]), again=(200,), stranger=(200,), other=sending(codes[1]))


async def scan_queue(world: World, account: AccountNew) -> Deed:
    codes = await world.codes(6)
    ids = [str(uuid.uuid4()) for _ in range(3)]

    def sending(texts: list[str]) -> Call:
        scans = [{"id": scan_id, "text": text} for scan_id, text in zip(ids, texts, strict=True)]

        async def send(caller: AccountNew) -> Response:
            return await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(caller))

        return send

    return Deed(sending(codes[:3]), again=(200,), stranger=(200,), other=sending(codes[3:]))


def typed(total: str = "900.00") -> dict[str, Any]:
    """The printed fields of a receipt of two hours ago."""
    at = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    return {"fn": "9999000000000001", "fd": "7", "fp": "1000007", "at": f"{at:%d.%m.%Y %H:%M}", "total": total}


async def put_receipt(world: World, account: AccountNew) -> Deed:
    path, body = f"/v1/receipts/{uuid.uuid4()}", typed()

    def sending(body: dict[str, Any]) -> Call:
        async def send(caller: AccountNew) -> Response:
            return await world.client.put(path, json=body, headers=bearer(caller))

        return send

    # Until it is verified, anybody may claim it.
    return Deed(sending(body), again=(200,), stranger=(200,), other=sending(body | {"fd": "8"}))


async def add_photo(world: World, account: AccountNew) -> Deed:
    path = await sent_receipt(world, account)

    def sending(content: bytes) -> Call:
        async def send(caller: AccountNew) -> Response:
            files = {"file": ("photo", content)}
            return await world.client.put(f"{path}/photo", files=files, headers=bearer(caller))

        return send

    return Deed(sending(photo()), again=(200,), stranger=(404,), other=sending(photo(shade=90)))


async def answer_review(world: World, account: AccountNew) -> Deed:
    path = await sent_receipt(world, account)

    def sending(said: str) -> Call:
        async def send(caller: AccountNew) -> Response:
            return await world.client.put(f"{path}/answer", json={"text": said}, headers=bearer(caller))

        return send

    return Deed(sending("For a house."), again=(200,), stranger=(404,), other=sending("For two houses."))


async def sent_receipt(world: World, account: AccountNew) -> str:
    """Where a receipt is that waits for a person."""
    path = f"/v1/receipts/{uuid.uuid4()}"
    assert (await world.client.put(path, json=typed(), headers=bearer(account))).is_success
    return path


async def manned_till(world: World) -> dict[str, str]:
    """The headers of a till where a cashier's PIN is known."""
    keeper, shop = await world.staff(), "/v1/console/shops/main"
    await keeper.put(shop, {"name": "Main"})
    await keeper.put(f"{shop}/cashiers/anna", {"pin": "4071"})
    token = (await keeper.put(f"{shop}/tills/first", {})).json()["token"]
    return {"Authorization": f"Bearer {token}"}


async def begin_shift(world: World, account: AccountNew) -> Deed:
    till = await manned_till(world)

    def sending(pin: str) -> Call:
        async def send(caller: AccountNew) -> Response:
            headers = till if caller is account else bearer(caller)
            return await world.client.put("/v1/till/shift", json={"cashier": "anna", "pin": pin}, headers=headers)

        return send

    # Each sign-in begins a shift of its full length.
    return Deed(sending("4071"), again=(200,), stranger=(401,), same=False, other=sending("9073"))


async def end_shift(world: World, account: AccountNew) -> Deed:
    till = await manned_till(world)

    async def send(caller: AccountNew) -> Response:
        return await world.client.delete("/v1/till/shift", headers=till if caller is account else bearer(caller))

    return Deed(send, again=(204,), stranger=(401,))


async def make_promo_code(world: World, account: AccountNew) -> Deed:
    shop, path = await shopping_at(world), f"/v1/promo-codes/{uuid.uuid4()}"
    await shop.offer()

    def sending(run: str) -> Call:
        body = {"programme_id": shop.programme.id, "runs": [run]}

        async def send(caller: AccountNew) -> Response:
            return await world.client.put(path, json=body, headers=bearer(caller))

        return send

    # An id is its owner's: a stranger makes a code of his own under it.
    return Deed(sending("chat"), again=(200,), stranger=(200,), other=sending("card"))


async def close_promo_code(world: World, account: AccountNew) -> Deed:
    shop, path = await shopping_at(world), f"/v1/promo-codes/{uuid.uuid4()}"
    await shop.offer()
    await world.client.put(path, json={"programme_id": shop.programme.id}, headers=bearer(account))

    async def send(caller: AccountNew) -> Response:
        return await world.client.delete(path, headers=bearer(caller))

    return Deed(send, again=(204,), stranger=(404,))


def at_the_till(method: str, path: str, first: Any, other: Any, *, sold: bool = False) -> Prepare:
    """A deed of a till, with a code of the account's; `sold` when it needs the sale `first` to be made before."""

    async def prepare(world: World, account: AccountNew) -> Deed:
        shop = await shopping_at(world)
        code = await shop.code(await shop.offer(Promo(Percent(500), uses=1)), account=account)
        if sold:
            await shop.sell(code, key="first")

        drive = f"{next(DRIVES):016d}"

        def sending(body: Any) -> Call:
            filled = {"codes": [code]} | body if body and "basket" in body else body
            filled = body | {"fn": drive} if body and "fd" in body else filled

            async def send(caller: AccountNew) -> Response:
                return await shop.ask(method, path, filled, till=shop.till if caller is account else bearer(caller))

            return send

        return Deed(sending(first), again=(200, 204), stranger=(401,), other=other and sending(other))

    return prepare


def with_a_certificate(path: str, *bodies: dict[str, Any]) -> Prepare:
    """A deed of a till with a certificate of which it took 300 as `first`."""

    async def prepare(world: World, account: AccountNew) -> Deed:
        shop = await redeeming_at(world)
        code = await shop.certificate(1000)
        await shop.take(code, 300, "first")

        def sending(body: dict[str, Any]) -> Call:
            shown = {} if "returns" in path else {"code": code}

            async def send(caller: AccountNew) -> Response:
                till = shop.till if caller is account else bearer(caller)
                return await shop.ask("PUT", path, body | shown, till=till)

            return send

        first, other = map(sending, bodies)
        return Deed(first, again=(200,), stranger=(401,), other=other)

    return prepare


BASKETS = {"basket": BASKET}, {"basket": BASKET[:1]}
OFFLINE = {"id": "off", "codes": [], "discount": 0, "taken_at": datetime.now(UTC).isoformat()}
QUEUES = [{"sales": [OFFLINE | {"basket": BASKET[:number]}]} for number in (1, 2)]
RETURNS = [{"lines": [{"line": 1, "quantity": 1, "amount": amount}]} for amount in (10000, 5000)]
DRIVES = count(9960440300112233)
RECEIPTS = [{"fd": number, "fp": "3456789012"} for number in ("27118", "27119")]

DEEDS: dict[str, Prepare] = {
    "PUT /v1/promo-codes/{key:uuid}": make_promo_code,
    "DELETE /v1/promo-codes/{key:uuid}": close_promo_code,
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
    "POST /v1/sessions": create_session,
    "DELETE /v1/devices/{device_id:int}": end_device,
    "PUT /v1/me/identity": ask_for_rung,
    "PUT /v1/orders/{key:uuid}": place_order,
    "POST /v1/orders/{key:uuid}/reveal": reveal_code,
    "PUT /v1/me/pin": set_pin,
    "POST /v1/passkeys": create_passkey,
    "DELETE /v1/passkeys/{passkey_id:int}": end_passkey,
    "DELETE /v1/me": forget_me,
    "PUT /v1/scans/{scan_id:uuid}": scan,
    "POST /v1/scans/batch": scan_queue,
    "PUT /v1/receipts/{key:uuid}": put_receipt,
    "PUT /v1/receipts/{key:uuid}/photo": add_photo,
    "PUT /v1/receipts/{key:uuid}/answer": answer_review,
    "PUT /v1/till/shift": begin_shift,
    "DELETE /v1/till/shift": end_shift,
}
