"""The demo's chapter of spending: certificates in seconds, one of them at a till in parts, and a statement that proves
itself."""

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

from backend.cli.story import Teller

PATIENCE_SECONDS = 30
MOST_SECONDS = 3.0  # from earning to a certificate of the stock
BONUS, TOOLS, BOOKS, OWN, WARRANTY = 150_00, 50_00, 20_00, 70_00, 5_00


class SpendingStory:
    """An agent who spends what a box has brought him."""

    def __init__(self, story: Teller) -> None:
        self.story = story
        self.http: Client = story.http
        self.till = {"Authorization": f"Bearer {story.known['till_key']}"}

    def play(self) -> None:
        """All of it."""
        person = self.story.join("An installer opens a box and wants something for it at once")
        self.agent = {"Authorization": f"Bearer {person['token']}"}
        begun = time.monotonic()
        self.story.scan(person, next(self.story.codes))
        self.offers = self.window()
        self.stock(begun)
        self.supplier()
        self.own(self.order("own", OWN))
        self.warranty()
        self.prove()

    def window(self) -> dict[str, Any]:
        """The shop window by the English names of the demo's offers."""
        page = self.story.expect(self.http.get("/v1/offers", params={"affordable": "true"}, headers=self.agent))
        self.story.tell(f"for {BONUS / 100:.2f} RUB: " + ", ".join(row["name"] for row in page["items"]))
        names = {
            "Tool shop certificate": "tools", "Certificate for books": "books", "Certificate of our shop": "own",
            "Another year of warranty": "warranty",
        }  # fmt: skip
        return {names[row["name"]]: row["id"] for row in page["items"] if row["name"] in names}

    def order(self, offer: str, nominal: int, **more: int) -> Any:
        key = str(uuid.uuid4())
        body = {"offer_id": self.offers[offer], "nominal": nominal} | more
        placed = self.story.expect(self.http.put(f"/v1/orders/{key}", json=body, headers=self.agent))
        again = self.story.expect(self.http.put(f"/v1/orders/{key}", json=body, headers=self.agent))
        self.story.insist(again["price"] == placed["price"] and again["id"] == key, again)
        return placed

    def stock(self, begun: float) -> None:
        self.story.step("He takes a certificate of the stock")
        placed, seconds = self.order("tools", TOOLS), time.monotonic() - begun
        self.story.insist(placed["status"] == "done" and placed["code"].startswith("DEMO-"), placed)
        self.story.tell(f"{placed['name']}, {TOOLS / 100:.2f} RUB: from the box to the code in {seconds:.2f} s")
        self.story.insist(seconds < MOST_SECONDS, seconds)

    def supplier(self) -> None:
        self.story.step("And one that a supplier sells over HTTP, within its 5 requests a second")
        begun, placed = time.monotonic(), self.order("books", BOOKS)
        self.story.insist(placed["status"] == "held", placed)
        self.story.tell(f"{placed['status']}: {placed['next']}")
        with self.http.stream("GET", f"/v1/orders/{placed['id']}/stream", headers=self.agent) as stream:
            seen = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
        self.story.insist(seen[-1]["status"] == "done" and "code" not in seen[-1], seen)
        shown = self.story.expect(self.http.post(f"/v1/orders/{placed['id']}/reveal", headers=self.agent))
        self.story.insist(bool(shown["code"]), shown)
        self.story.tell(f"done after {time.monotonic() - begun:.1f} s; the code is shown when he asks for it")

    def own(self, certificate: Any) -> None:
        self.story.step("A certificate of the shop's own is spent in two parts, and a part of it comes back")
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
            self.story.insist(answer["balance"] == left, answer)
            self.story.tell(f"{body['amount'] / 100:.2f} RUB; left on it: {left / 100:.2f}")
        found = self.story.expect(
            self.http.post("/v1/till/certificates/balance", json={"code": code}, headers=self.till)
        )
        self.story.insist(found["balance"] == 10_00, found)

    def warranty(self) -> None:
        self.story.step("The box that he opened gets another year of warranty")
        before = self.unit()
        placed = self.order("warranty", WARRANTY, unit=before["id"])
        after = self.unit()
        self.story.insist(placed["status"] == "done", placed)
        until = [date.fromisoformat(unit["warranty_until"]) for unit in (before, after)]
        self.story.insist(until[1].year == until[0].year + 1, until)
        self.story.tell(f"{after['name']}: until {until[1]} instead of {until[0]}")

    def unit(self) -> Any:
        (unit,) = self.story.expect(self.http.get("/v1/units", headers=self.agent))["items"]
        return unit

    def prove(self) -> None:
        self.story.step("He checks his statement himself, against the seals that everybody can read")
        command(self.story.folder, "books", "seal")
        (wallet,) = self.story.expect(self.http.get("/v1/wallets", headers=self.agent))["items"]
        path = f"/v1/wallets/{wallet['id']}/statement"
        statement = self.story.expect(self.http.get(path, params={"proof": "true"}, headers=self.agent))
        left = BONUS - TOOLS - BOOKS - OWN - WARRANTY
        self.story.insist(wallet["available"] == left, wallet)
        files = {"statement": statement, "seals": self.story.expect(self.http.get("/v1/seals"))}
        for name, content in files.items():
            (self.story.folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
        said = verified(self.story.folder)
        self.story.tell(said)
        row = next(row for row in statement["items"] if row["amount"] == TOOLS)
        row["amount"] -= 1_00
        (self.story.folder / "statement.json").write_text(json.dumps(statement), "utf-8")
        self.story.tell("with one rouble changed in it: " + verified(self.story.folder, right=False))


def command(folder: Path, *words: str, right: bool = True) -> str:
    """What a command of ours says about the throwaway installation."""
    told = subprocess.run(
        [sys.executable, "-m", "backend.cli", *words],
        env=os.environ | {"SCANBACK_DATA": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if (told.returncode == 0) is not right:
        raise RuntimeError(f"{' '.join(words)}: {told.stdout} {told.stderr}")
    return told.stdout.strip()


def verified(folder: Path, *, right: bool = True) -> str:
    """What the public verifier says of the statement in the folder; its first line."""
    files = [str(folder / "statement.json"), "--seals", str(folder / "seals.json")]
    return command(folder, "statement", "verify", *files, right=right).splitlines()[0]


def spending_story(story: Teller) -> None:
    """Play the chapter."""
    SpendingStory(story).play()
