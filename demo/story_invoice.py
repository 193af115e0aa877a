"""The demo's part about invoices: points pay a part of the brand's invoice, and defer the rest."""

import csv
import io
import uuid
from datetime import date, timedelta
from typing import Any

from demo.story import BrandStory, StoryRunner

INVOICE, PART, DEFERRAL, DAYS = "INV-2026-117", 100_00, 30_00, 14
INN = "500100732259"


class InvoiceStory:
    """A self-employed installer with an invoice of the brand, and the brand's manager."""

    def __init__(self, story: StoryRunner) -> None:
        self.story = story
        self.http = story.http

    def play(self) -> None:
        """Run all steps."""
        person = self.story.join("A self-employed installer owes the brand an invoice")
        self.agent = {"Authorization": f"Bearer {person['token']}"}
        self.story.scan(person, next(self.story.codes))
        self.manager = BrandStory(self.story)
        self.raise_level(person["card_number"])
        offers = self.invoice_rewards()
        orders = [self.order(offers["Pay an invoice of the brand"], PART)]
        orders.append(self.order(offers["14 days later to pay an invoice"], DEFERRAL))
        self.accept(orders)

    def raise_level(self, card: str) -> None:
        request = {"rung": 2, "kind": "self_employed", "inn": INN}
        self.story.expect(self.http.put("/v1/me/identity", json=request, headers=self.agent))
        self.manager.put(f"/v1/console/identities/{card}", {"rung": 2, "note": "Agreement 17"})
        self.story.report("the agent sends a tax number, of which a keyed hash is stored; the brand confirms it")

    def invoice_rewards(self) -> dict[str, int]:
        """The ids of the invoice rewards by their English names."""
        page = self.story.expect(self.http.get("/v1/offers", params={"kind": "invoice"}, headers=self.agent))
        return {row["name"]: row["id"] for row in page["items"]}

    def order(self, offer: int, nominal: int) -> Any:
        body = {"offer_id": offer, "nominal": nominal, "reference": INVOICE}
        placed = self.story.expect(self.http.put(f"/v1/orders/{uuid.uuid4()}", json=body, headers=self.agent))
        self.story.check(placed["status"] == "held", placed)
        self.story.report(f"{placed['name']}, {nominal / 100:.2f} RUB: {placed['next']}")
        return placed

    def accept(self, orders: list[Any]) -> None:
        self.story.step("The brand accepts both, and its ERP gets them")
        waiting = self.story.expect(
            self.http.get("/v1/console/orders", params={"state": "waiting"}, headers=self.manager.headers)
        )["items"]
        for row in waiting:
            self.manager.put(f"/v1/console/orders/{row['id']}/decision", {"action": "done"})
        for placed in orders:
            done = self.story.expect(self.http.get(f"/v1/orders/{placed['id']}", headers=self.agent))
            self.story.check(done["status"] == "done", done)
        part, later = self.exported()
        self.story.check((part["invoice"], part["nominal"], part["defers_days"]) == (INVOICE, "100.00", ""), part)
        self.story.check((later["invoice"], later["defers_days"]) == (INVOICE, str(DAYS)), later)
        self.story.report(f"{INVOICE}: {part['nominal']} RUB taken off, to be paid {later['defers_days']} days later")

    def exported(self) -> list[dict[str, str]]:
        """The lines of the file for the ERP."""
        today = date.today()  # noqa: DTZ011 - a day on either side covers any zone
        days = {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=1)), "kind": "invoice"}
        file = self.http.get("/v1/console/orders/export", params=days, headers=self.manager.headers)
        return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))


def invoice_story(story: StoryRunner) -> None:
    """Run this part."""
    InvoiceStory(story).play()
