"""A brand with one of everything, each with a mark in its text, which no other brand may see."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from backend.checkout.models import Signal
from backend.earning.promocodes.issues import generation as code_generation
from backend.earning.promocodes.issues import service as issues
from backend.earning.receipts.models import (
    Freeze,
    LineAlias,
    Receipt,
    ReceiptClaim,
    ReceiptLine,
    ReceiptPass,
    ReceiptSignal,
    Review,
    ReviewStep,
)
from backend.earning.scans.models import ScanSignal
from backend.programmes.models import Programme
from backend.programmes.rules.rule import PercentAmount, Promo, Rule
from tests.make import Worker, World
from tests.spending.scenario import SpendingScenario

MARK = "Zapretno"


class Reviewed(NamedTuple):
    """What the brand's reviewers may decide."""

    card: str
    receipt: int
    line: int
    review: int


class MarkedBrand(NamedTuple):
    """An owner of the brand, and the ids of what the brand has."""

    owner: Worker
    programme: int
    batch: str
    delivery: int
    issue: str
    reviewed: Reviewed
    order: int
    spender: str
    correction: str
    imported: str
    code: str


async def marked_brand(world: World) -> MarkedBrand:
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
    issue = await issue_promo_code(world, owner, programme)
    await sell(world, owner, till)
    reviewed = await create_review(world, owner, product.id)
    order, spender = await create_orders(world, owner, programme, till)
    correction = str(uuid.uuid4())
    correction_request = {"card_number": spender, "programme": "club", "amount": 100, "reason": f"{MARK} correction"}
    await owner.put(f"/v1/console/corrections/{correction}", correction_request)
    imported = str(uuid.uuid4())
    file = {"file": ("p.csv", f"sku,name_ru\n{MARK}-9,{MARK} lamp\n,{MARK} nothing\n".encode())}
    await owner.ask("PUT", f"/v1/console/imports/{imported}", files=file, params={"kind": "products"})
    made = (
        str(batch.key),
        delivery["id"],
        issue,
        reviewed,
        order,
        spender,
        correction,
        imported,
        world.codes_of(batch)[0],
    )
    return MarkedBrand(owner, programme.id, *made)


async def create_orders(world: World, owner: Worker, programme: Programme, till: str) -> tuple[int, str]:
    """Order goods, a code of the stock and an own certificate, of which a part is redeemed at the till."""
    shop = SpendingScenario(world, programme)
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


async def create_review(world: World, owner: Worker, product: int) -> Reviewed:
    """Create a receipt with a doubtful line, whose sender is frozen and proposed to be released."""
    brand, card, soon = owner.brand_id, (await world.account()).card_number, datetime.now(UTC) + timedelta(days=5)
    found = await world.db.call(text("SELECT id FROM accounts WHERE card_number = :card"), card=card)
    receipt, line = await create_doubtful_receipt(world, found.id, brand, product)
    review = await world.add(Review(brand_id=brand, account_id=found.id, points=20, decide_by=soon))
    of = {"brand_id": brand, "receipt_id": receipt.id}
    await world.add(
        ReceiptSignal(review_id=review.id, rule="till_share", version=1, shadow=False, points=20, inputs={}, **of)
    )
    await world.add(ReceiptPass(staff_id=owner.id, **of))
    await world.add(
        ScanSignal(
            brand_id=brand, account_id=found.id, cause=1, cause_id=1, rule="taken_at", version=1, shadow=True, inputs={}
        )
    )
    await world.add(Freeze(brand_id=brand, account_id=found.id, staff_id=owner.id))
    await world.add(
        ReviewStep(brand_id=brand, review_id=review.id, staff_id=owner.id, action="release", note=MARK, final=False)
    )
    await world.add(LineAlias(brand_id=brand, seller_inn="7707083893", key=MARK, product_id=product))
    await owner.put("/v1/console/sellers/7707083893", {"allowed": True, "note": MARK})
    return Reviewed(card, receipt.id, line.id, review.id)


async def create_doubtful_receipt(world: World, account: int, brand: int, product: int) -> tuple[Receipt, ReceiptLine]:
    receipt = await world.add(
        Receipt(
            account_id=account,
            key=uuid.uuid4(),
            country="RU",
            identity=f"9999000000000001:{account}",
            fp=1,
            canonical="x",
            at=datetime.now(UTC).replace(tzinfo=None),
            total=1000,
            operation=1,
            state="review",
            decide_by=datetime.now(UTC) + timedelta(days=5),
        )
    )
    await world.add(
        ReceiptClaim(
            country="RU",
            identity=receipt.identity,
            receipt_id=receipt.id,
            account_id=account,
            seller_inn="7707083893",
            till="9999000000000001",
            bought_at=receipt.at,
            number=account,
            quick=False,
        )
    )
    line = await world.add(
        ReceiptLine(
            receipt_id=receipt.id,
            brand_id=brand,
            n=0,
            name=f"{MARK} socket",
            quantity=1,
            sum=1000,
            how="fuzzy",
            score=0.5,
            candidates=[[product, 0.5]],
            state="review",
            reason="doubtful",
        )
    )
    return receipt, line


async def issue_promo_code(world: World, owner: Worker, programme: Programme) -> str:
    """Issue one promo code. Returns the id of the issue."""
    rule = Rule(ways=frozenset({"promo"}), amount=PercentAmount(300), promo=Promo(discount=PercentAmount(500)))
    await world.campaign(programme, rule, key="promo", name_ru=f"{MARK} promo", name_en=f"{MARK} promo")
    key = uuid.uuid4()
    await owner.put(f"/v1/console/promo-issues/{key}", {"campaign": "promo", "count": 1})
    async with world.db.begin() as session:
        issue, _ = await issues.get_issue(session, owner.brand_id, key)
        await code_generation.generate_part(session, issue.id)
    return str(key)


async def sell(world: World, owner: Worker, till: str) -> None:
    """Sell with the issued code, with a fraud signal."""
    (code,) = await world.db.rows(text("SELECT code FROM promo_codes WHERE brand_id = :brand"), brand=owner.brand_id)
    sale = {"codes": [code.code], "basket": [{"line": 1, "name": "x", "quantity": 1, "amount": 1000}]}
    await world.client.put("/v1/till/sales/first", json=sale, headers={"Authorization": f"Bearer {till}"})
    find = text("SELECT id FROM redemptions WHERE brand_id = :brand")
    found = await world.db.call(find, brand=owner.brand_id)
    await world.add(
        Signal(brand_id=owner.brand_id, redemption_id=found.id, rule="own_code", version=1, shadow=True, inputs={})
    )
