"""Every route of staff: the roles that may call it, and a call that names what belongs to a brand.

test_route_access.py fails for a route that is not listed here.
"""

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.console.marked_brand import MARK, MarkedBrand
from tests.identity.accounts.authenticator import Authenticator

FOREIGN = {"user": {"id": "eA"}, "challenge": "eA"}  # the options of an unknown challenge
READ = {"owner", "manager", "reviewer", "analyst"}
REVIEW, EDIT, OWN = READ - {"analyst"}, {"owner", "manager"}, {"owner"}
CONSOLE = "/v1/console"
PRODUCTS_FILE = {"file": ("p.csv", b"sku,name_ru\nSKU,x\n")}
CSV = {"Content-Type": "text/csv"}
Route = tuple[str, str]


class Call(NamedTuple):
    """A request to a route with what belongs to a brand."""

    roles: set[str]
    path: str
    options: Mapping[str, Any] = MappingProxyType({})
    # The status for another brand's staff: 404 where the address or the body names what belongs to a brand. None where
    # each brand may use the name.
    stranger: int | None = None


def route_calls(brand: MarkedBrand) -> dict[Route, Call]:
    """The call of each route."""
    return {
        **_own_access(),
        **_staff(brand),
        **_catalogue(brand),
        **_batches(brand),
        **_shops(brand),
        **_integrations(brand),
        **_reviews(brand),
        **_reports(brand),
        **_orders(brand),
    }


def _own_access() -> dict[Route, Call]:
    passwords = {"old_password": "x", "password": "nine warm radiators"}
    return {
        ("GET", "/v1/staff/me"): Call(READ, "/v1/staff/me"),
        ("PUT", "/v1/staff/me/password"): Call(READ, "/v1/staff/me/password", {"json": passwords}),
        ("POST", "/v1/staff/sessions/current/challenges"): Call(READ, "/v1/staff/sessions/current/challenges"),
        ("POST", "/v1/staff/sessions/current/authentications"): Call(
            READ, "/v1/staff/sessions/current/authentications", {"json": {"password": "x"}}
        ),
        ("POST", "/v1/staff/me/totp"): Call(READ, "/v1/staff/me/totp"),
        ("PUT", "/v1/staff/me/totp"): Call(READ, "/v1/staff/me/totp", {"json": {"code": "123456"}}),
        ("DELETE", "/v1/staff/me/totp"): Call(READ, "/v1/staff/me/totp"),
        ("POST", "/v1/staff/me/recovery-codes"): Call(READ, "/v1/staff/me/recovery-codes"),
        ("POST", "/v1/staff/me/passkeys/challenges"): Call(READ, "/v1/staff/me/passkeys/challenges"),
        ("POST", "/v1/staff/me/passkeys"): Call(
            READ, "/v1/staff/me/passkeys", {"json": Authenticator().create(FOREIGN)}
        ),
        ("GET", "/v1/staff/me/passkeys"): Call(READ, "/v1/staff/me/passkeys"),
        ("DELETE", "/v1/staff/me/passkeys/{passkey_id}"): Call(READ, "/v1/staff/me/passkeys/1", {}, 404),
        ("DELETE", "/v1/staff/sessions/current"): Call(READ, "/v1/staff/sessions/current"),
    }


def _staff(brand: MarkedBrand) -> dict[Route, Call]:
    approval = f"{CONSOLE}/approvals/{brand.correction}"
    correction = f"{CONSOLE}/corrections/{brand.correction}"
    approval_request = {"kind": "budget", "subject": "autumn", "amount": 1, "reason": "x"}
    corrected = {"card_number": brand.spender, "programme": "club", "amount": 100, "reason": f"{MARK} correction"}
    return {
        ("DELETE", "/v1/console/staff/{email}/second-factors"): Call(
            OWN, f"/v1/console/staff/{brand.owner.email}/second-factors", {}, 404
        ),
        ("GET", f"{CONSOLE}/brand"): Call(READ, f"{CONSOLE}/brand"),
        ("PUT", f"{CONSOLE}/brand"): Call(OWN, f"{CONSOLE}/brand", {"json": {"name": "Other"}}),
        ("GET", f"{CONSOLE}/brand/card"): Call(READ, f"{CONSOLE}/brand/card"),
        ("PUT", f"{CONSOLE}/brand/card"): Call(EDIT, f"{CONSOLE}/brand/card", {"json": {}}),
        ("GET", f"{CONSOLE}/brand/card/logo"): Call(READ, f"{CONSOLE}/brand/card/logo", {}, 404),
        ("PUT", f"{CONSOLE}/brand/card/logo"): Call(
            EDIT, f"{CONSOLE}/brand/card/logo", {"content": b"GIF89a", "headers": {"Content-Type": "image/png"}}, 422
        ),
        ("DELETE", f"{CONSOLE}/brand/card/logo"): Call(EDIT, f"{CONSOLE}/brand/card/logo"),
        ("GET", f"{CONSOLE}/staff"): Call(OWN, f"{CONSOLE}/staff"),
        ("PUT", f"{CONSOLE}/staff/{{email}}"): Call(
            OWN, f"{CONSOLE}/staff/{brand.owner.email}", {"json": {"role": "analyst"}}, 409
        ),
        ("DELETE", f"{CONSOLE}/staff/{{email}}"): Call(OWN, f"{CONSOLE}/staff/{brand.owner.email}", {}, 404),
        ("GET", f"{CONSOLE}/audit-log"): Call(EDIT, f"{CONSOLE}/audit-log"),
        ("GET", f"{CONSOLE}/audit-log/export"): Call(EDIT, f"{CONSOLE}/audit-log/export"),
        ("GET", f"{CONSOLE}/approvals"): Call(EDIT, f"{CONSOLE}/approvals"),
        ("GET", f"{CONSOLE}/approvals/{{key}}"): Call(EDIT, approval, {}, 404),
        ("PUT", f"{CONSOLE}/approvals/{{key}}"): Call(
            EDIT, f"{CONSOLE}/approvals/{uuid.uuid4()}", {"json": approval_request}
        ),
        ("PUT", f"{CONSOLE}/approvals/{{key}}/decision"): Call(
            EDIT, f"{approval}/decision", {"json": {"action": "decline"}}, 404
        ),
        ("GET", f"{CONSOLE}/corrections"): Call(READ, f"{CONSOLE}/corrections"),
        ("GET", f"{CONSOLE}/corrections/{{key}}"): Call(READ, correction, {}, 404),
        ("PUT", f"{CONSOLE}/corrections/{{key}}"): Call(EDIT, correction, {"json": corrected}, 404),
    }


def _catalogue(brand: MarkedBrand) -> dict[Route, Call]:
    issue = f"{CONSOLE}/promo-issues/{brand.issue}"
    rule = {"ways": ["package"], "amount": {"type": "fixed", "value": 1}}
    campaign = {"programme_id": brand.programme, "name_ru": "x", "starts_at": "2026-01-01T00:00:00Z", "rule": rule}
    preview = {"programme_id": brand.programme, "rule": rule, "way": "package", "sku": "SKU"}
    return {
        ("GET", f"{CONSOLE}/programmes"): Call(READ, f"{CONSOLE}/programmes"),
        ("GET", f"{CONSOLE}/programmes/{{key}}"): Call(READ, f"{CONSOLE}/programmes/club", {}, 404),
        ("PUT", f"{CONSOLE}/programmes/{{key}}"): Call(
            OWN, f"{CONSOLE}/programmes/club", {"json": {"name": "x", "currency": "PTS"}}
        ),
        ("GET", f"{CONSOLE}/products"): Call(READ, f"{CONSOLE}/products", {"params": {"q": MARK}}),
        ("GET", f"{CONSOLE}/products/export"): Call(READ, f"{CONSOLE}/products/export"),
        ("POST", f"{CONSOLE}/products/import"): Call(EDIT, f"{CONSOLE}/products/import", {"files": PRODUCTS_FILE}),
        ("GET", f"{CONSOLE}/products/{{sku}}"): Call(READ, f"{CONSOLE}/products/SKU", {}, 404),
        ("PUT", f"{CONSOLE}/products/{{sku}}"): Call(EDIT, f"{CONSOLE}/products/SKU", {"json": {"name_ru": "x"}}),
        ("DELETE", f"{CONSOLE}/products/{{sku}}"): Call(EDIT, f"{CONSOLE}/products/SKU", {}, 404),
        ("GET", f"{CONSOLE}/campaigns"): Call(READ, f"{CONSOLE}/campaigns"),
        ("GET", f"{CONSOLE}/campaigns/{{key}}"): Call(READ, f"{CONSOLE}/campaigns/autumn", {}, 404),
        ("PUT", f"{CONSOLE}/campaigns/{{key}}"): Call(EDIT, f"{CONSOLE}/campaigns/autumn", {"json": campaign}, 404),
        ("POST", f"{CONSOLE}/campaigns/previews"): Call(READ, f"{CONSOLE}/campaigns/previews", {"json": preview}, 404),
        ("GET", f"{CONSOLE}/promo-issues"): Call(READ, f"{CONSOLE}/promo-issues"),
        ("GET", f"{CONSOLE}/promo-issues/{{key}}"): Call(READ, issue, {}, 404),
        ("PUT", f"{CONSOLE}/promo-issues/{{key}}"): Call(EDIT, issue, {"json": {"campaign": "promo", "count": 1}}, 404),
        ("GET", f"{CONSOLE}/promo-issues/{{key}}/codes.csv"): Call(EDIT, f"{issue}/codes.csv", {}, 404),
    }


def _batches(brand: MarkedBrand) -> dict[Route, Call]:
    batch = f"{CONSOLE}/batches/{brand.batch}"
    return {
        ("GET", f"{CONSOLE}/batches"): Call(READ, f"{CONSOLE}/batches"),
        ("GET", f"{CONSOLE}/batches/{{key}}"): Call(READ, batch, {}, 404),
        ("PUT", f"{CONSOLE}/batches/{{key}}"): Call(
            EDIT, batch, {"json": {"programme_id": brand.programme, "sku": "SKU", "count": 1}}, 404
        ),
        ("PUT", f"{CONSOLE}/batches/{{key}}/state"): Call(EDIT, f"{batch}/state", {"json": {"state": "revoked"}}, 404),
        ("GET", f"{CONSOLE}/batches/{{key}}/ranges"): Call(READ, f"{batch}/ranges", {}, 404),
        ("PUT", f"{CONSOLE}/batches/{{key}}/ranges/{{span}}"): Call(
            EDIT, f"{batch}/ranges/1-5", {"json": {"state": "revoked"}}, 404
        ),
        ("GET", f"{CONSOLE}/batches/{{key}}/files"): Call(READ, f"{batch}/files", {}, 404),
        ("GET", f"{CONSOLE}/batches/{{key}}/files/{{kind}}"): Call(READ, f"{batch}/files/csv", {}, 404),
        ("PUT", f"{CONSOLE}/batches/{{key}}/files/{{kind}}"): Call(EDIT, f"{batch}/files/zpl", {"json": {}}, 404),
        ("DELETE", f"{CONSOLE}/batches/{{key}}/files/{{kind}}"): Call(EDIT, f"{batch}/files/csv", {}, 404),
        ("GET", f"{CONSOLE}/batches/{{key}}/files/{{kind}}/parts/{{number}}"): Call(
            EDIT, f"{batch}/files/csv/parts/1", {}, 404
        ),
        ("PUT", f"{CONSOLE}/batches/{{key}}/codes"): Call(
            EDIT, f"{batch}/codes", {"content": b"code\nABC\n", "headers": CSV}, 404
        ),
    }


def _shops(brand: MarkedBrand) -> dict[Route, Call]:
    shop = f"{CONSOLE}/shops/main"
    return {
        ("GET", f"{CONSOLE}/shops"): Call(READ, f"{CONSOLE}/shops"),
        ("GET", f"{CONSOLE}/shops/{{key}}"): Call(READ, shop, {}, 404),
        ("PUT", f"{CONSOLE}/shops/{{key}}"): Call(EDIT, shop, {"json": {"name": "x"}}),
        ("DELETE", f"{CONSOLE}/shops/{{key}}"): Call(EDIT, shop, {}, 404),
        ("GET", f"{CONSOLE}/shops/{{key}}/tills"): Call(READ, f"{shop}/tills", {}, 404),
        ("PUT", f"{CONSOLE}/shops/{{key}}/tills/{{till}}"): Call(EDIT, f"{shop}/tills/first", {"json": {}}, 404),
        ("DELETE", f"{CONSOLE}/shops/{{key}}/tills/{{till}}"): Call(EDIT, f"{shop}/tills/first", {}, 404),
        ("POST", f"{CONSOLE}/shops/{{key}}/tills/{{till}}/tokens"): Call(EDIT, f"{shop}/tills/first/tokens", {}, 404),
        ("GET", f"{CONSOLE}/shops/{{key}}/cashiers"): Call(READ, f"{shop}/cashiers", {}, 404),
        ("PUT", f"{CONSOLE}/shops/{{key}}/cashiers/{{cashier}}"): Call(
            EDIT, f"{shop}/cashiers/anna", {"json": {}}, 404
        ),
        ("DELETE", f"{CONSOLE}/shops/{{key}}/cashiers/{{cashier}}"): Call(EDIT, f"{shop}/cashiers/anna", {}, 404),
        ("GET", f"{CONSOLE}/shops/{{key}}/brands"): Call(READ, f"{shop}/brands", {}, 404),
        ("PUT", f"{CONSOLE}/shops/{{key}}/brands/{{brand}}"): Call(EDIT, f"{shop}/brands/1", {"json": {}}, 404),
        ("DELETE", f"{CONSOLE}/shops/{{key}}/brands/{{brand}}"): Call(EDIT, f"{shop}/brands/1", {}, 404),
        ("PUT", f"{CONSOLE}/shops/{{key}}/brands/{{brand}}/payments/{{number}}"): Call(
            EDIT, f"{shop}/brands/1/payments/1", {}, 404
        ),
        ("GET", f"{CONSOLE}/shops/{{key}}/statements"): Call(READ, f"{shop}/statements", {}, 404),
        ("PUT", f"{CONSOLE}/shops/{{key}}/statements/{{number}}"): Call(EDIT, f"{shop}/statements/2", {}, 404),
        ("GET", f"{CONSOLE}/shops/{{key}}/statements/{{number}}/file.csv"): Call(
            READ, f"{shop}/statements/1/file.csv", {}, 404
        ),
        ("GET", f"{CONSOLE}/shops/{{key}}/statements/{{number}}/file.xlsx"): Call(
            READ, f"{shop}/statements/1/file.xlsx", {}, 404
        ),
        ("GET", f"{CONSOLE}/shops/{{key}}/statements/{{number}}/file.pdf"): Call(
            READ, f"{shop}/statements/1/file.pdf", {}, 404
        ),
    }


def _integrations(brand: MarkedBrand) -> dict[Route, Call]:
    hook = f"{CONSOLE}/webhooks/erp"
    return {
        ("GET", f"{CONSOLE}/imports"): Call(READ, f"{CONSOLE}/imports"),
        ("PUT", f"{CONSOLE}/imports/{{key}}"): Call(
            EDIT, f"{CONSOLE}/imports/{brand.imported}", {"files": PRODUCTS_FILE, "params": {"kind": "products"}}
        ),
        ("GET", f"{CONSOLE}/imports/{{key}}"): Call(READ, f"{CONSOLE}/imports/{brand.imported}", {}, 404),
        ("GET", f"{CONSOLE}/imports/{{key}}/report"): Call(READ, f"{CONSOLE}/imports/{brand.imported}/report", {}, 404),
        ("POST", f"{CONSOLE}/imports/{{key}}/apply"): Call(EDIT, f"{CONSOLE}/imports/{brand.imported}/apply", {}, 404),
        ("GET", f"{CONSOLE}/webhooks"): Call(EDIT, f"{CONSOLE}/webhooks"),
        ("GET", f"{CONSOLE}/webhooks/{{key}}"): Call(EDIT, hook, {}, 404),
        ("PUT", f"{CONSOLE}/webhooks/{{key}}"): Call(OWN, hook, {"json": {"url": "https://other.example/"}}),
        ("POST", f"{CONSOLE}/webhooks/{{key}}/secrets"): Call(OWN, f"{hook}/secrets", {"json": {}}, 404),
        ("GET", f"{CONSOLE}/webhooks/{{key}}/deliveries"): Call(EDIT, f"{hook}/deliveries", {}, 404),
        ("POST", f"{CONSOLE}/webhooks/{{key}}/deliveries/{{delivery_id}}/replays"): Call(
            EDIT, f"{hook}/deliveries/{brand.delivery}/replays", {}, 404
        ),
        ("POST", f"{CONSOLE}/webhooks/{{key}}/tests"): Call(EDIT, f"{hook}/tests", {}, 404),
    }


def _reviews(brand: MarkedBrand) -> dict[Route, Call]:
    at = brand.reviewed
    return {
        ("GET", f"{CONSOLE}/fraud-signals"): Call(REVIEW, f"{CONSOLE}/fraud-signals"),
        ("GET", f"{CONSOLE}/fraud-signals/scans"): Call(REVIEW, f"{CONSOLE}/fraud-signals/scans"),
        ("GET", f"{CONSOLE}/reviews"): Call(REVIEW, f"{CONSOLE}/reviews"),
        ("GET", f"{CONSOLE}/reviews/figures"): Call(REVIEW, f"{CONSOLE}/reviews/figures"),
        ("GET", f"{CONSOLE}/reviews/{{review}}"): Call(REVIEW, f"{CONSOLE}/reviews/{at.review}", {}, 404),
        ("PUT", f"{CONSOLE}/reviews/{{review}}/decision"): Call(
            REVIEW, f"{CONSOLE}/reviews/{at.review}/decision", {"json": {"action": "claw_back"}}, 404
        ),
        ("DELETE", f"{CONSOLE}/freezes/{{card}}"): Call(REVIEW, f"{CONSOLE}/freezes/{at.card}", {}, 404),
        ("GET", f"{CONSOLE}/receipt-lines"): Call(REVIEW, f"{CONSOLE}/receipt-lines"),
        ("PUT", f"{CONSOLE}/receipt-lines/{{line}}/product"): Call(
            REVIEW, f"{CONSOLE}/receipt-lines/{at.line}/product", {"json": {"sku": None}}, 404
        ),
        ("GET", f"{CONSOLE}/receipts"): Call(REVIEW, f"{CONSOLE}/receipts"),
        ("PUT", f"{CONSOLE}/receipts/{{receipt}}/lines"): Call(
            REVIEW, f"{CONSOLE}/receipts/{at.receipt}/lines", {"json": {"lines": []}}, 404
        ),
        ("GET", f"{CONSOLE}/receipts/{{receipt_id}}/photo"): Call(
            REVIEW, f"{CONSOLE}/receipts/{at.receipt}/photo", {}, 404
        ),
        ("GET", f"{CONSOLE}/sellers"): Call(REVIEW, f"{CONSOLE}/sellers"),
        ("GET", f"{CONSOLE}/sellers/{{inn}}"): Call(REVIEW, f"{CONSOLE}/sellers/7707083893", {}, 404),
        ("PUT", f"{CONSOLE}/sellers/{{inn}}"): Call(
            REVIEW, f"{CONSOLE}/sellers/7707083893", {"json": {"allowed": False}}
        ),
        ("DELETE", f"{CONSOLE}/sellers/{{inn}}"): Call(REVIEW, f"{CONSOLE}/sellers/7707083893", {}, 404),
        ("GET", f"{CONSOLE}/identities"): Call(READ, f"{CONSOLE}/identities"),
        ("GET", f"{CONSOLE}/identities/{{card_number}}"): Call(READ, f"{CONSOLE}/identities/{brand.spender}", {}, 404),
        ("PUT", f"{CONSOLE}/identities/{{card_number}}"): Call(
            EDIT, f"{CONSOLE}/identities/{brand.spender}", {"json": {"rung": 1, "note": MARK}}, 404
        ),
        ("GET", f"{CONSOLE}/receipts/{{receipt}}"): Call(REVIEW, f"{CONSOLE}/receipts/{at.receipt}", {}, 404),
    }


def _reports(brand: MarkedBrand) -> dict[Route, Call]:
    period = {"from": "2026-01-01", "to": "2026-11-01"}
    return {
        ("POST", f"{CONSOLE}/code-lookups"): Call(
            REVIEW, f"{CONSOLE}/code-lookups", {"json": {"text": brand.code}}, 404
        ),
        ("POST", f"{CONSOLE}/receipt-lookups"): Call(
            REVIEW, f"{CONSOLE}/receipt-lookups", {"json": {"fn": "9999000000000001", "i": "1", "fp": "1"}}
        ),
        ("GET", f"{CONSOLE}/agents/{{card_number}}"): Call(REVIEW, f"{CONSOLE}/agents/{brand.spender}", {}, 404),
        ("GET", f"{CONSOLE}/agents/{{card_number}}/timeline"): Call(
            REVIEW, f"{CONSOLE}/agents/{brand.spender}/timeline", {}, 404
        ),
        ("GET", f"{CONSOLE}/redemptions"): Call(READ, f"{CONSOLE}/redemptions"),
        ("GET", f"{CONSOLE}/redemptions/export"): Call(READ, f"{CONSOLE}/redemptions/export"),
        ("GET", f"{CONSOLE}/scans"): Call(READ, f"{CONSOLE}/scans"),
        ("GET", f"{CONSOLE}/scans/export"): Call(READ, f"{CONSOLE}/scans/export", {"params": {"format": "xlsx"}}),
        ("GET", f"{CONSOLE}/receipts/search"): Call(READ, f"{CONSOLE}/receipts/search"),
        ("GET", f"{CONSOLE}/receipts/export"): Call(READ, f"{CONSOLE}/receipts/export"),
        ("GET", f"{CONSOLE}/figures"): Call(READ, f"{CONSOLE}/figures", {"params": {"by": "agent"}}),
        ("GET", f"{CONSOLE}/figures/export"): Call(READ, f"{CONSOLE}/figures/export", {"params": {"by": "shop"}}),
        ("GET", f"{CONSOLE}/accounting"): Call(READ, f"{CONSOLE}/accounting", {"params": period}),
        ("GET", f"{CONSOLE}/accounting/file.csv"): Call(READ, f"{CONSOLE}/accounting/file.csv", {"params": period}),
        ("GET", f"{CONSOLE}/accounting/lots.csv"): Call(
            EDIT, f"{CONSOLE}/accounting/lots.csv", {"params": {"to": "2026-11-01"}}
        ),
        ("GET", f"{CONSOLE}/tax-register"): Call(EDIT, f"{CONSOLE}/tax-register", {"params": {"year": 2026}}),
    }


def _orders(brand: MarkedBrand) -> dict[Route, Call]:
    order = f"{CONSOLE}/orders/{brand.order}"
    offer = {
        "programme_id": brand.programme,
        "kind": "certificate",
        "fulfilment": "stock",
        "name_ru": "x",
        "least": 1000,
        "tax": "discount",
    }
    days = {"from": "2020-01-01", "to": "2099-01-01"}
    return {
        ("GET", f"{CONSOLE}/offers"): Call(READ, f"{CONSOLE}/offers"),
        ("GET", f"{CONSOLE}/offers/{{key}}"): Call(READ, f"{CONSOLE}/offers/gift", {}, 404),
        ("PUT", f"{CONSOLE}/offers/{{key}}"): Call(EDIT, f"{CONSOLE}/offers/gift", {"json": offer}, 404),
        ("GET", f"{CONSOLE}/offers/{{key}}/stock"): Call(READ, f"{CONSOLE}/offers/gift/stock", {}, 404),
        ("POST", f"{CONSOLE}/offers/{{key}}/stock"): Call(
            EDIT, f"{CONSOLE}/offers/gift/stock", {"content": b"code,nominal\nABC,10\n", "headers": CSV}, 404
        ),
        ("GET", f"{CONSOLE}/programmes/{{key}}/rates"): Call(READ, f"{CONSOLE}/programmes/club/rates", {}, 404),
        ("PUT", f"{CONSOLE}/programmes/{{key}}/rates/{{start}}"): Call(
            EDIT, f"{CONSOLE}/programmes/club/rates/2099-01-01", {"json": {"per_rouble": 5, "source": "x"}}, 404
        ),
        ("GET", f"{CONSOLE}/orders"): Call(READ, f"{CONSOLE}/orders"),
        ("GET", f"{CONSOLE}/orders/export"): Call(READ, f"{CONSOLE}/orders/export", {"params": days}),
        ("GET", f"{CONSOLE}/orders/{{order}}"): Call(READ, order, {}, 404),
        ("PUT", f"{CONSOLE}/orders/{{order}}/decision"): Call(
            EDIT, f"{order}/decision", {"json": {"action": "turn_down"}}, 404
        ),
        ("PUT", f"{CONSOLE}/orders/{{order}}/delivery"): Call(
            EDIT, f"{order}/delivery", {"json": {"delivery": "sent"}}, 404
        ),
    }


def routes(app: Litestar) -> dict[Route, Any]:
    """The handlers of all routes, by method and address."""
    return {
        (method, route.path_format): handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS"
    }
