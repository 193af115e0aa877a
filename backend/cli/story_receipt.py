"""The demo's chapter of receipts: a photographed QR, a tax service that has it late, lines that pay, and a return."""

import io
import time
import uuid
from typing import Any

import psycopg
import qrcode
from httpx2 import Client
from PIL import Image, ImageFilter

from backend.cli import embedded, stand_ins
from backend.cli.story import Teller

HOLD_DAYS = 14
SHARES = [54_00, 26_40]  # 6 % of two sockets at 450 RUB, and of one at 440
PATIENCE_SECONDS = 60
# The days of a throwaway database pass when it is told so.
DAYS_GO_BY = """
    UPDATE lots SET matures_on = matures_on - %(days)s, expires_on = expires_on - %(days)s WHERE pending;
    UPDATE wallets SET due_on = due_on - %(days)s WHERE due_on < '9999-01-01'
"""


class ReceiptStory:
    """An agent who buys in retail, the tax service, and somebody who finds his receipt."""

    def __init__(self, story: Teller) -> None:
        self.story = story
        self.http: Client = story.http
        self.url: str = story.known["stand_ins"]

    def play(self) -> None:
        """All of it."""
        self.agent = self._bearer(self.story.join("A foreman buys five things in a shop; two of them are the brand's"))
        text = self.sell(operation=1, appears_after=2)
        receipt = self.photograph(text)
        self.verified(receipt)
        self.balance(pending=sum(SHARES), available=0)
        self.days_pass()
        self.balance(pending=0, available=sum(SHARES))
        self.found_by_another(text)
        self.take_back(receipt)

    def _bearer(self, agent: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {agent['token']}"}

    def sell(self, operation: int, appears_after: int = 0) -> str:
        """A till prints a receipt: the tax service will have it after some questions."""
        made = stand_ins.receipt(operation, operation, minutes=70 if operation == 1 else 40, shop=7)
        (text,) = stand_ins.put(self.url, [made], appears_after)
        return text

    def photograph(self, text: str) -> str:
        self.story.step("He photographs its QR code: turned, out of focus, compressed")
        scan_id = str(uuid.uuid4())
        files = {"file": ("receipt.jpg", photo(text), "image/jpeg")}
        answer = self.story.expect(self.http.put(f"/v1/scans/{scan_id}", files=files, headers=self.agent))
        self.story.insist(answer["kind"] == "receipt" and answer["status"] == "pending", answer)
        said = answer["receipt"]
        self.story.tell(f"FN {said['fn']}, FD {said['fd']}, {said['total'] / 100:.2f} RUB: {answer['next']}")
        self.story.tell(f"to be decided by {answer['decide_by']}")
        return scan_id

    def receipt(self, key: str) -> Any:
        return self.story.expect(self.http.get(f"/v1/receipts/{key}", headers=self.agent))

    def verified(self, key: str) -> None:
        self.story.step("The tax service does not have it yet, twice; then it does")
        deadline, told = time.monotonic() + PATIENCE_SECONDS, ""
        while (now := self.receipt(key))["status"] == "pending":
            if (reason := now.get("next", "")) != told:
                self.story.tell(f"pending: {reason}")
                told = reason
            self.story.insist(time.monotonic() < deadline, now)
            time.sleep(0.1)
        self.story.insist(told != "" and now["status"] == "credited", now)
        for line in now["lines"]:
            self.story.tell(f"{line['name']}: {line['explanation']['text']}")
        self.story.insist([line["amount"] for line in now["lines"]] == SHARES, now)

    def balance(self, *, pending: int, available: int) -> None:
        home = self.story.expect(self.http.get("/v1/me", headers=self.agent))
        wallet = home["wallets"][0]
        found = wallet.get("pending", 0), wallet.get("available", 0)
        self.story.tell(f"in the wallet: {found[0] / 100:.2f} RUB pending, {found[1] / 100:.2f} RUB available")
        self.story.insist(found == (pending, available), home)

    def days_pass(self) -> None:
        self.story.step(f"{HOLD_DAYS} days pass (in the throwaway database)")
        with embedded.running(self.story.folder) as url, psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
            for statement in DAYS_GO_BY.split(";"):
                connection.execute(statement.encode(), {"days": HOLD_DAYS})

    def found_by_another(self, text: str) -> None:
        other = self.story.join("Somebody finds the receipt in the bin")
        answer = self.story.scan(other, text)
        self.story.insist((answer["status"], answer["reason"]) == ("refused", "already_claimed"), answer)

    def take_back(self, key: str) -> None:
        self.story.step("The sockets go back to the shop; the receipt of the return takes the bonus back")
        answer = self.story.expect(
            self.http.put(f"/v1/scans/{uuid.uuid4()}", json={"text": self.sell(operation=2)}, headers=self.agent)
        )
        self.story.insist(answer["status"] == "pending", answer)
        deadline = time.monotonic() + PATIENCE_SECONDS
        lines = self.receipt(key)["lines"]
        while any(line["status"] != "returned" for line in lines):
            self.story.insist(time.monotonic() < deadline, lines)
            time.sleep(0.1)
            lines = self.receipt(key)["lines"]
        for line in lines:
            self.story.tell(f"{line['name']}: {line['next']}")
        self.balance(pending=0, available=0)


def photo(text: str) -> bytes:
    """A receipt's QR code as a hurried phone sees it."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=7)
    code.add_data(text)
    image = code.make_image().get_image().convert("RGB").rotate(11, Image.Resampling.BICUBIC, True, fillcolor="white")
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.4)).save(out, "JPEG", quality=40)
    return out.getvalue()


def receipt_story(story: Teller) -> None:
    """Play the chapter."""
    ReceiptStory(story).play()
