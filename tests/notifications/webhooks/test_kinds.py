"""Every kind of event is either delivered by webhooks or listed here as internal, and docs/webhooks.md is complete."""

import re
from pathlib import Path

import backend
from backend.notifications.webhooks.event_kinds import KINDS, TEST

CODE = Path(backend.__file__).parent
PAGE = CODE.parent / "docs" / "webhooks.md"
# Internal: the audit log, and what would help an attacker.
IN_THE_HOUSE = {
    "account.closed",
    "account.created",
    "account.device_added",
    "account.recovered",
    "account.recovery_code_replaced",
    "account.recovery_undone",
    "account.signed_in",
    "approval.approved",
    "approval.declined",
    "approval.requested",
    "approval.used",
    "batch.exported",
    "batch.file_ordered",
    "batch.file_removed",
    "batch.file_taken",
    "brand.card_changed",
    "brand.four_eyes",
    "brand.logo_changed",
    "brand.renamed",
    "brand.second_factor_needed",
    "cashier.added",
    "cashier.changed",
    "cashier.disabled",
    "identity.put",
    "order.decided",
    "package.unissued",
    "promo_issue.ordered",
    "promo_issue.taken",
    "receipt.passed",
    "receipt.read",
    "review.frozen",
    "review.proposed",
    "review.unfrozen",
    "seller.deleted",
    "seller.put",
    "shop.brand_accepted",
    "shop.brand_declined",
    "shop.changed",
    "shop.created",
    "shop.debt_bounded",
    "shop.left",
    "shop.linked",
    "slot.opened",
    "staff.added",
    "staff.changed",
    "staff.disabled",
    "staff.password_changed",
    "staff.second_factor_added",
    "staff.second_factor_removed",
    "staff.second_factors_reset",
    "staff.signed_in",
    "statement.paid",
    "till.changed",
    "till.created",
    "till.disabled",
    "till.token_renewed",
    "webhook.changed",
    "webhook.created",
    "webhook.gone",
    "webhook.secret_replaced",
    "wording.named",
}
WRITTEN = re.compile(
    r"""(?:\brecord|\bnote|_announce)\([^"]*?"([a-z_]+\.[a-z_]+)"|INTO\ events[^']*?'([a-z_]+\.[a-z_]+)'""", re.VERBOSE
)


def written() -> set[str]:
    """The kinds of events that the code records."""
    sources = [path.read_text("utf-8") for suffix in ("py", "sql") for path in CODE.rglob(f"*.{suffix}")]
    return {kind for source in sources for pair in WRITTEN.findall(source) for kind in pair if kind}


def test_every_kind_is_delivered_or_internal():
    found = written()

    assert len(found) > 20
    assert found - set(KINDS) - IN_THE_HOUSE == set()
    assert set(KINDS) & IN_THE_HOUSE == set()


def test_page_lists_exactly_the_delivered_kinds():
    table = PAGE.read_text("utf-8").partition("## Kinds of events")[2].partition("## ")[0]
    listed = re.findall(r"`([a-z_]+\.[a-z_]+)`", "".join(row.split("|")[1] for row in table.splitlines() if "|" in row))

    assert sorted(listed) == sorted({*KINDS, TEST})
