"""The document as a whole: its head, and the order in which the framework's draft is finished."""

import json

from litestar import Litestar
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server, Tag
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from backend.core.http.openapi import answers, examples, schemas
from backend.core.http.openapi.schemas import Schema

ABOUT = """Scan a code, see the money: loyalty for the people who decide what is bought.

**Who calls.** Everybody sends `Authorization: Bearer <token>`. An account and its token come from `POST /v1/accounts`,
which needs no token.

**Requests are idempotent.** Where value moves, the client makes the id (a UUID) and the method is PUT: the same id with
the same body gets the first response again, with another body 422.

**Amounts** are integers in minor units: kopecks for `RUB`, whole points for `PTS`. **Times** have a zone.

**Errors** are problem details (RFC 9457): `code` is for machines and stable, `detail` is for people, in the
language of `Accept-Language` (Russian or English). [All of them](/docs/problems).

**Lists** give `next` while there is more: send it back as `cursor`. What a route does not know, it refuses: fields,
query parameters and media types.
"""

TAGS = {
    "Scans": "A scanned text or picture, and what it is and what it earned.",
    "Wallets": "Balances, movements and what each of them was for.",
    "Package codes": "Batches, their pallets and rolls, files for the print shop, lists of codes of others.",
    "Promo codes": "Codes that an agent gives to buyers: cards and links to share, and what each of them brought.",
    "Promo code batches": "Promo codes that a brand creates in bulk: progress, and the file of them.",
    "Accounts": "Anonymous accounts: no phone number, e-mail or name. Devices, PIN, passkeys, leaving.",
    "Shops": "Where codes are redeemed: shops, their tills and cashiers.",
    "Checkout": "What a till does: quotes, reservations, sales, returns, and what it sold without a network.",
    "Receipts": "Receipts of shops: sent by agents, verified, and what they pay.",
    "Receipt review": "What people decide about receipts: agents, wordings, and receipts that no provider can read.",
    "Sellers": "Shops whose receipts a brand accepts or refuses.",
    "Fraud signals": "What fraud rules saw, for those who review.",
    "Settlements": "What brands owe shops for discounts, period by period.",
    "Tills": "A shop's till or web shop: what it is, and which cashier is signed in.",
    "Webhooks": "Events sent to a brand's own systems, signed as Standard Webhooks; a log, and manual redelivery.",
    "Rewards and orders": "The catalogue of rewards, orders and their fulfilment, and stocks of codes.",
    "Verification and limits": "Verification levels from anonymous to company, and yearly limits by tax nature.",
    "Accounting": "What happened to a programme's money in a period, and the register of a tax year.",
    "Imports": "Files of products, codes and others: tried first, then applied, with a report of each row.",
    "Approvals": "Operations that need two members of staff: requested by one, approved by another, used once.",
    "Corrections": "Corrections of agents' wallets by staff, with a reason.",
    "Support look-ups": "The state and history of a code, a receipt or an agent, for staff who answer complaints.",
    "Reports": "Redemptions, scans and receipts as lists and files; what campaigns, products, shops and agents cost.",
    "Audit log": "What staff did, in a log that shows when it was altered.",
    "Staff sign-in": "Signing in as staff.",
    "Brand and staff": "The console's pages about the brand and its staff.",
    "Programmes": "What agents join: a currency, a time zone, and the wallets that belong to it.",
    "Products": "What is sold: SKU, GTIN, names, articles, warranty.",
    "Campaigns": "For whom, for what, when and how much: rules with versions, budgets and previews.",
}

SCHEMES = {
    "agent": "The token of a device, from `POST /v1/accounts` or `POST /v1/sessions`.",
    "staff": "The token of a staff session.",
    "till": "The token of a till or web shop, from `PUT /v1/console/shops/{key}/tills/{till}`.",
}


def _operation_id(
    handler: HTTPRouteHandler, _method: Method | HttpMethod, _path: list[str | PathParameterDefinition]
) -> str:
    return handler.handler_name


CONFIG = OpenAPIConfig(
    title="Scanback",
    version="1",
    description=ABOUT,
    servers=[Server(url="/", description="The installation that serves this description.")],
    tags=[Tag(name, about) for name, about in TAGS.items()],
    components=Components(
        security_schemes={
            name: SecurityScheme("http", scheme="bearer", description=about) for name, about in SCHEMES.items()
        }
    ),
    use_handler_docstrings=True,
    operation_id_creator=_operation_id,
)


def document(app: Litestar) -> Schema:
    """Describe an application that was made with `CONFIG`."""
    raw = app.openapi_schema.to_schema()
    schemas.exact(raw)
    schemas.tidy(raw)
    known = raw["components"]["schemas"]
    raw["components"]["responses"] = answers.components()
    for path in raw["paths"].values():
        for operation in path.values():
            schemas.never_null(operation)
            answers.finish(operation, known)
            schemas.as_checked(operation.get("requestBody"))
            examples.fill(operation, known)
    return raw


def written(described: Schema) -> str:
    """The description as it is served and committed: sorted, so that a change shows as what it is."""
    return json.dumps(described, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
