"""The demo's part about receipts: a photographed QR code, a late tax service, awards for lines, and a return."""

import io
import time
import uuid
from typing import Any

import psycopg
import qrcode
from httpx2 import Client
from PIL import Image, ImageFilter

from backend.cli.server import simulator_process
from demo.story import StoryRunner
from local_postgres import server as postgres_server

HOLD_DAYS = 14
SHARES = [54_00, 26_40]  # 6 % of two sockets at 450 RUB, and of one at 440
PATIENCE_SECONDS = 60
# Moves the dates of a temporary database.
ADVANCE_DAYS = """
    UPDATE lots SET matures_on = matures_on - %(days)s, expires_on = expires_on - %(days)s WHERE pending;
    UPDATE wallets SET due_on = due_on - %(days)s WHERE due_on < '9999-01-01'
"""


class ReceiptStory:
    """An agent with a receipt of a shop, the tax service, and another agent who finds the receipt."""

    def __init__(self, story: StoryRunner) -> None:
        self.story = story
        self.http: Client = story.http
        self.url: str = story.setup["stand_ins"]

    def play(self) -> None:
        """Run all steps."""
        self.agent = self._bearer(self.story.join("A foreman buys five things in a shop; two of them are the brand's"))
        text = self.sell(operation=1, appears_after=2)
        receipt = self.photograph(text)
        self.await_verification(receipt)
        self.balance(pending=sum(SHARES), available=0)
        self.advance_days()
        self.balance(pending=0, available=sum(SHARES))
        self.scan_by_another_agent(text)
        self.return_goods(receipt)

    def _bearer(self, agent: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {agent['token']}"}

    def sell(self, operation: int, appears_after: int = 0) -> str:
        """Create a receipt, which the tax service has after `appears_after` requests."""
        made = simulator_process.create_receipt(operation, operation, minutes=70 if operation == 1 else 40, shop=7)
        (text,) = simulator_process.put_receipts(self.url, [made], appears_after)
        return text

    def photograph(self, text: str) -> str:
        self.story.step("The agent photographs its QR code: rotated, out of focus, compressed")
        scan_id = str(uuid.uuid4())
        files = {"file": ("receipt.jpg", photograph_receipt(text), "image/jpeg")}
        answer = self.story.expect(self.http.put(f"/v1/scans/{scan_id}", files=files, headers=self.agent))
        self.story.check(answer["kind"] == "receipt" and answer["status"] == "pending", answer)
        slip = answer["receipt"]
        self.story.report(f"FN {slip['fn']}, FD {slip['fd']}, {slip['total'] / 100:.2f} RUB: {answer['next']}")
        self.story.report(f"to be decided by {answer['decide_by']}")
        return scan_id

    def receipt(self, key: str) -> Any:
        return self.story.expect(self.http.get(f"/v1/receipts/{key}", headers=self.agent))

    def await_verification(self, key: str) -> None:
        self.story.step("The tax service does not have it yet, twice; then it does")
        deadline, reported = time.monotonic() + PATIENCE_SECONDS, ""
        while (now := self.receipt(key))["status"] == "pending":
            if (reason := now.get("next", "")) != reported:
                self.story.report(f"pending: {reason}")
                reported = reason
            self.story.check(time.monotonic() < deadline, now)
            time.sleep(0.1)
        self.story.check(reported != "" and now["status"] == "credited", now)
        for line in now["lines"]:
            self.story.report(f"{line['name']}: {line['explanation']['text']}")
        self.story.check([line["amount"] for line in now["lines"]] == SHARES, now)

    def balance(self, *, pending: int, available: int) -> None:
        home = self.story.expect(self.http.get("/v1/me", headers=self.agent))
        wallet = home["wallets"][0]
        found = wallet.get("pending", 0), wallet.get("available", 0)
        self.story.report(f"in the wallet: {found[0] / 100:.2f} RUB pending, {found[1] / 100:.2f} RUB available")
        self.story.check(found == (pending, available), home)

    def advance_days(self) -> None:
        self.story.step(f"{HOLD_DAYS} days pass (in the temporary database)")
        with (
            postgres_server.running(self.story.folder) as url,
            psycopg.connect(url.replace("+psycopg", "", 1)) as connection,
        ):
            for statement in ADVANCE_DAYS.split(";"):
                connection.execute(statement.encode(), {"days": HOLD_DAYS})

    def scan_by_another_agent(self, text: str) -> None:
        other = self.story.join("Another person finds the receipt in the bin")
        answer = self.story.scan(other, text)
        self.story.check((answer["status"], answer["reason"]) == ("refused", "already_claimed"), answer)

    def return_goods(self, key: str) -> None:
        self.story.step("The sockets are returned to the shop; the receipt of the return claws the bonus back")
        answer = self.story.expect(
            self.http.put(f"/v1/scans/{uuid.uuid4()}", json={"text": self.sell(operation=2)}, headers=self.agent)
        )
        self.story.check(answer["status"] == "pending", answer)
        deadline = time.monotonic() + PATIENCE_SECONDS
        lines = self.receipt(key)["lines"]
        while any(line["status"] != "returned" for line in lines):
            self.story.check(time.monotonic() < deadline, lines)
            time.sleep(0.1)
            lines = self.receipt(key)["lines"]
        for line in lines:
            self.story.report(f"{line['name']}: {line['next']}")
        self.balance(pending=0, available=0)


def photograph_receipt(text: str) -> bytes:
    """A bad photo of a receipt's QR code."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=7)
    code.add_data(text)
    image = code.make_image().get_image().convert("RGB").rotate(11, Image.Resampling.BICUBIC, True, fillcolor="white")
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.4)).save(out, "JPEG", quality=40)
    return out.getvalue()


def receipt_story(story: StoryRunner) -> None:
    """Run this part."""
    ReceiptStory(story).play()
