"""Gift cards in the settlements of a shop and in the ledger audit."""

import pytest
from sqlalchemy import text

from backend.checkout.checks import PAYABLES, STATEMENTS
from backend.spending.gift_cards.checks import GIFT_CARDS
from tests.payouts.conftest import as_superuser


async def closings(gift_card_till, world):
    """A member of the brand's staff, and the address of its statements with the shop."""
    worker = await world.staff(await world.brand_by_id(gift_card_till.programme.brand_id))
    rows = await world.db.rows(text("SELECT key FROM brand_shops WHERE shop_id = :shop"), shop=gift_card_till.shop.id)
    return worker, f"/v1/console/shops/{rows[0].key}/statements"


async def test_settlement_has_separate_gift_card_lines(gift_card_till, world):
    worker, path = await closings(gift_card_till, world)
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 700, "a")
    await gift_card_till.give_back("a", 200, "r")

    open_now = (await worker.get(path)).json()["open"]
    closed = (await worker.ask("PUT", f"{path}/1")).json()
    await gift_card_till.give_back("a", 500)
    later = (await worker.ask("PUT", f"{path}/2")).json()
    shown = (await gift_card_till.ask("GET", "statements")).json()["items"]

    figures = {"certificates": 700, "certificates_returned": 200, "discounts": 0, "returned": 0, "total": 500}
    assert open_now | figures == open_now
    assert closed | figures == closed
    assert (later["certificates"], later["certificates_returned"], later["total"]) == (0, 500, -500)
    assert [row["certificates_returned"] for row in shown] == [500, 200]


async def test_settlement_file_has_one_row_per_use(gift_card_till, world):
    worker, path = await closings(gift_card_till, world)
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 700, "a")
    await gift_card_till.give_back("a", 200, "r")
    await worker.ask("PUT", f"{path}/1")

    rows = [row.split(",") for row in (await worker.get(f"{path}/1/file.csv")).text.splitlines()]
    paper = await worker.get(f"{path}/1/file.pdf")

    shown = [(row[1], row[2], row[3], row[-1]) for row in rows[1:]]
    assert shown == [("certificate", "a", "", "7.00"), ("to certificate", "a", "r", "-2.00"), ("", "", "", "5.00")]
    assert code not in str(rows)
    assert paper.headers["content-type"] == "application/pdf"


@pytest.mark.parametrize(
    ("change", "back", "fault"),
    [
        ("UPDATE certificates SET balance = 0", "UPDATE certificates SET balance = 500", GIFT_CARDS),
        (
            "UPDATE certificate_uses SET amount = amount + 1 WHERE kind = 1",
            "UPDATE certificate_uses SET amount = amount - 1 WHERE kind = 1",
            GIFT_CARDS,
        ),
        (
            "UPDATE certificate_uses SET amount = amount + 1 WHERE kind = 1",
            "UPDATE certificate_uses SET amount = amount - 1 WHERE kind = 1",
            PAYABLES,
        ),
        (
            "UPDATE certificate_uses SET returned = returned + 1 WHERE kind = 1",
            "UPDATE certificate_uses SET returned = returned - 1 WHERE kind = 1",
            GIFT_CARDS,
        ),
        (
            "UPDATE certificate_uses SET use_id = NULL",
            "UPDATE certificate_uses SET use_id = (SELECT min(id) FROM certificate_uses) WHERE kind = 2",
            GIFT_CARDS,
        ),
        ("UPDATE dues SET amount = amount + 1", "UPDATE dues SET amount = amount - 1", PAYABLES),
        ("UPDATE dues SET kind = 3 - kind", "UPDATE dues SET kind = 3 - kind", PAYABLES),
        ("UPDATE dues SET cause = 19 - cause", "UPDATE dues SET cause = 19 - cause", PAYABLES),
        (
            "UPDATE statements SET certificates = certificates + 1, discounts = discounts - 1",
            "UPDATE statements SET certificates = certificates - 1, discounts = discounts + 1",
            STATEMENTS,
        ),
    ],
)
async def test_ledger_audit_finds_tampered_gift_cards(gift_card_till, world, owner, change, back, fault):
    worker, path = await closings(gift_card_till, world)
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 700, "a")
    await gift_card_till.give_back("a", 200, "r")
    await worker.ask("PUT", f"{path}/1")
    before = [await owner.rows(text(check)) for check in (GIFT_CARDS, PAYABLES, STATEMENTS)]

    await as_superuser(owner, change)
    found = await owner.rows(text(fault))
    await as_superuser(owner, back)

    assert before == [[], [], []]
    assert found


async def test_ledger_audit_finds_discount_used_twice(gift_card_till, owner):
    code = await gift_card_till.certificate(1000, single=True)
    await gift_card_till.take(code, 700, "a")

    await as_superuser(
        owner,
        "INSERT INTO certificate_uses "
        "(certificate_id, brand_id, till_id, shop_id, kind, digest, amount, balance_after, key) "
        "SELECT certificate_id, brand_id, till_id, shop_id, kind, digest, 1, 0, 'twice' FROM certificate_uses",
    )
    found = await owner.rows(text(GIFT_CARDS))
    await as_superuser(owner, "DELETE FROM certificate_uses WHERE key = 'twice'")

    assert found
