"""Somebody has decided of every kind of event whether brands are told of it, and the page about it is complete."""

import re
from pathlib import Path

import backend
from backend.webhooks.kinds import KINDS, TEST

CODE = Path(backend.__file__).parent
PAGE = CODE.parent / "docs" / "webhooks.md"
# Who of the staff did what, and what an attacker would like to know.
IN_THE_HOUSE = {
    "account.closed", "account.created", "account.recovered", "batch.exported", "batch.file_ordered",
    "batch.file_removed", "batch.file_taken", "brand.card_changed", "brand.logo_changed", "brand.renamed",
    "cashier.added", "cashier.changed", "cashier.disabled", "identity.put", "order.decided", "package.unissued",
    "promo_issue.ordered", "promo_issue.taken", "receipt.passed", "receipt.read", "review.frozen", "review.proposed",
    "review.unfrozen", "seller.deleted", "seller.put", "shop.changed", "shop.created", "shop.left", "shop.linked",
    "slot.opened", "staff.added", "staff.changed", "staff.disabled", "staff.password_changed", "staff.signed_in",
    "till.changed", "till.created", "till.disabled", "till.token_renewed", "webhook.changed", "webhook.created",
    "webhook.gone", "webhook.secret_replaced", "wording.named",
}  # fmt: skip
WRITTEN = re.compile(
    r"""(?:\brecord|\bnote|_announce)\([^"]*?"([a-z_]+\.[a-z_]+)"|INTO\ events[^']*?'([a-z_]+\.[a-z_]+)'""", re.VERBOSE
)


def written() -> set[str]:
    """The kinds that the code names where it writes an event."""
    sources = [path.read_text("utf-8") for suffix in ("py", "sql") for path in CODE.rglob(f"*.{suffix}")]
    return {kind for source in sources for pair in WRITTEN.findall(source) for kind in pair if kind}


def test_it_is_decided_of_every_kind_whether_it_is_told():
    found = written()

    assert len(found) > 20
    assert found - set(KINDS) - IN_THE_HOUSE == set()
    assert set(KINDS) & IN_THE_HOUSE == set()


def test_the_page_lists_what_is_told_and_nothing_else():
    table = PAGE.read_text("utf-8").partition("## Kinds of events")[2].partition("## ")[0]
    listed = re.findall(r"`([a-z_]+\.[a-z_]+)`", "".join(row.split("|")[1] for row in table.splitlines() if "|" in row))

    assert sorted(listed) == sorted({*KINDS, TEST})
