"""Offline downloads of tills: the offers, the codes that give them, and a limit of losses. The download is signed, so
a change on the till's disk is detected."""

import base64
import hashlib
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta
from sqlalchemy import text

from backend.checkout.sales.quote_request import CheckoutContext
from backend.core.http.models import ResponseModel
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from backend.shops.authentication import TillIdentity

OFFERS = text("""
    SELECT c.id AS campaign, c.brand_id, c.starts_at, c.ends_at, v.rule
    FROM brand_shops b JOIN campaigns c ON c.brand_id = b.brand_id AND c.state = 'active'
    JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
    WHERE b.shop_id = :shop AND b.ended_at IS NULL AND NOT b.pending AND b.owed < coalesce(b.debt_most, b.owed + 1)
        AND v.rule -> 'promo' IS NOT NULL ORDER BY c.id
""")
# Without archived products, which checkout_snapshot does not find either.
PRODUCTS = text("SELECT id, sku, gtin FROM products WHERE id = ANY(:ids) AND archived_at IS NULL")
# The newest codes first: a till stores a limited number of them.
CODES = text("""
    SELECT code, campaign_id FROM promo_codes
    WHERE campaign_id = ANY(:campaigns) AND closed_at IS NULL ORDER BY id DESC LIMIT :most
""")
LOSSES = text("""
    SELECT coalesce(max(count) FILTER (WHERE key = :till), 0) AS till,
        coalesce(max(count) FILTER (WHERE key = :shop), 0) AS shop
    FROM counters WHERE key IN (:till, :shop) AND ends_at > now()
""")
DIGEST_BYTES = 8


class OfflineProduct(msgspec.Struct, omit_defaults=True):
    """A product as a till knows it."""

    sku: str
    gtin: str | None = None


class OfflineOffer(msgspec.Struct, omit_defaults=True):
    """An offer as an offline till applies it. docs/offline-tills.md has the rules of combining offers."""

    campaign: int
    brand: int
    starts_at: datetime
    ends_at: datetime | None
    discount: FixedAmount | PercentAmount
    most: int | None = None
    minimum: int | None = None
    products: list[OfflineProduct] | None = None
    excluded: list[OfflineProduct] | None = None
    priority: int = 0
    group: str = ""
    exclusive: bool = False


class OffersPayload(msgspec.Struct):
    """The signed payload. `codes` maps the first 8 bytes of a folded code's SHA-256, in hexadecimal, to a campaign."""

    till: int
    shop: int
    issued_on: str
    expires_at: datetime
    loss_left: int
    offers: list[OfflineOffer]
    codes: dict[str, int]


class OfflineOffersOut(ResponseModel):
    """A JWS in compact form (RFC 7515, EdDSA by RFC 8037), and the public key that opens it."""

    jws: Annotated[str, Meta(examples=["eyJhbGciOiJFZERTQSJ9.eyJ0aWxsIjoxN30.c2lnbmF0dXJl"])]
    key: Annotated[str, Meta(description="Ed25519, base64url. Keep the first one.", examples=["11qYAYKxCrfVS_7TyWQ"])]


async def signed_offers(checkout: CheckoutContext, till: TillIdentity, now: datetime) -> OfflineOffersOut:
    """The offers of the brands that the till's shop serves. The download stays the same for a day unless something
    changes."""
    db, numbers = checkout.db, checkout.settings.numbers
    rows = await db.rows(OFFERS, shop=till.shop_id)
    rules = {row.campaign: msgspec.convert(row.rule, Rule) for row in rows}
    # A till does not know which lines are a brand's own products, so offers for these need the network.
    known = [row for row in rows if (promo := rules[row.campaign].promo) and not promo.own_goods]
    wanted = {number for rule in rules.values() for number in _product_ids(rule)}
    products = {row.id: OfflineProduct(row.sku, row.gtin) for row in await db.rows(PRODUCTS, ids=list(wanted))}
    codes = await db.rows(
        CODES, campaigns=[row.campaign for row in known], most=numbers.at("offline_codes", now.date())
    )
    lost = await db.call(LOSSES, till=f"offline:till:{till.till_id}", shop=f"offline:shop:{till.shop_id}")
    left = (
        numbers.at("offline_loss_per_till", now.date()) - lost.till,
        numbers.at("offline_loss_per_shop", now.date()) - lost.shop,
    )
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    payload = OffersPayload(
        till=till.till_id,
        shop=till.shop_id,
        issued_on=now.date().isoformat(),
        expires_at=day + timedelta(days=1 + numbers.at("offline_days", now.date())),
        loss_left=max(0, min(left)),
        offers=[_offline_offer(row, rules[row.campaign], products) for row in known],
        codes={code_digest(row.code): row.campaign_id for row in codes},
    )
    key = signing_key(checkout.settings.master_keys.all()[0])
    return OfflineOffersOut(_sign_payload(key, payload), _encode_base64(key.public_key().public_bytes_raw()))


def code_digest(folded: str) -> str:
    """A code's digest in the download. The list does not reveal codes; it only allows to test a guess."""
    return hashlib.sha256(folded.encode()).digest()[:DIGEST_BYTES].hex()


@lru_cache(maxsize=4)
def signing_key(master: bytes) -> Ed25519PrivateKey:
    """The installation's key for offers, derived from its master key (HKDF, RFC 5869)."""
    seed = HKDF(hashes.SHA256(), 32, None, b"scanback offers").derive(master)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _product_ids(rule: Rule) -> frozenset[int]:
    excluded = rule.promo.excluded if rule.promo else None
    return (rule.products or frozenset()) | (excluded or frozenset())


def _offline_offer(row: Any, rule: Rule, products: dict[int, OfflineProduct]) -> OfflineOffer:
    promo = rule.promo
    if promo is None:
        raise LookupError(row.campaign)

    def named(numbers: frozenset[int] | None) -> list[OfflineProduct] | None:
        return None if numbers is None else [products[number] for number in sorted(numbers) if number in products]

    return OfflineOffer(
        row.campaign,
        row.brand_id,
        row.starts_at,
        row.ends_at,
        promo.discount,
        promo.most,
        promo.minimum,
        named(rule.products),
        named(promo.excluded),
        promo.priority,
        promo.group,
        promo.exclusive,
    )


def _sign_payload(key: Ed25519PrivateKey, payload: OffersPayload) -> str:
    head = _encode_base64(b'{"alg":"EdDSA"}')
    body = _encode_base64(msgspec.json.encode(payload))
    return f"{head}.{body}.{_encode_base64(key.sign(f'{head}.{body}'.encode()))}"


def _encode_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
