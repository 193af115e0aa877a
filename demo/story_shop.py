"""The demo's part about promo codes: a code and its card, a sale and a return at a till, and the agent's balance."""

import io
import uuid
from typing import Any
from urllib.parse import unquote

import zxingcpp
from httpx2 import Client
from PIL import Image, ImageFilter

from backend.earning.promocodes.words import code_parser
from demo.story import StoryRunner

BASKET = [
    {"line": 1, "name": "Розетка двойная", "quantity": 4, "amount": 1_800_00, "sku": "RA16-374"},
    {"line": 2, "name": "Кабель ВВГ 3х2,5", "quantity": 25, "amount": 2_475_50},
    {"line": 3, "name": "Подрозетник", "quantity": 4, "amount": 99_99},
]
TOTAL, DISCOUNT = 4_375_49, 218_77  # 5 %, half up
BONUS = 415_67  # 10 % of what was paid


class ShopStory:
    """An agent with a promo code, and a buyer at a till."""

    def __init__(self, story: StoryRunner) -> None:
        self.story = story
        self.http: Client = story.http
        self.till = {"Authorization": f"Bearer {story.setup['till_key']}"}
        self.sale = f"/v1/till/sales/{uuid.uuid4()}"

    def play(self) -> None:
        """Run all steps."""
        agent = self.story.join("A stylist creates a promo code to share")
        self.agent = {"Authorization": f"Bearer {agent['token']}"}
        code = self.create_code()
        scanned = self.print_card(code)
        self.sell(scanned)
        self.check_agent(BONUS, came=1, paid=TOTAL - DISCOUNT)
        self.return_line()
        self.settle()

    def call_till(self, method: str, path: str, body: object = None) -> Any:
        return self.story.expect(self.http.request(method, path, json=body, headers=self.till))

    def create_code(self) -> str:
        self.code_id = str(uuid.uuid4())
        body = {"programme_id": self.story.setup["programme_id"], "wish": "Анна7", "runs": ["визитка", "чат"]}
        made = self.story.expect(self.http.put(f"/v1/promo-codes/{self.code_id}", json=body, headers=self.agent))
        self.story.report(f"{made['code']}: {', '.join(unquote(run['url']) for run in made['runs'])}")
        return str(made["code"])

    def print_card(self, code: str) -> str:
        self.story.step("The card is printed, and photographed askew")
        card = self.http.get(f"/v1/promo-codes/{self.code_id}/card.png", params={"run": 1}, headers=self.agent)
        self.story.check(card.status_code == 200, card.text[:200])
        found = zxingcpp.read_barcodes(photograph_card(card.content))
        texts = [unquote(row.text) for row in found]
        self.story.check(
            len(texts) == 1 and code_parser.parse_code(texts[0]) == code_parser.parse_code(f"{code}.1"), texts
        )
        self.story.report(f"{len(card.content):,} bytes of PNG; its text is {unquote(found[0].text)}")
        return str(found[0].text)

    def sell(self, code: str) -> None:
        self.story.step("A buyer shows the card at the till: a quote, then the sale")
        body = {"codes": [code], "basket": BASKET}
        quote = self.call_till("POST", "/v1/till/quotes", body)
        self.story.check((quote["amount"], quote["discount"]) == (TOTAL, DISCOUNT), quote)
        parts = " + ".join(f"{row['discount'] / 100:.2f}" for row in quote["lines"])
        self.story.report(f"{quote['amount'] / 100:.2f} less {quote['discount'] / 100:.2f} RUB ({parts})")
        sold = self.call_till("PUT", self.sale, body | {"total": quote["total"]})
        again = self.call_till("PUT", self.sale, body | {"total": quote["total"]})
        self.story.check(sold == again, again)
        self.story.report(f"sold for {sold['total'] / 100:.2f} RUB; the same request again changes nothing")

    def check_agent(self, bonus: int, *, came: int, paid: int) -> None:
        home = self.story.expect(self.http.get("/v1/me", headers=self.agent))
        pending = sum(wallet.get("pending", 0) for wallet in home["wallets"])
        self.story.check(pending == bonus, home)
        codes = self.story.expect(self.http.get("/v1/promo-codes", headers=self.agent))
        runs = [run for code in codes["items"] for run in code["runs"] if run.get("came")]
        self.story.check([(run["came"], run["sum"]) for run in runs] == [(came, paid)], codes)
        (seen,) = self.story.expect(self.http.get("/v1/redemptions", headers=self.agent))["items"]
        self.story.report(
            f"the agent sees: {runs[0]['name']}, {paid / 100:.2f} RUB paid, {pending / 100:.2f} RUB pending"
        )
        self.story.check(seen["shop"] == "Электрика на Мира", seen)

    def return_line(self) -> None:
        self.story.step("One of the three lines comes back")
        line = {"line": 2, "quantity": 25, "amount": 2_475_50}
        back = self.call_till("PUT", f"{self.sale}/returns/{uuid.uuid4()}", {"lines": [line]})
        self.story.report(f"the buyer gets {back['refund'] / 100:.2f} RUB: {back['discount'] / 100:.2f} were discount")
        self.back = back
        # The bonus is clawed back in proportion, rounded down: of 415.67 the part of 2475.50 in 4375.49.
        clawback = 415_67 * 2_475_50 // TOTAL
        self.check_agent(BONUS - clawback, came=1, paid=TOTAL - DISCOUNT - back["refund"])

    def settle(self) -> None:
        self.story.step("The brand closes the shop's month: the statement equals the ledger")
        session = self.story.expect(self.http.post("/v1/staff/sessions", json=self.story.setup["staff"]), 201)
        staff = {"Authorization": f"Bearer {session['token']}"}
        path = "/v1/console/shops/mira-12/statements/1"
        statement = self.story.expect(self.http.put(path, headers=staff))
        self.story.check(statement["total"] == DISCOUNT - self.back["discount"], statement)
        self.story.report(
            f"discounts {statement['discounts'] / 100:.2f}, returned {statement['returned'] / 100:.2f}: "
            f"the shop gets {statement['total'] / 100:.2f} RUB"
        )


def photograph_card(png: bytes) -> Image.Image:
    """A photo of a card: skewed, a little out of focus, compressed."""
    flat = Image.open(io.BytesIO(png)).convert("RGB")
    wide, high = flat.size
    seen = flat.transform(
        (wide, high),
        Image.Transform.QUAD,
        (-0.06 * wide, -0.03 * high, 0.04 * wide, 1.05 * high, 1.07 * wide, 0.98 * high, 0.97 * wide, 0.02 * high),
        resample=Image.Resampling.BICUBIC,
        fillcolor="white",
    )
    file = io.BytesIO()
    seen.filter(ImageFilter.GaussianBlur(1.2)).resize((wide * 2 // 3, high * 2 // 3)).save(file, "JPEG", quality=40)
    return Image.open(file)


def shop_story(story: StoryRunner) -> None:
    """Run this part."""
    ShopStory(story).play()
