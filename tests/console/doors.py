"""Every route of the staff's door: whom it is open to, and how somebody would reach into another brand through it.

A new route stands here or test_doors.py fails.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import text

from backend.checkout.models import Signal
from backend.programmes.models import Programme
from backend.programmes.rules import Percent, Promo, Rule
from backend.promocodes import issues, issuing
from backend.receipts.models import (
    Alias,
    Claim,
    Freeze,
    Line,
    Receipt,
    ReceiptPass,
    ReceiptSignal,
    Review,
    ReviewStep,
)
from tests.make import Worker, World
from tests.offers.spending import Spending

MARK = "Zapretno"
READ = {"owner", "manager", "reviewer", "analyst"}
REVIEW, EDIT, OWN = READ - {"analyst"}, {"owner", "manager"}, {"owner"}
Route = tuple[str, str]


class Way(NamedTuple):
    """How a route is called with what belongs to a brand, and what a stranger is told."""

    roles: set[str]
    path: str
    options: Mapping[str, Any] = MappingProxyType({})
    # 404 where the address or the body names what is another's. None where the name is free in each brand: the caller
    # makes or reads a thing of his own.
    stranger: int | None = None


class Reviewed(NamedTuple):
    """What the brand's reviewers have before them."""

    card: str
    receipt: int
    line: int
    review: int


class House(NamedTuple):
    """A brand with one of everything, all of it marked."""

    owner: Worker
    programme: int
    batch: str
    delivery: int
    issue: str
    reviewed: Reviewed
    order: int
    spender: str


async def house(world: World) -> House:
    owner = await world.staff(await world.brand(f"{MARK} {uuid.uuid4()}"))
    brand = await world.brand_of(owner)
    programme = await world.programme(brand, key="club", name=f"{MARK} club")
    product = await world.product(brand.id, sku="SKU", name_ru=f"{MARK} socket", gtin="04600000000015")
    await world.campaign(programme, key="autumn", budget=1000, name_ru=f"{MARK} autumn", name_en=f"{MARK} autumn")
    batch = await world.batch(programme, product)
    await owner.put(f"/v1/console/batches/{batch.key}/files/csv", {})
    label = {"from": "2026-01-01", "advertiser": f"{MARK} works"}
    await owner.put("/v1/console/brand/card", {"labels": [label]})
    await owner.put("/v1/console/shops/main", {"name": f"{MARK} shop"})
    till = (await owner.put("/v1/console/shops/main/tills/first", {})).json()["token"]
    await owner.put("/v1/console/shops/main/cashiers/anna", {})
    await owner.ask("PUT", "/v1/console/shops/main/statements/1")
    await owner.put("/v1/console/webhooks/erp", {"url": f"https://{MARK.lower()}.example/hook"})
    delivery = (await owner.ask("POST", "/v1/console/webhooks/erp/tests")).json()
    issue = await issued(world, owner, programme)
    await sold(world, owner, till)
    reviewed = await held(world, owner, product.id)
    order, spender = await spent(world, owner, programme, till)
    return House(owner, programme.id, str(batch.key), delivery["id"], issue, reviewed, order, spender)


async def spent(world: World, owner: Worker, programme: Programme, till: str) -> tuple[int, str]:
    """Goods on order, and besides a code sold from the stock and a part of an own certificate taken at the till."""
    shop = Spending(world, programme)
    await owner.put("/v1/console/programmes/club/rates/2026-01-01", {"per_rouble": 100, "source": MARK})
    named = {"name_ru": f"{MARK} offer", "name_en": f"{MARK} offer"}
    gift = await shop.offer("stock", key="gift", **named)
    codes = {"content": f"code,nominal\n{MARK}-1,10\n{MARK}-2,10\n", "headers": {"Content-Type": "text/csv"}}
    await owner.ask("POST", "/v1/console/offers/gift/stock", **codes)
    agent = await shop.agent(100_000)
    await shop.order(agent, gift)
    own = (await shop.order(agent, await shop.offer("own", **named))).json()
    use = {"code": own["code"], "amount": 100}
    await world.client.put("/v1/till/certificate-uses/first", json=use, headers={"Authorization": f"Bearer {till}"})
    goods = await shop.offer("person", kind="goods", **named)
    await shop.order(agent, goods, reference=MARK)
    found = await world.db.call(text("SELECT id FROM orders WHERE offer_id = :offer"), offer=goods.id)
    await owner.put(f"/v1/console/orders/{found.id}/delivery", {"delivery": "packed", "place": MARK})
    await owner.put(f"/v1/console/identities/{agent.card_number}", {"rung": 1, "note": MARK})
    return found.id, agent.card_number


async def held(world: World, owner: Worker, product: int) -> Reviewed:
    """A receipt with a line that is not clear, whose sender is frozen and proposed to be released."""
    brand, card, soon = owner.brand_id, (await world.account()).card_number, datetime.now(UTC) + timedelta(days=5)
    found = await world.db.call(text("SELECT id FROM accounts WHERE card_number = :card"), card=card)
    receipt = await world.add(
        Receipt(account_id=found.id, key=uuid.uuid4(), country="RU", identity=f"9999000000000001:{found.id}", fp=1,
                canonical="x", at=datetime.now(UTC).replace(tzinfo=None), total=1000, operation=1, state="review",
                decide_by=soon)
    )  # fmt: skip
    await world.add(
        Claim(country="RU", identity=receipt.identity, receipt_id=receipt.id, account_id=found.id,
              seller_inn="7707083893", till="9999000000000001", bought_at=receipt.at, number=found.id, quick=False)
    )  # fmt: skip
    line = await world.add(
        Line(receipt_id=receipt.id, brand_id=brand, n=0, name=f"{MARK} socket", quantity=1, sum=1000, how="fuzzy",
             score=0.5, candidates=[[product, 0.5]], state="review", reason="doubtful")
    )  # fmt: skip
    review = await world.add(Review(brand_id=brand, account_id=found.id, points=20, decide_by=soon))
    of = {"brand_id": brand, "receipt_id": receipt.id}
    await world.add(
        ReceiptSignal(review_id=review.id, rule="till_share", version=1, shadow=False, points=20, inputs={}, **of)
    )
    await world.add(ReceiptPass(staff_id=owner.id, **of))
    await world.add(Freeze(brand_id=brand, account_id=found.id, staff_id=owner.id))
    await world.add(
        ReviewStep(brand_id=brand, review_id=review.id, staff_id=owner.id, action="release", note=MARK, final=False)
    )
    await world.add(Alias(brand_id=brand, seller_inn="7707083893", key=MARK, product_id=product))
    await owner.put("/v1/console/sellers/7707083893", {"allowed": True, "note": MARK})
    return Reviewed(card, receipt.id, line.id, review.id)


async def issued(world: World, owner: Worker, programme: Programme) -> str:
    """The id of a finished issue of one promo code."""
    rule = Rule(ways=frozenset({"promo"}), amount=Percent(300), promo=Promo(discount=Percent(500)))
    await world.campaign(programme, rule, key="promo", name_ru=f"{MARK} promo", name_en=f"{MARK} promo")
    key = uuid.uuid4()
    await owner.put(f"/v1/console/promo-issues/{key}", {"campaign": "promo", "count": 1})
    async with world.db.begin() as session:
        issue, _ = await issues.get(session, owner.brand_id, key)
        await issuing.step(session, issue.id)
    return str(key)


async def sold(world: World, owner: Worker, till: str) -> None:
    """A sale with the issued code, in which a fraud rule saw something."""
    (code,) = await world.db.rows(text("SELECT code FROM promo_codes WHERE brand_id = :brand"), brand=owner.brand_id)
    sale = {"codes": [code.code], "basket": [{"line": 1, "name": "x", "quantity": 1, "amount": 1000}]}
    await world.client.put("/v1/till/sales/first", json=sale, headers={"Authorization": f"Bearer {till}"})
    find = text("SELECT id FROM redemptions WHERE brand_id = :brand")
    found = await world.db.call(find, brand=owner.brand_id)
    await world.add(
        Signal(brand_id=owner.brand_id, redemption_id=found.id, rule="own_code", version=1, shadow=True, inputs={})
    )


def ways(of: House) -> dict[Route, Way]:
    """Each route with the names of one brand's things."""
    console, batch = "/v1/console", f"/v1/console/batches/{of.batch}"
    shop, hook = f"{console}/shops/main", f"{console}/webhooks/erp"
    issue, at = f"{console}/promo-issues/{of.issue}", of.reviewed
    rule = {"ways": ["package"], "amount": {"type": "fixed", "value": 1}}
    campaign = {"programme_id": of.programme, "name_ru": "x", "starts_at": "2026-01-01T00:00:00Z", "rule": rule}
    preview = {"programme_id": of.programme, "rule": rule, "way": "package", "sku": "SKU"}
    order = f"{console}/orders/{of.order}"
    offer = {
        "programme_id": of.programme, "kind": "certificate", "fulfilment": "stock", "name_ru": "x", "least": 1000,
        "tax": "discount",
    }  # fmt: skip
    days = {"from": "2020-01-01", "to": "2099-01-01"}
    passwords = {"old_password": "x", "password": "nine warm radiators"}
    period = {"from": "2026-01-01", "to": "2026-11-01"}
    file, csv = {"file": ("p.csv", b"sku,name_ru\nSKU,x\n")}, {"Content-Type": "text/csv"}
    return {
        ("GET", "/v1/staff/me"): Way(READ, "/v1/staff/me"),
        ("PUT", "/v1/staff/me/password"): Way(READ, "/v1/staff/me/password", {"json": passwords}),
        ("DELETE", "/v1/staff/sessions/current"): Way(READ, "/v1/staff/sessions/current"),
        ("GET", f"{console}/brand"): Way(READ, f"{console}/brand"),
        ("PUT", f"{console}/brand"): Way(OWN, f"{console}/brand", {"json": {"name": "Other"}}),
        ("GET", f"{console}/brand/card"): Way(READ, f"{console}/brand/card"),
        ("PUT", f"{console}/brand/card"): Way(EDIT, f"{console}/brand/card", {"json": {}}),
        ("GET", f"{console}/brand/card/logo"): Way(READ, f"{console}/brand/card/logo", {}, 404),
        ("PUT", f"{console}/brand/card/logo"): Way(
            EDIT, f"{console}/brand/card/logo", {"content": b"GIF89a", "headers": {"Content-Type": "image/png"}}, 422
        ),
        ("DELETE", f"{console}/brand/card/logo"): Way(EDIT, f"{console}/brand/card/logo"),
        ("GET", f"{console}/staff"): Way(OWN, f"{console}/staff"),
        ("PUT", f"{console}/staff/{{email}}"): Way(
            OWN, f"{console}/staff/{of.owner.email}", {"json": {"role": "analyst"}}, 409
        ),
        ("DELETE", f"{console}/staff/{{email}}"): Way(OWN, f"{console}/staff/{of.owner.email}", {}, 404),
        ("GET", f"{console}/programmes"): Way(READ, f"{console}/programmes"),
        ("GET", f"{console}/programmes/{{key}}"): Way(READ, f"{console}/programmes/club", {}, 404),
        ("PUT", f"{console}/programmes/{{key}}"): Way(
            OWN, f"{console}/programmes/club", {"json": {"name": "x", "currency": "PTS"}}
        ),
        ("GET", f"{console}/products"): Way(READ, f"{console}/products", {"params": {"q": MARK}}),
        ("GET", f"{console}/products/export"): Way(READ, f"{console}/products/export"),
        ("POST", f"{console}/products/import"): Way(EDIT, f"{console}/products/import", {"files": file}),
        ("GET", f"{console}/products/{{sku}}"): Way(READ, f"{console}/products/SKU", {}, 404),
        ("PUT", f"{console}/products/{{sku}}"): Way(EDIT, f"{console}/products/SKU", {"json": {"name_ru": "x"}}),
        ("DELETE", f"{console}/products/{{sku}}"): Way(EDIT, f"{console}/products/SKU", {}, 404),
        ("GET", f"{console}/campaigns"): Way(READ, f"{console}/campaigns"),
        ("GET", f"{console}/campaigns/{{key}}"): Way(READ, f"{console}/campaigns/autumn", {}, 404),
        ("PUT", f"{console}/campaigns/{{key}}"): Way(EDIT, f"{console}/campaigns/autumn", {"json": campaign}, 404),
        ("POST", f"{console}/campaigns/previews"): Way(READ, f"{console}/campaigns/previews", {"json": preview}, 404),
        ("GET", f"{console}/shops"): Way(READ, f"{console}/shops"),
        ("GET", f"{console}/shops/{{key}}"): Way(READ, shop, {}, 404),
        ("PUT", f"{console}/shops/{{key}}"): Way(EDIT, shop, {"json": {"name": "x"}}),
        ("DELETE", f"{console}/shops/{{key}}"): Way(EDIT, shop, {}, 404),
        ("GET", f"{console}/shops/{{key}}/tills"): Way(READ, f"{shop}/tills", {}, 404),
        ("PUT", f"{console}/shops/{{key}}/tills/{{till}}"): Way(EDIT, f"{shop}/tills/first", {"json": {}}, 404),
        ("DELETE", f"{console}/shops/{{key}}/tills/{{till}}"): Way(EDIT, f"{shop}/tills/first", {}, 404),
        ("POST", f"{console}/shops/{{key}}/tills/{{till}}/tokens"): Way(EDIT, f"{shop}/tills/first/tokens", {}, 404),
        ("GET", f"{console}/shops/{{key}}/cashiers"): Way(READ, f"{shop}/cashiers", {}, 404),
        ("PUT", f"{console}/shops/{{key}}/cashiers/{{cashier}}"): Way(EDIT, f"{shop}/cashiers/anna", {"json": {}}, 404),
        ("DELETE", f"{console}/shops/{{key}}/cashiers/{{cashier}}"): Way(EDIT, f"{shop}/cashiers/anna", {}, 404),
        ("GET", f"{console}/webhooks"): Way(EDIT, f"{console}/webhooks"),
        ("GET", f"{console}/webhooks/{{key}}"): Way(EDIT, hook, {}, 404),
        ("PUT", f"{console}/webhooks/{{key}}"): Way(OWN, hook, {"json": {"url": "https://other.example/"}}),
        ("POST", f"{console}/webhooks/{{key}}/secrets"): Way(OWN, f"{hook}/secrets", {"json": {}}, 404),
        ("GET", f"{console}/webhooks/{{key}}/deliveries"): Way(EDIT, f"{hook}/deliveries", {}, 404),
        ("POST", f"{console}/webhooks/{{key}}/deliveries/{{delivery_id}}/replays"): Way(
            EDIT, f"{hook}/deliveries/{of.delivery}/replays", {}, 404
        ),
        ("POST", f"{console}/webhooks/{{key}}/tests"): Way(EDIT, f"{hook}/tests", {}, 404),
        ("GET", f"{console}/fraud-signals"): Way(REVIEW, f"{console}/fraud-signals"),
        ("GET", f"{console}/reviews"): Way(REVIEW, f"{console}/reviews"),
        ("GET", f"{console}/reviews/figures"): Way(REVIEW, f"{console}/reviews/figures"),
        ("GET", f"{console}/reviews/{{review}}"): Way(REVIEW, f"{console}/reviews/{at.review}", {}, 404),
        ("PUT", f"{console}/reviews/{{review}}/decision"): Way(
            REVIEW, f"{console}/reviews/{at.review}/decision", {"json": {"action": "claw_back"}}, 404
        ),
        ("DELETE", f"{console}/freezes/{{card}}"): Way(REVIEW, f"{console}/freezes/{at.card}", {}, 404),
        ("GET", f"{console}/receipt-lines"): Way(REVIEW, f"{console}/receipt-lines"),
        ("PUT", f"{console}/receipt-lines/{{line}}/product"): Way(
            REVIEW, f"{console}/receipt-lines/{at.line}/product", {"json": {"sku": None}}, 404
        ),
        ("GET", f"{console}/receipts"): Way(REVIEW, f"{console}/receipts"),
        ("PUT", f"{console}/receipts/{{receipt}}/lines"): Way(
            REVIEW, f"{console}/receipts/{at.receipt}/lines", {"json": {"lines": []}}, 404
        ),
        ("GET", f"{console}/receipts/{{receipt_id}}/photo"): Way(
            REVIEW, f"{console}/receipts/{at.receipt}/photo", {}, 404
        ),
        ("GET", f"{console}/sellers"): Way(REVIEW, f"{console}/sellers"),
        ("GET", f"{console}/sellers/{{inn}}"): Way(REVIEW, f"{console}/sellers/7707083893", {}, 404),
        ("PUT", f"{console}/sellers/{{inn}}"): Way(
            REVIEW, f"{console}/sellers/7707083893", {"json": {"allowed": False}}
        ),
        ("DELETE", f"{console}/sellers/{{inn}}"): Way(REVIEW, f"{console}/sellers/7707083893", {}, 404),
        ("GET", f"{console}/shops/{{key}}/statements"): Way(READ, f"{shop}/statements", {}, 404),
        ("PUT", f"{console}/shops/{{key}}/statements/{{number}}"): Way(EDIT, f"{shop}/statements/2", {}, 404),
        ("GET", f"{console}/shops/{{key}}/statements/{{number}}/file.csv"): Way(
            READ, f"{shop}/statements/1/file.csv", {}, 404
        ),
        ("GET", f"{console}/shops/{{key}}/statements/{{number}}/file.xlsx"): Way(
            READ, f"{shop}/statements/1/file.xlsx", {}, 404
        ),
        ("GET", f"{console}/shops/{{key}}/statements/{{number}}/file.pdf"): Way(
            READ, f"{shop}/statements/1/file.pdf", {}, 404
        ),
        ("GET", f"{console}/identities"): Way(READ, f"{console}/identities"),
        ("GET", f"{console}/identities/{{card_number}}"): Way(READ, f"{console}/identities/{of.spender}", {}, 404),
        ("PUT", f"{console}/identities/{{card_number}}"): Way(
            EDIT, f"{console}/identities/{of.spender}", {"json": {"rung": 1, "note": MARK}}, 404
        ),
        ("GET", f"{console}/accounting"): Way(READ, f"{console}/accounting", {"params": period}),
        ("GET", f"{console}/accounting/file.csv"): Way(READ, f"{console}/accounting/file.csv", {"params": period}),
        ("GET", f"{console}/accounting/lots.csv"): Way(
            EDIT, f"{console}/accounting/lots.csv", {"params": {"to": "2026-11-01"}}
        ),
        ("GET", f"{console}/tax-register"): Way(EDIT, f"{console}/tax-register", {"params": {"year": 2026}}),
        ("GET", f"{console}/batches"): Way(READ, f"{console}/batches"),
        ("GET", f"{console}/batches/{{key}}"): Way(READ, batch, {}, 404),
        ("PUT", f"{console}/batches/{{key}}"): Way(
            EDIT, batch, {"json": {"programme_id": of.programme, "sku": "SKU", "count": 1}}, 404
        ),
        ("PUT", f"{console}/batches/{{key}}/state"): Way(EDIT, f"{batch}/state", {"json": {"state": "revoked"}}, 404),
        ("GET", f"{console}/batches/{{key}}/ranges"): Way(READ, f"{batch}/ranges", {}, 404),
        ("PUT", f"{console}/batches/{{key}}/ranges/{{span}}"): Way(
            EDIT, f"{batch}/ranges/1-5", {"json": {"state": "revoked"}}, 404
        ),
        ("GET", f"{console}/batches/{{key}}/files"): Way(READ, f"{batch}/files", {}, 404),
        ("GET", f"{console}/batches/{{key}}/files/{{kind}}"): Way(READ, f"{batch}/files/csv", {}, 404),
        ("PUT", f"{console}/batches/{{key}}/files/{{kind}}"): Way(EDIT, f"{batch}/files/zpl", {"json": {}}, 404),
        ("DELETE", f"{console}/batches/{{key}}/files/{{kind}}"): Way(EDIT, f"{batch}/files/csv", {}, 404),
        ("GET", f"{console}/batches/{{key}}/files/{{kind}}/parts/{{number}}"): Way(
            EDIT, f"{batch}/files/csv/parts/1", {}, 404
        ),
        ("PUT", f"{console}/batches/{{key}}/codes"): Way(
            EDIT, f"{batch}/codes", {"content": b"code\nABC\n", "headers": csv}, 404
        ),
        ("GET", f"{console}/offers"): Way(READ, f"{console}/offers"),
        ("GET", f"{console}/offers/{{key}}"): Way(READ, f"{console}/offers/gift", {}, 404),
        ("PUT", f"{console}/offers/{{key}}"): Way(EDIT, f"{console}/offers/gift", {"json": offer}, 404),
        ("GET", f"{console}/offers/{{key}}/stock"): Way(READ, f"{console}/offers/gift/stock", {}, 404),
        ("POST", f"{console}/offers/{{key}}/stock"): Way(
            EDIT, f"{console}/offers/gift/stock", {"content": b"code,nominal\nABC,10\n", "headers": csv}, 404
        ),
        ("GET", f"{console}/programmes/{{key}}/rates"): Way(READ, f"{console}/programmes/club/rates", {}, 404),
        ("PUT", f"{console}/programmes/{{key}}/rates/{{start}}"): Way(
            EDIT, f"{console}/programmes/club/rates/2099-01-01", {"json": {"per_rouble": 5, "source": "x"}}, 404
        ),
        ("GET", f"{console}/orders"): Way(READ, f"{console}/orders"),
        ("GET", f"{console}/orders/export"): Way(READ, f"{console}/orders/export", {"params": days}),
        ("GET", f"{console}/orders/{{order}}"): Way(READ, order, {}, 404),
        ("PUT", f"{console}/orders/{{order}}/decision"): Way(
            EDIT, f"{order}/decision", {"json": {"action": "turn_down"}}, 404
        ),
        ("PUT", f"{console}/orders/{{order}}/delivery"): Way(
            EDIT, f"{order}/delivery", {"json": {"delivery": "sent"}}, 404
        ),
        ("GET", f"{console}/promo-issues"): Way(READ, f"{console}/promo-issues"),
        ("GET", f"{console}/promo-issues/{{key}}"): Way(READ, issue, {}, 404),
        ("PUT", f"{console}/promo-issues/{{key}}"): Way(EDIT, issue, {"json": {"campaign": "promo", "count": 1}}, 404),
        ("GET", f"{console}/promo-issues/{{key}}/codes.csv"): Way(EDIT, f"{issue}/codes.csv", {}, 404),
    }


def routes(app: Litestar) -> dict[Route, Any]:
    """The handlers of all routes, by method and address."""
    return {
        (method, route.path_format): handler
        for route in app.routes if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods if method != "OPTIONS"
    }  # fmt: skip
