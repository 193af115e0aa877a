"""The demo's part about spending: certificates, a gift card used in parts at a till, and a statement with a proof."""

import json
import os
import subprocess
import sys
import time
import uuid
from datetime import date
from pathlib import Path
from typing import Any

from httpx2 import Client

from demo.story import StoryRunner

PATIENCE_SECONDS = 30
MOST_SECONDS = 3.0  # from earning to a certificate of the stock
BONUS, TOOLS, BOOKS, OWN, WARRANTY = 150_00, 50_00, 20_00, 70_00, 5_00


class SpendingStory:
    """An agent who spends the points of one box."""

    def __init__(self, story: StoryRunner) -> None:
        self.story = story
        self.http: Client = story.http
        self.till = {"Authorization": f"Bearer {story.setup['till_key']}"}

    def play(self) -> None:
        """Run all steps."""
        person = self.story.join("An installer scans a box and spends the points at once")
        self.agent = {"Authorization": f"Bearer {person['token']}"}
        begun = time.monotonic()
        self.story.scan(person, next(self.story.codes))
        self.offers = self.affordable_rewards()
        self.order_from_stock(begun)
        self.order_from_supplier()
        self.use_gift_card(self.order("own", OWN))
        self.extend_warranty()
        self.verify_statement()

    def affordable_rewards(self) -> dict[str, Any]:
        """The ids of the affordable rewards by short names."""
        page = self.story.expect(self.http.get("/v1/offers", params={"affordable": "true"}, headers=self.agent))
        self.story.report(f"for {BONUS / 100:.2f} RUB: " + ", ".join(row["name"] for row in page["items"]))
        names = {
            "Tool shop certificate": "tools",
            "Certificate for books": "books",
            "Certificate of our shop": "own",
            "Another year of warranty": "warranty",
        }
        return {names[row["name"]]: row["id"] for row in page["items"] if row["name"] in names}

    def order(self, offer: str, nominal: int, **more: int) -> Any:
        key = str(uuid.uuid4())
        body = {"offer_id": self.offers[offer], "nominal": nominal} | more
        placed = self.story.expect(self.http.put(f"/v1/orders/{key}", json=body, headers=self.agent))
        again = self.story.expect(self.http.put(f"/v1/orders/{key}", json=body, headers=self.agent))
        self.story.check(again["price"] == placed["price"] and again["id"] == key, again)
        return placed

    def order_from_stock(self, begun: float) -> None:
        self.story.step("The agent orders a certificate from stock")
        placed, seconds = self.order("tools", TOOLS), time.monotonic() - begun
        self.story.check(placed["status"] == "done" and placed["code"].startswith("DEMO-"), placed)
        self.story.report(f"{placed['name']}, {TOOLS / 100:.2f} RUB: from the box to the code in {seconds:.2f} s")
        self.story.check(seconds < MOST_SECONDS, seconds)

    def order_from_supplier(self) -> None:
        self.story.step("And one from a supplier over HTTP, within its 5 requests a second")
        begun, placed = time.monotonic(), self.order("books", BOOKS)
        self.story.check(placed["status"] == "held", placed)
        self.story.report(f"{placed['status']}: {placed['next']}")
        with self.http.stream("GET", f"/v1/orders/{placed['id']}/stream", headers=self.agent) as stream:
            seen = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
        self.story.check(seen[-1]["status"] == "done" and "code" not in seen[-1], seen)
        shown = self.story.expect(self.http.post(f"/v1/orders/{placed['id']}/reveal", headers=self.agent))
        self.story.check(bool(shown["code"]), shown)
        self.story.report(f"done after {time.monotonic() - begun:.1f} s; the code is shown on request")

    def use_gift_card(self, certificate: Any) -> None:
        self.story.step("A gift card of the shop is spent in two parts, and one part is partly returned")
        code, uses = certificate["code"], "/v1/till/certificate-uses"
        first, second = uuid.uuid4(), uuid.uuid4()
        steps = [
            ("PUT", f"{uses}/{first}", {"code": code, "amount": 45_00}, 25_00),
            ("PUT", f"{uses}/{first}", {"code": code, "amount": 45_00}, 25_00),
            ("PUT", f"{uses}/{second}", {"code": code, "amount": 25_00}, 0),
            ("PUT", f"{uses}/{second}/returns/{uuid.uuid4()}", {"amount": 10_00}, 10_00),
        ]
        for method, path, body, left in steps:
            answer = self.story.expect(self.http.request(method, path, json=body, headers=self.till))
            self.story.check(answer["balance"] == left, answer)
            self.story.report(f"{body['amount'] / 100:.2f} RUB; left on it: {left / 100:.2f}")
        found = self.story.expect(
            self.http.post("/v1/till/certificates/balance", json={"code": code}, headers=self.till)
        )
        self.story.check(found["balance"] == 10_00, found)

    def extend_warranty(self) -> None:
        self.story.step("The opened box gets another year of warranty")
        before = self.unit()
        placed = self.order("warranty", WARRANTY, unit=before["id"])
        after = self.unit()
        self.story.check(placed["status"] == "done", placed)
        until = [date.fromisoformat(unit["warranty_until"]) for unit in (before, after)]
        self.story.check(until[1].year == until[0].year + 1, until)
        self.story.report(f"{after['name']}: until {until[1]} instead of {until[0]}")

    def unit(self) -> Any:
        (unit,) = self.story.expect(self.http.get("/v1/units", headers=self.agent))["items"]
        return unit

    def verify_statement(self) -> None:
        self.story.step("The agent verifies the statement with the published seals")
        run_command(self.story.folder, "books", "seal")
        (wallet,) = self.story.expect(self.http.get("/v1/wallets", headers=self.agent))["items"]
        path = f"/v1/wallets/{wallet['id']}/statement"
        statement = self.story.expect(self.http.get(path, params={"proof": "true"}, headers=self.agent))
        left = BONUS - TOOLS - BOOKS - OWN - WARRANTY
        self.story.check(wallet["available"] == left, wallet)
        files = {"statement": statement, "seals": self.story.expect(self.http.get("/v1/seals"))}
        for name, content in files.items():
            (self.story.folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
        self.story.report(verify_statement(self.story.folder))
        row = next(row for row in statement["items"] if row["amount"] == TOOLS)
        row["amount"] -= 1_00
        (self.story.folder / "statement.json").write_text(json.dumps(statement), "utf-8")
        self.story.report("with one rouble changed in it: " + verify_statement(self.story.folder, right=False))


def run_command(folder: Path, *words: str, right: bool = True) -> str:
    """Run a command on the temporary installation; returns its output."""
    result = subprocess.run(
        [sys.executable, "-m", "backend.cli", *words],
        env=os.environ | {"SCANBACK_DATA": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if (result.returncode == 0) is not right:
        raise RuntimeError(f"{' '.join(words)}: {result.stdout} {result.stderr}")
    return result.stdout.strip()


def verify_statement(folder: Path, *, right: bool = True) -> str:
    """The first line of the public verifier's result for the statement in the folder."""
    files = [str(folder / "statement.json"), "--seals", str(folder / "seals.json")]
    return run_command(folder, "statement", "verify", *files, right=right).splitlines()[0]


def spending_story(story: StoryRunner) -> None:
    """Run this part."""
    SpendingStory(story).play()
