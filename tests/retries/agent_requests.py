"""How agents' requests about scans, receipts, orders and promo codes are sent, and what a repeat does."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx2 import Response

from backend.identity.accounts.schemas import AccountCreated
from tests.checkout.till_client import shopping_at
from tests.earning.receipts.pictures import photo
from tests.make import World, bearer
from tests.retries.repeated_request import Call, Prepare, RepeatedRequest
from tests.spending.scenario import spending_scenario


async def request_verification_level(world: World, account: AccountCreated) -> RepeatedRequest:
    async def send(caller: AccountCreated) -> Response:
        return await world.client.put("/v1/me/identity", json={"rung": 1}, headers=bearer(caller))

    # A request is about the caller's own account, and may be repeated with another level.
    return RepeatedRequest(send, again=(200,), stranger=(200,))


async def _order_window(world: World, account: AccountCreated) -> tuple[Any, str]:
    """An offer that the agent can afford, and the address of an order."""
    shop = await spending_scenario(world)
    await shop.earn(account, 5000)
    return await shop.offer("own", least=1000, most=2000), f"/v1/orders/{uuid.uuid4()}"


async def place_order(world: World, account: AccountCreated) -> RepeatedRequest:
    offer, path = await _order_window(world, account)

    def sending(nominal: int) -> Call:
        async def send(caller: AccountCreated) -> Response:
            body = {"offer_id": offer.id, "nominal": nominal}
            return await world.client.put(path, json=body, headers=bearer(caller))

        return send

    # An order under the same id of another agent is another order, and that wallet is empty.
    return RepeatedRequest(sending(1000), again=(200,), stranger=(200,), other=sending(1100))


async def cancel_order(world: World, account: AccountCreated) -> RepeatedRequest:
    shop = await spending_scenario(world)
    await shop.earn(account, 5000)
    offer, path = await shop.offer("person"), f"/v1/orders/{uuid.uuid4()}"
    (await world.client.put(path, json={"offer_id": offer.id}, headers=bearer(account))).raise_for_status()

    async def send(caller: AccountCreated) -> Response:
        return await world.client.delete(path, headers=bearer(caller))

    return RepeatedRequest(send, again=(200,), stranger=(404,))


async def reveal_code(world: World, account: AccountCreated) -> RepeatedRequest:
    offer, path = await _order_window(world, account)
    (await world.client.put(path, json={"offer_id": offer.id}, headers=bearer(account))).raise_for_status()

    async def send(caller: AccountCreated) -> Response:
        return await world.client.post(f"{path}/reveal", headers=bearer(caller))

    return RepeatedRequest(send, again=(200,), stranger=(404,))


async def scan(world: World, account: AccountCreated) -> RepeatedRequest:
    codes, path = await world.codes(2), f"/v1/scans/{uuid.uuid4()}"

    def sending(code: str) -> Call:
        async def send(caller: AccountCreated) -> Response:
            return await world.client.put(path, json={"text": code}, headers=bearer(caller))

        return send

    return RepeatedRequest(sending(codes[0]), again=(200,), stranger=(200,), other=sending(codes[1]))


async def scan_queue(world: World, account: AccountCreated) -> RepeatedRequest:
    codes = await world.codes(6)
    ids = [str(uuid.uuid4()) for _ in range(3)]

    def sending(texts: list[str]) -> Call:
        scans = [{"id": scan_id, "text": text} for scan_id, text in zip(ids, texts, strict=True)]

        async def send(caller: AccountCreated) -> Response:
            return await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(caller))

        return send

    return RepeatedRequest(sending(codes[:3]), again=(200,), stranger=(200,), other=sending(codes[3:]))


def typed(total: str = "900.00") -> dict[str, Any]:
    """The printed fields of a receipt of two hours ago."""
    at = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    return {"fn": "9999000000000001", "fd": "7", "fp": "1000007", "at": f"{at:%d.%m.%Y %H:%M}", "total": total}


async def put_receipt(world: World, account: AccountCreated) -> RepeatedRequest:
    path, body = f"/v1/receipts/{uuid.uuid4()}", typed()

    def sending(body: dict[str, Any]) -> Call:
        async def send(caller: AccountCreated) -> Response:
            return await world.client.put(path, json=body, headers=bearer(caller))

        return send

    # Until a receipt is verified, another agent may claim it.
    return RepeatedRequest(sending(body), again=(200,), stranger=(200,), other=sending(body | {"fd": "8"}))


async def add_photo(world: World, account: AccountCreated) -> RepeatedRequest:
    path = await sent_receipt(world, account)

    def sending(content: bytes) -> Call:
        async def send(caller: AccountCreated) -> Response:
            files = {"file": ("photo", content)}
            return await world.client.put(f"{path}/photo", files=files, headers=bearer(caller))

        return send

    return RepeatedRequest(sending(photo()), again=(200,), stranger=(404,), other=sending(photo(shade=90)))


async def answer_review(world: World, account: AccountCreated) -> RepeatedRequest:
    path = await sent_receipt(world, account)

    def sending(answer: str) -> Call:
        async def send(caller: AccountCreated) -> Response:
            return await world.client.put(f"{path}/answer", json={"text": answer}, headers=bearer(caller))

        return send

    return RepeatedRequest(sending("For a house."), again=(200,), stranger=(404,), other=sending("For two houses."))


async def sent_receipt(world: World, account: AccountCreated) -> str:
    """Send a receipt that waits for a reviewer. Returns its address."""
    path = f"/v1/receipts/{uuid.uuid4()}"
    assert (await world.client.put(path, json=typed(), headers=bearer(account))).is_success
    return path


async def make_promo_code(world: World, account: AccountCreated) -> RepeatedRequest:
    shop, path = await shopping_at(world), f"/v1/promo-codes/{uuid.uuid4()}"
    await shop.offer()

    def sending(run: str) -> Call:
        body = {"programme_id": shop.programme.id, "runs": [run]}

        async def send(caller: AccountCreated) -> Response:
            return await world.client.put(path, json=body, headers=bearer(caller))

        return send

    # An id belongs to an account: another agent creates another code under it.
    return RepeatedRequest(sending("chat"), again=(200,), stranger=(200,), other=sending("card"))


async def _promo_code(world: World, account: AccountCreated) -> str:
    """Create a code of the account. Returns its address."""
    shop, path = await shopping_at(world), f"/v1/promo-codes/{uuid.uuid4()}"
    await shop.offer()
    await world.client.put(path, json={"programme_id": shop.programme.id}, headers=bearer(account))
    return path


async def add_promo_run(world: World, account: AccountCreated) -> RepeatedRequest:
    path = f"{await _promo_code(world, account)}/runs/7"

    def sending(name: str) -> Call:
        async def send(caller: AccountCreated) -> Response:
            return await world.client.put(path, json={"name": name}, headers=bearer(caller))

        return send

    return RepeatedRequest(sending("chat"), again=(200,), stranger=(404,), other=sending("card"))


async def open_promo_code(world: World, account: AccountCreated) -> RepeatedRequest:
    path = await _promo_code(world, account)
    await world.client.delete(path, headers=bearer(account))

    async def send(caller: AccountCreated) -> Response:
        return await world.client.put(f"{path}/open", headers=bearer(caller))

    return RepeatedRequest(send, again=(200,), stranger=(404,))


async def close_promo_code(world: World, account: AccountCreated) -> RepeatedRequest:
    shop, path = await shopping_at(world), f"/v1/promo-codes/{uuid.uuid4()}"
    await shop.offer()
    await world.client.put(path, json={"programme_id": shop.programme.id}, headers=bearer(account))

    async def send(caller: AccountCreated) -> Response:
        return await world.client.delete(path, headers=bearer(caller))

    return RepeatedRequest(send, again=(204,), stranger=(404,))


AGENT_REQUESTS: dict[str, Prepare] = {
    "PUT /v1/promo-codes/{key:uuid}": make_promo_code,
    "DELETE /v1/promo-codes/{key:uuid}": close_promo_code,
    "PUT /v1/promo-codes/{key:uuid}/open": open_promo_code,
    "PUT /v1/promo-codes/{key:uuid}/runs/{n:int}": add_promo_run,
    "DELETE /v1/orders/{key:uuid}": cancel_order,
    "PUT /v1/me/identity": request_verification_level,
    "PUT /v1/orders/{key:uuid}": place_order,
    "POST /v1/orders/{key:uuid}/reveal": reveal_code,
    "PUT /v1/scans/{scan_id:uuid}": scan,
    "POST /v1/scans/batch": scan_queue,
    "PUT /v1/receipts/{key:uuid}": put_receipt,
    "PUT /v1/receipts/{key:uuid}/photo": add_photo,
    "PUT /v1/receipts/{key:uuid}/answer": answer_review,
}
