"""Shops whose receipts pay, or don't."""

from tests.earning.receipts.receipt_builders import SELLER, document, line
from tests.earning.receipts.reviews.conftest import CONSOLE, Held

SELLERS = f"{CONSOLE}/sellers"


async def test_excluded_shop_pays_nothing(brand: Held):
    put = await brand.anna.put(f"{SELLERS}/{SELLER}", {"allowed": False, "note": "Sells to itself."})

    mine = await brand.bring()

    assert put.json() == {"inn": SELLER, "allowed": False, "note": "Sells to itself."}
    assert (mine["status"], mine["reason"]) == ("refused", "shop_excluded")


async def test_allowed_shop_excludes_others(brand: Held):
    await brand.anna.put(f"{SELLERS}/7736050003", {"allowed": True})

    here = await brand.bring()
    there = await brand.buying.bring(brand.account, document(line(amount=90_000), seller_inn="7736050003"))

    assert (here["status"], there["status"]) == ("refused", "credited")


async def test_seller_decision_can_be_changed_and_deleted(brand: Held):
    await brand.anna.put(f"{SELLERS}/{SELLER}", {"allowed": False})
    await brand.anna.put(f"{SELLERS}/{SELLER}", {"allowed": True, "note": "Corrected."})
    changed = await brand.boris.get(f"{SELLERS}/{SELLER}")

    gone = await brand.anna.delete(f"{SELLERS}/{SELLER}")
    again = await brand.anna.delete(f"{SELLERS}/{SELLER}")

    assert changed.json() == {"inn": SELLER, "allowed": True, "note": "Corrected."}
    assert gone.status_code == 204
    assert (again.status_code, again.json()["code"]) == (404, "seller_unknown")


async def test_tax_number_with_wrong_check_digits_is_refused(brand: Held):
    wrong = await brand.anna.put(f"{SELLERS}/7707083894", {"allowed": False})
    short = await brand.anna.put(f"{SELLERS}/770708389", {"allowed": False})

    assert (wrong.status_code, wrong.json()["code"]) == (422, "inn_invalid")
    assert short.status_code in (400, 404, 422)


async def test_sellers_are_paginated(brand: Held):
    for inn in ("7736050003", SELLER, "5024002119"):
        await brand.anna.put(f"{SELLERS}/{inn}", {"allowed": False})

    first = (await brand.anna.get(SELLERS, params={"limit": 2})).json()
    rest = (await brand.anna.get(SELLERS, params={"limit": 2, "cursor": first["next"]})).json()

    assert [row["inn"] for row in (*first["items"], *rest["items"])] == ["5024002119", SELLER, "7736050003"]
    assert "next" not in rest
