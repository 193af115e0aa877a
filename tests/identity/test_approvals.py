"""Four eyes: when two are needed, and how what was approved is used."""

import asyncio
import uuid

import pytest

from backend.identity.approvals import service
from backend.identity.brands.authentication import Member, brand_transaction
from tests.make import Worker, World
from tests.spending.scenario import SpendingScenario

OPERATION = service.ApprovalOperation("budget", "autumn", 500)


async def required(db, worker: Worker, operation: service.ApprovalOperation = OPERATION, above: int = 100) -> str:
    """Operations that may need an approval."""
    member = Member(worker.brand_id, worker.id, "manager", 0)
    try:
        async with brand_transaction(db, member) as session:
            await service.require_approval(session, member, operation, above)
    except service.ApprovalRequired:
        return "refused"
    return "done"


async def approve_operation(first: Worker, second: Worker, **fields) -> str:
    key = str(uuid.uuid4())
    body = {"kind": "budget", "subject": "autumn", "amount": 500, "reason": "The season began early."} | fields
    await first.put(f"/v1/console/approvals/{key}", body)
    answer = await second.put(f"/v1/console/approvals/{key}/decision", {"action": "approve"})
    assert answer.status_code == 200, answer.text
    return key


@pytest.fixture
async def first(world: World):
    return await world.staff()


@pytest.fixture
async def second(world: World, first: Worker):
    return await world.staff(await world.brand_of(first), "manager")


async def test_operation_of_single_member_is_accepted(db, first):
    assert await required(db, first) == "done"


@pytest.mark.parametrize("role", ["reviewer", "analyst"])
async def test_operation_without_other_approvers_is_accepted(world, db, first, role):
    await world.staff(await world.brand_of(first), role)

    assert await required(db, first) == "done"


async def test_single_member_with_four_eyes_is_refused(db, first):
    answer = await first.put("/v1/console/brand", {"name": "Two see more", "four_eyes": True})

    assert answer.json()["four_eyes"] is True
    assert await required(db, first) == "refused"


async def test_operation_above_the_limit_needs_approval(db, first, second):
    assert await required(db, first) == "refused"
    assert await required(db, first, above=500) == "done"


async def test_approved_operation_is_done_once(db, first, second):
    key = await approve_operation(first, second)

    done = [await required(db, first), await required(db, first)]

    assert done == ["done", "refused"]
    assert (await first.get(f"/v1/console/approvals/{key}")).json()["state"] == "used"


async def test_concurrent_operations_consume_one_approval(db, first, second):
    await approve_operation(first, second)

    done = await asyncio.gather(*(required(db, first) for _ in range(5)))

    assert sorted(done) == ["done", "refused", "refused", "refused", "refused"]


@pytest.mark.parametrize(
    "operation",
    [OPERATION._replace(amount=501), OPERATION._replace(subject="winter"), OPERATION._replace(kind="stock")],
    ids=["more", "of another", "of another kind"],
)
async def test_operation_beyond_its_approval_is_refused(db, first, second, operation):
    await approve_operation(first, second)

    assert await required(db, first, operation) == "refused"


async def test_approval_of_another_brand_covers_nothing(world, db, first, second):
    other = await world.staff()
    await approve_operation(other, await world.staff(await world.brand_of(other)))

    assert await required(db, first) == "refused"


@pytest.mark.parametrize("role", [None, "analyst"], ids=["disabled", "demoted"])
async def test_approval_of_a_member_without_power_covers_nothing(world, db, first, second, role):
    third = await world.staff(await world.brand_of(first), "manager")
    await approve_operation(first, second)
    address = f"/v1/console/staff/{second.email}"

    await (first.put(address, {"role": role}) if role else first.delete(address))
    without = await required(db, first)
    await approve_operation(first, third)

    assert (without, await required(db, first)) == ("refused", "done")


async def test_four_eyes_are_switched_off_by_two_only(world, first):
    await first.put("/v1/console/brand", {"name": "x", "four_eyes": True})
    second = await world.staff(await world.brand_of(first), "manager")

    refused = await first.put("/v1/console/brand", {"name": "x", "four_eyes": False})
    await approve_operation(first, second, kind="four_eyes", subject="off", amount=0)
    approved = await first.put("/v1/console/brand", {"name": "x", "four_eyes": False})

    assert (refused.status_code, refused.json()["code"]) == (409, "approval_required")
    assert "four_eyes" not in approved.json()


async def test_brand_renamed_preserves_four_eyes(first):
    await first.put("/v1/console/brand", {"name": "x", "four_eyes": True})

    answer = await first.put("/v1/console/brand", {"name": "y"})

    assert answer.json()["four_eyes"] is True


async def test_approval_repeated_with_another_body_is_refused(first):
    key, body = uuid.uuid4(), {"kind": "budget", "subject": "autumn", "amount": 5, "reason": "x"}
    await first.put(f"/v1/console/approvals/{key}", body)

    again = await first.put(f"/v1/console/approvals/{key}", body)
    other = await first.put(f"/v1/console/approvals/{key}", body | {"amount": 6})

    assert again.status_code == 200
    assert (other.status_code, other.json()["code"]) == (422, "body_changed")


async def test_approval_is_withdrawn_by_its_requester(first):
    key = uuid.uuid4()
    await first.put(f"/v1/console/approvals/{key}", {"kind": "budget", "subject": "a", "amount": 5, "reason": "x"})

    answer = await first.put(f"/v1/console/approvals/{key}/decision", {"action": "decline"})

    assert answer.json()["state"] == "declined"


async def test_approvals_are_listed_by_state_with_an_etag(first, second):
    used = await approve_operation(first, second)
    await first.put(
        f"/v1/console/approvals/{uuid.uuid4()}", {"kind": "stock", "subject": "a", "amount": 5, "reason": "x"}
    )

    listed = await first.get("/v1/console/approvals", params={"state": "approved"})
    again = await first.get(
        "/v1/console/approvals", params={"state": "approved"}, headers={"If-None-Match": listed.headers["etag"]}
    )

    assert [one["id"] for one in listed.json()["items"]] == [used]
    assert again.status_code == 304


async def campaign_put(worker: Worker, programme, budget: int | None):
    rule = {"ways": ["package"], "amount": {"type": "fixed", "value": 1}}
    body = {"programme_id": programme.id, "name_ru": "x", "starts_at": "2026-01-01T00:00:00Z", "rule": rule}
    return await worker.put("/v1/console/campaigns/autumn", body | ({} if budget is None else {"budget": budget}))


async def test_budget_raised_above_limit_needs_approval(world, first, second, number):
    number("budget_alone_most", 300)
    programme = await world.programme(await world.brand_of(first))

    small = await campaign_put(first, programme, 300)
    refused = await campaign_put(first, programme, 500)
    await approve_operation(first, second)
    approved = await campaign_put(first, programme, 500)
    again = await campaign_put(first, programme, 500)
    lower = await campaign_put(first, programme, 400)
    lifted = await campaign_put(first, programme, None)

    assert [answer.status_code for answer in (small, approved, again, lower)] == [200] * 4
    assert [answer.json()["code"] for answer in (refused, lifted)] == ["approval_required"] * 2


async def test_budget_of_single_member_needs_no_approval(world, first, number):
    number("budget_alone_most", 300)

    answer = await campaign_put(first, await world.programme(await world.brand_of(first)), 10**9)

    assert answer.status_code == 200


async def test_stock_of_many_codes_needs_approval(world, first, second, number):
    number("stock_alone_most", 2)
    shop = SpendingScenario(world, await world.programme(await world.brand_of(first), currency="RUB"))
    offer = await shop.offer()
    path = f"/v1/console/offers/{offer.key}/stock"
    file = {"content": "code,nominal\nA-1,10\nA-2,10\nA-3,10\n", "headers": {"Content-Type": "text/csv"}}

    refused = await first.ask("POST", path, **file)
    await approve_operation(first, second, kind="stock", subject=offer.key, amount=3)
    approved = await first.ask("POST", path, **file)
    again = await first.ask("POST", path, **file)

    assert (refused.status_code, refused.json()["code"]) == (409, "approval_required")
    assert (approved.json()["added"], again.json()["known"]) == (3, 3)


async def test_order_accepted_over_limit_needs_approval(world, first, second, number):
    number("order_alone_most", 500_000)
    shop = SpendingScenario(world, await world.programme(await world.brand_of(first), currency="RUB"))
    offer = await shop.offer(nominal=600_000, tax="gift")
    await shop.stock(offer, 1)
    placed = (await shop.order(await shop.agent(600_000), offer)).json()
    path = f"/v1/console/orders/{placed['number']}/decision"

    refused = await first.put(path, {"action": "allow"})
    await approve_operation(first, second, kind="order", subject=str(placed["number"]), amount=600_000)
    approved = await first.put(path, {"action": "allow"})
    again = await first.put(path, {"action": "allow"})

    assert (refused.status_code, refused.json()["code"]) == (409, "approval_required")
    assert (approved.status_code, again.status_code) == (200, 200), approved.text


async def test_order_accepted_again_uses_no_approval(world, first, second, number):
    number("order_alone_most", 500_000)
    shop = SpendingScenario(world, await world.programme(await world.brand_of(first), currency="RUB"))
    offer = await shop.offer("person", nominal=600_000, tax="gift")
    placed = (await shop.order(await shop.agent(600_000), offer)).json()
    path = f"/v1/console/orders/{placed['number']}/decision"
    await approve_operation(first, second, kind="order", subject=str(placed["number"]), amount=600_000)

    accepted = [await first.put(path, {"action": "allow"}) for _ in range(2)]

    assert [answer.status_code for answer in accepted] == [200, 200]
