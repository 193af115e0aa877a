"""The kinds of events that brands are told of. What is not listed here stays in the house, such as the audit trail."""

from typing import Literal, get_args

# docs/webhooks.md says when each is told and what it holds.
Kind = Literal[
    "package.claimed",
    "promo.created",
    "promo.closed",
    "promo.redeemed",
    "promo.returned",
    "promo_issue.done",
    "receipt.credited",
    "receipt.review",
    "receipt.refused",
    "receipt.returned",
    "review.decided",
    "statement.closed",
    "order.held",
    "order.done",
    "order.refused",
    "order.delivery",
    "stock.low",
    "stock.imported",
    "offer.created",
    "offer.changed",
    "rate.put",
    "batch.created",
    "batch.listed",
    "batch.printed",
    "batch.active",
    "batch.closed",
    "batch.revoked",
    "batch.file_done",
    "campaign.created",
    "campaign.changed",
    "product.created",
    "product.changed",
    "products.imported",
    "programme.created",
    "programme.changed",
]
KINDS: tuple[str, ...] = get_args(Kind)
TEST = "webhook.test"  # sent when asked for, to the one endpoint that it was asked for
