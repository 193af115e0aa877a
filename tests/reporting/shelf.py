"""A brand with package codes, its reviewer, and receipts of its goods."""

import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from backend.earning.receipts.models import Receipt, ReceiptLine

CONSOLE = "/v1/console"


class Shelf:
    """A brand with a batch of package codes, and its reviewer."""

    def __init__(self, world, brand, programme, product, batch, reviewer) -> None:
        self.world, self.brand, self.programme = world, brand, programme
        self.product, self.batch, self.reviewer = product, batch, reviewer
        self.codes = world.codes_of(batch)

    async def find_code(self, code: str, reviewer=None, **headers):
        who = reviewer or self.reviewer
        return await who.ask("POST", f"{CONSOLE}/code-lookups", json={"text": code}, headers=headers)


async def add_receipt(world, shelf, agent, *, fd: int, lines: int = 1, brand=None, **fields) -> Receipt:
    found = await world.db.call(text("SELECT id FROM accounts WHERE card_number = :card"), card=agent.card_number)
    values = {"state": "refused", "reason": "no_products"} | fields
    receipt = await world.add(
        Receipt(
            account_id=found.id,
            key=uuid.uuid4(),
            country="RU",
            identity=f"9999000000000001:{fd}",
            fp=77,
            canonical="x",
            at=datetime.now(UTC).replace(tzinfo=None),
            total=1000,
            operation=1,
            decide_by=datetime.now(UTC) + timedelta(days=5),
            **values,
        )
    )
    for n in range(lines):
        await world.add(
            ReceiptLine(
                receipt_id=receipt.id,
                brand_id=(brand or shelf.brand).id,
                n=n,
                name="Socket",
                quantity=2,
                sum=500,
                how="exact",
                score=1.0,
                state="refused",
                reason="no_campaign",
                product_id=None,
            )
        )
    return receipt
