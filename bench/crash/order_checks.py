"""Checks of orders after a crash run: each has one certificate or its money back, and nothing happened twice."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from httpx2 import Client
from sqlalchemy import text

from backend.core.security import gift_card_codes
from backend.spending.gift_cards.checks import GIFT_CARDS
from backend.spending.orders.fulfilment import supplier_reference
from backend.spending.orders.service import code_owner
from bench.stage import Stage
from payouts import audit

ORDERS = text("""
    SELECT o.id, o.key, o.account_id, o.offer_id, o.state, o.for_person, o.secret, f.key AS offer, f.fulfilment,
        (SELECT count(*) FROM stock_codes c WHERE c.order_id = o.id AND c.sealed = o.secret) AS codes,
        (SELECT count(*) FROM certificates c WHERE c.order_id = o.id) AS certificates,
        coalesce((SELECT string_agg(kind::text, '' ORDER BY kind) FROM movements
            WHERE cause = 8 AND cause_id = o.id), '') AS moved
    FROM orders o JOIN offers f ON f.id = o.offer_id ORDER BY o.id
""")
SUMS = text("""
    SELECT (SELECT sum(available + held) FROM wallets)::bigint AS kept,
        (SELECT coalesce(sum(price), 0) FROM orders WHERE state = 'done')::bigint AS spent,
        (SELECT count(*) FROM stock_codes WHERE order_id IS NOT NULL) AS codes
""")


class Judged(msgspec.Struct):
    """The checks, the number of orders by state, and the number of supplier faults."""

    checks: dict[str, bool]
    states: Counter[str]
    faults: int


async def judge(at: Stage, url: str, responses: dict[str, str], codes: int, earned: int) -> Judged:
    """Compare all orders with the responses that buyers got and with the sales of the simulators at `url`."""
    orders, sums = await at.db.rows(ORDERS), await at.db.call(SUMS)
    with Client(base_url=url, trust_env=False) as http:
        sold = _sold(http.get("/_simulator/orders").json()["sold"])
        log = http.get("/_simulator/log").json()
    wrong = (await audit.audit_ledger(at.db.engine, extra=[GIFT_CARDS])).faults
    given = [_code(at, row) for row in orders if row.state == "done"]
    checks = {
        f"{len(responses):,} orders acknowledged, each exists once": sorted(str(row.key) for row in orders)
        == sorted(responses),
        "orders reported as ended stay ended": all(
            responses.get(str(row.key)) in ("held", row.state) for row in orders
        ),
        f"{len(given):,} done, a certificate each and none twice": len(set(given)) == len(given),
        "suppliers sold once for each order that is done, never for one refused": all(map(_fits, _beside(orders, sold)))
        and sold.keys() <= {supplier_reference(row.id, row.key) for row in orders},
        "each order's money moved once": all(row.moved in _moves(row) for row in orders)
        and sums.kept + sums.spent == earned,
        f"{sums.codes:,} of {codes:,} codes given out, each for an order that is done": sums.codes
        == sum(row.offer == "stock" and row.state == "done" for row in orders),
        "the books balance": wrong == [],
    }
    states = Counter("a person's" if row.for_person else row.state for row in orders)
    return Judged(checks, states, sum(sum(service["faults"].values()) for service in log.values()))


def _sold(by_supplier: dict[str, dict[str, int]]) -> Counter[str]:
    """How many certificates all suppliers together sold under each reference."""
    total: Counter[str] = Counter()
    for found in by_supplier.values():
        total.update(found)
    return total


def _beside(orders: list[Any], sold: Counter[str]) -> Iterator[tuple[Any, int]]:
    return ((row, sold[supplier_reference(row.id, row.key)]) for row in orders)


def _fits(beside: tuple[Any, int]) -> bool:
    """Whether the number of sales matches the order's state."""
    row, count = beside
    if row.fulfilment != "supplier":
        return count == 0
    return count <= 1 if row.for_person else count == {"done": 1, "refused": 0}.get(row.state)


def _moves(row: Any) -> tuple[str, ...]:
    """The possible movements of an order: held (3), then settled (4) or released (5); none if refused at once."""
    return {"done": ("34",), "held": ("3",)}.get(row.state, ("35", ""))


def _code(at: Stage, row: Any) -> str:
    """The decrypted code of an order; decryption works for its owner only."""
    if (row.codes, row.certificates) != (int(row.fulfilment == "stock"), int(row.fulfilment == "own")):
        raise RuntimeError(f"order {row.id} has {row.codes} codes and {row.certificates} certificates")
    sealed_for = (
        gift_card_codes.stock_owner(row.offer_id) if row.fulfilment == "stock" else code_owner(row.account_id, row.key)
    )
    return gift_card_codes.unseal(at.settings, sealed_for, row.secret)
