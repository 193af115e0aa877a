"""The demo's chapter of recommendations: a code and its card, a till that sells and takes back, money seen at once."""

import io
import uuid
from typing import Any
from urllib.parse import unquote

import zxingcpp
from httpx2 import Client
from PIL import Image, ImageFilter

from backend.cli.story import Teller
from backend.promocodes import spelling

BASKET = [
    {"line": 1, "name": "Розетка двойная", "quantity": 4, "amount": 1_800_00, "sku": "RA16-374"},
    {"line": 2, "name": "Кабель ВВГ 3х2,5", "quantity": 25, "amount": 2_475_50},
    {"line": 3, "name": "Подрозетник", "quantity": 4, "amount": 99_99},
]
TOTAL, DISCOUNT = 4_375_49, 218_77  # 5 %, half up
BONUS = 415_67  # 10 % of what was paid


class ShopStory:
    """An agent, his card, a buyer at the till."""

    def __init__(self, story: Teller) -> None:
        self.story = story
        self.http: Client = story.http
        self.till = {"Authorization": f"Bearer {story.known['till_key']}"}
        self.sale = f"/v1/till/sales/{uuid.uuid4()}"

    def play(self) -> None:
        """All of it."""
        agent = self.story.join("A stylist wants a code to share")
        self.agent = {"Authorization": f"Bearer {agent['token']}"}
        code = self.make()
        shown = self.card(code)
        self.sell(shown)
        self.follow(BONUS, came=1, paid=TOTAL - DISCOUNT)
        self.take_back()
        self.settle()

    def at_the_till(self, method: str, path: str, body: Any = None) -> Any:
        return self.story.expect(self.http.request(method, path, json=body, headers=self.till))

    def make(self) -> str:
        self.code_id = str(uuid.uuid4())
        body = {"programme_id": self.story.known["programme_id"], "wish": "Анна7", "runs": ["визитка", "чат"]}
        made = self.story.expect(self.http.put(f"/v1/promo-codes/{self.code_id}", json=body, headers=self.agent))
        self.story.tell(f"{made['code']}: {', '.join(unquote(run['url']) for run in made['runs'])}")
        return str(made["code"])

    def card(self, code: str) -> str:
        self.story.step("Her card is printed, and photographed askew")
        card = self.http.get(f"/v1/promo-codes/{self.code_id}/card.png", params={"run": 1}, headers=self.agent)
        self.story.insist(card.status_code == 200, card.text[:200])
        found = zxingcpp.read_barcodes(askew(card.content))
        said = [unquote(row.text) for row in found]
        self.story.insist(len(said) == 1 and spelling.read(said[0]) == spelling.read(f"{code}.1"), said)
        self.story.tell(f"{len(card.content):,} bytes of PNG; the picture says {unquote(found[0].text)}")
        return str(found[0].text)

    def sell(self, shown: str) -> None:
        self.story.step("A buyer shows the card at the till: a quote, then the sale")
        body = {"codes": [shown], "basket": BASKET}
        quote = self.at_the_till("POST", "/v1/till/quotes", body)
        self.story.insist((quote["amount"], quote["discount"]) == (TOTAL, DISCOUNT), quote)
        parts = " + ".join(f"{row['discount'] / 100:.2f}" for row in quote["lines"])
        self.story.tell(f"{quote['amount'] / 100:.2f} less {quote['discount'] / 100:.2f} RUB ({parts})")
        sold = self.at_the_till("PUT", self.sale, body | {"total": quote["total"]})
        again = self.at_the_till("PUT", self.sale, body | {"total": quote["total"]})
        self.story.insist(sold == again, again)
        self.story.tell(f"sold for {sold['total'] / 100:.2f} RUB; the same request again changes nothing")

    def follow(self, bonus: int, *, came: int, paid: int) -> None:
        home = self.story.expect(self.http.get("/v1/me", headers=self.agent))
        pending = sum(wallet.get("pending", 0) for wallet in home["wallets"])
        self.story.insist(pending == bonus, home)
        codes = self.story.expect(self.http.get("/v1/promo-codes", headers=self.agent))
        runs = [run for code in codes["items"] for run in code["runs"] if run.get("came")]
        self.story.insist([(run["came"], run["sum"]) for run in runs] == [(came, paid)], codes)
        (seen,) = self.story.expect(self.http.get("/v1/redemptions", headers=self.agent))["items"]
        self.story.tell(f"she sees: {runs[0]['name']}, {paid / 100:.2f} RUB paid, {pending / 100:.2f} RUB pending")
        self.story.insist(seen["shop"] == "Электрика на Мира", seen)

    def take_back(self) -> None:
        self.story.step("One of the three lines comes back")
        line = {"line": 2, "quantity": 25, "amount": 2_475_50}
        back = self.at_the_till("PUT", f"{self.sale}/returns/{uuid.uuid4()}", {"lines": [line]})
        self.story.tell(f"the buyer gets {back['refund'] / 100:.2f} RUB: {back['discount'] / 100:.2f} were discount")
        self.back = back
        # The bonus goes back in proportion, rounded down: of 415.67 the part of 2475.50 in 4375.49.
        taken = 415_67 * 2_475_50 // TOTAL
        self.follow(BONUS - taken, came=1, paid=TOTAL - DISCOUNT - back["refund"])

    def settle(self) -> None:
        self.story.step("The brand closes the shop's month: the statement is what the ledger says")
        session = self.story.expect(self.http.post("/v1/staff/sessions", json=self.story.known["staff"]), 201)
        staff = {"Authorization": f"Bearer {session['token']}"}
        path = "/v1/console/shops/mira-12/statements/1"
        statement = self.story.expect(self.http.put(path, headers=staff))
        self.story.insist(statement["total"] == DISCOUNT - self.back["discount"], statement)
        self.story.tell(
            f"discounts {statement['discounts'] / 100:.2f}, returned {statement['returned'] / 100:.2f}: "
            f"the shop gets {statement['total'] / 100:.2f} RUB"
        )


def askew(png: bytes) -> Image.Image:
    """A card as a phone sees it: skewed, a little out of focus, compressed."""
    flat = Image.open(io.BytesIO(png)).convert("RGB")
    wide, high = flat.size
    seen = flat.transform(
        (wide, high), Image.Transform.QUAD,
        (-0.06 * wide, -0.03 * high, 0.04 * wide, 1.05 * high, 1.07 * wide, 0.98 * high, 0.97 * wide, 0.02 * high),
        resample=Image.Resampling.BICUBIC, fillcolor="white",
    )  # fmt: skip
    file = io.BytesIO()
    seen.filter(ImageFilter.GaussianBlur(1.2)).resize((wide * 2 // 3, high * 2 // 3)).save(file, "JPEG", quality=40)
    return Image.open(file)


def shop_story(story: Teller) -> None:
    """The buyer's day."""
    ShopStory(story).play()
