"""A till as an integrator would write it: it takes the signed offers along, sells by them, and hands in later.

This is the sketch of docs/offline-tills.md, in code; nothing of the product is imported but what a till can have.
"""

import base64
import hashlib
import json
import unicodedata
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# Look-alikes that a code's spelling does not tell apart.
FOLDED = str.maketrans("OILАВЕЗКМНОРСТУХ", "011ABE3KMH0PCTYX")


class OfflineTill:
    """What a till keeps: the offers, the bound on its losses, and the sales that wait."""

    def __init__(self, download: dict[str, str]) -> None:
        head, body, signature = download["jws"].split(".")
        key = Ed25519PublicKey.from_public_bytes(_decoded(download["key"]))
        key.verify(_decoded(signature), f"{head}.{body}".encode())
        self.taken = json.loads(_decoded(body))
        self.offers = {offer["campaign"]: offer for offer in self.taken["offers"]}
        self.loss_left = self.taken["loss_left"]
        self.waiting: list[dict[str, Any]] = []

    def sell(self, key: str, code: str, basket: list[dict[str, Any]], at: datetime | None = None) -> int:
        """Sell with one code; what is taken off, in kopecks. Never gives more than the bound allows."""
        offer = self.offers.get(self.taken["codes"].get(_digest(code), -1))
        discount = min(self._off(offer, basket), self.loss_left) if offer else 0
        if offer and discount < self._off(offer, basket):
            discount = 0  # a part of a discount is none: ask the buyer to come again with the network
        self.loss_left -= discount
        self.waiting.append(
            {
                "id": key,
                "taken_at": (at or datetime.now(UTC)).isoformat(),
                "codes": [code] if discount else [],
                "basket": basket,
                "discount": discount,
            }
        )
        return discount

    def _off(self, offer: dict[str, Any], basket: list[dict[str, Any]]) -> int:
        amount = sum(line["amount"] for line in basket if self._counts(offer, line))
        if amount < offer.get("minimum", 0):
            return 0
        rate = offer["discount"]
        worth = rate["value"] if rate["type"] == "fixed" else (amount * rate["basis_points"] + 5000) // 10_000
        return min(worth, amount, offer.get("most", amount))

    def _counts(self, offer: dict[str, Any], line: dict[str, Any]) -> bool:
        def among(products: list[dict[str, str]]) -> bool:
            return any(line.get("sku") == product["sku"] for product in products)

        return ("products" not in offer or among(offer["products"])) and not among(offer.get("excluded", []))


def _digest(code: str) -> str:
    folded = unicodedata.normalize("NFC", code.partition(".")[0]).upper().translate(FOLDED)
    return hashlib.sha256(folded.encode()).digest()[:8].hex()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
