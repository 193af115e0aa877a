"""The brand's part of the demo: a product, a campaign, a batch for the print shop, dispatched pallets."""

import csv
import io
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from httpx2 import Client, Response

FILE_SECONDS = 30


class StoryRunner(Protocol):
    """The parts of `Story` that the other modules use."""

    http: Client
    setup: dict[str, Any]
    folder: Path
    codes: Iterator[str]

    def step(self, sentence: str) -> None: ...
    def report(self, sentence: str) -> None: ...
    def expect(self, response: Response, status: int = 200) -> Any: ...
    def check(self, condition: bool, details: object) -> None: ...
    def join(self, sentence: str) -> dict[str, str]: ...
    def scan(self, agent: dict[str, str], text: str, scan_id: str = "") -> Any: ...


class BrandStory:
    """A brand's manager, over the console's routes."""

    def __init__(self, story: StoryRunner) -> None:
        self.story = story
        self.http = story.http
        self.batch = f"/v1/console/batches/{uuid.uuid4()}"
        self.sign_in()

    def sign_in(self) -> None:
        self.story.step("A brand's owner signs in")
        session = self.story.expect(self.http.post("/v1/staff/sessions", json=self.story.setup["staff"]), 201)
        self.headers = {"Authorization": f"Bearer {session['token']}"}

    def put(self, path: str, body: object, *statuses: int) -> Any:
        response = self.http.put(path, json=body, headers=self.headers)
        self.story.check(response.status_code in (statuses or (200, 201)), response.text)
        return response.json()

    def play(self) -> None:
        """Run all steps."""
        self.offer()
        codes = self.print_run()
        self.dispatch(codes)
        self.caps(codes)
        self.recall(codes)

    def offer(self) -> None:
        self.story.step("A boiler pays 1.5 % of its price: held for 14 days, 500 RUB a day at most")
        product = {"name_ru": "Котёл настенный", "name_en": "Wall boiler", "price": 2_000_000, "gtin": "4600000000022"}
        self.put("/v1/console/products/BOILER-24", product)
        rule = {
            "ways": ["package"],
            "amount": {"type": "percent", "basis_points": 150},
            "products": ["BOILER-24"],
            "cap_per_agent_day": 500_00,
            "hold_days": 14,
            "lifetime_days": 365,
        }
        campaign = {
            "programme_id": self.story.setup["programme_id"],
            "name_ru": "Котлы осенью",
            "name_en": "Boilers in autumn",
            "state": "active",
            "starts_at": "2026-01-01T00:00:00Z",
            "budget": 10_000_00,
            "rule": rule,
        }
        made = self.put("/v1/console/campaigns/boilers", campaign)
        self.story.report(f"rule version {made['version']}, budget {made['remaining'] / 100:.2f} RUB")

    def print_run(self) -> list[str]:
        self.story.step("The manager creates 500 codes and orders the file for the print shop")
        body = {"programme_id": self.story.setup["programme_id"], "sku": "BOILER-24", "count": 500}
        self.put(self.batch, body)
        self.put(f"{self.batch}/files/csv", {}, 200, 202)
        deadline = time.monotonic() + FILE_SECONDS
        while (file := self.story.expect(self.http.get(f"{self.batch}/files/csv", headers=self.headers)))[
            "state"
        ] != "done":
            self.story.check(time.monotonic() < deadline and file["state"] != "failed", file)
            time.sleep(0.2)
        part = self.http.get(f"{self.batch}/files/csv/parts/1", headers=self.headers, follow_redirects=True)
        codes = [row["code"] for row in csv.DictReader(io.StringIO(part.text))]
        self.story.check(len(codes) == 500, part.text[:200])
        self.story.report(f"{len(codes)} codes, SHA-256 {file['items'][0]['sha256'][:16]}...")
        return codes

    def dispatch(self, codes: list[str]) -> None:
        agent = self.story.join("An agent scans a box of a pallet that was not dispatched")
        self.story.check(self.story.scan(agent, codes[0])["reason"] == "not_active", codes[0])
        self.story.step("The first pallet is dispatched: positions 1 to 100 become active")
        self.put(f"{self.batch}/state", {"state": "printed"})
        self.put(f"{self.batch}/ranges/1-100", {"state": "active"})
        answer = self.story.scan(agent, codes[0])
        self.story.check(answer["status"] == "pending" and answer["amount"] == 300_00, answer)

    def caps(self, codes: list[str]) -> None:
        agent = self.story.join("An installer with three boilers reaches the limit of the day")
        answers = [self.story.scan(agent, code) for code in codes[1:4]]
        self.story.check([answer.get("amount") for answer in answers] == [300_00, None, None], answers)
        self.story.check(answers[1]["reason"] == answers[2]["reason"] == "day_cap", answers)
        self.story.report(answers[1]["next"])
        home = self.story.expect(
            self.http.get("/v1/me", headers={"Authorization": f"Bearer {agent['token']}", "Accept-Language": "ru"})
        )
        waiting = home["wallets"][0]["waiting"][0]
        self.story.report(
            f"pending until {waiting['day']}: {waiting['amount'] / 100:.2f} RUB; {home['last'][0]['text']}"
        )

    def recall(self, codes: list[str]) -> None:
        self.story.step("A roll was stolen: positions 51 to 100 are revoked")
        self.put(f"{self.batch}/ranges/51-100", {"state": "revoked"})
        agent = self.story.join("An agent scans one of them")
        self.story.check(self.story.scan(agent, codes[60])["reason"] == "revoked", codes[60])
        self.story.check(self.story.scan(agent, codes[30])["status"] == "pending", codes[30])


def brand_story(story: StoryRunner) -> None:
    """Run the brand's part."""
    BrandStory(story).play()
