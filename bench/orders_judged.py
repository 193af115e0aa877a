"""What must be true of orders after all that happened to them: one certificate or the money back, and nothing twice."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from httpx2 import Client
from sqlalchemy import text

from backend.offers import certificate_codes
from backend.offers.certificate_checks import CERTIFICATES
from backend.offers.fulfilling import reference
from backend.offers.ordering import owner, stock_owner
from bench.stage import Stage
from payouts import books

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
    """What holds and what does not, orders by what became of them, and how often suppliers failed."""

    checks: dict[str, bool]
    states: Counter[str]
    faults: int


async def judge(at: Stage, url: str, told: dict[str, str], codes: int, earned: int) -> Judged:
    """Look at all orders beside what their buyers were told and what the stand-ins at `url` sold."""
    orders, sums = await at.db.rows(ORDERS), await at.db.call(SUMS)
    with Client(base_url=url, trust_env=False) as http:
        sold = _sold(http.get("/_simulator/orders").json()["sold"])
        log = http.get("/_simulator/log").json()
    wrong = (await books.prove(at.db.engine, extra=[CERTIFICATES])).faults
    given = [_code(at, row) for row in orders if row.state == "done"]
    checks = {
        f"{len(told):,} orders acknowledged, each stands once": sorted(str(row.key) for row in orders) == sorted(told),
        "what was answered as ended has stayed so": all(
            told.get(str(row.key)) in ("held", row.state) for row in orders
        ),
        f"{len(given):,} done, a certificate each and none twice": len(set(given)) == len(given),
        "suppliers sold once for each order that is done, never for one refused": all(map(_fits, _beside(orders, sold)))
        and sold.keys() <= {reference(row) for row in orders},
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
    return ((row, sold[reference(row)]) for row in orders)


def _fits(beside: tuple[Any, int]) -> bool:
    """Whether as many were sold as an order's state says."""
    row, count = beside
    if row.fulfilment != "supplier":
        return count == 0
    return count <= 1 if row.for_person else count == {"done": 1, "refused": 0}.get(row.state)


def _moves(row: Any) -> tuple[str, ...]:
    """What movements an order may have: held (3), then settled (4) or released (5); refused at once, none."""
    return {"done": ("34",), "held": ("3",)}.get(row.state, ("35", ""))


def _code(at: Stage, row: Any) -> str:
    """The code that the agent gets; it opens for its owner only."""
    if (row.codes, row.certificates) != (int(row.fulfilment == "stock"), int(row.fulfilment == "own")):
        raise RuntimeError(f"order {row.id} has {row.codes} codes and {row.certificates} certificates")
    sealed_for = stock_owner(row.offer_id) if row.fulfilment == "stock" else owner(row.account_id, row.key)
    return certificate_codes.unseal(at.settings, sealed_for, row.secret)
