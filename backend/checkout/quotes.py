"""What a basket comes to: each code is judged by its rule and limits, then all are applied. Writes nothing."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from backend.checkout import discounts
from backend.checkout.discounts import Candidate, Taken
from backend.checkout.looks import Count, Known, Look, Use
from backend.checkout.reasons import OUTDONE
from backend.checkout.schemas import BasketLine
from backend.programmes.offers import Book
from backend.programmes.rules import NEVER, Fixed, Offer, Promo, share
from backend.promocodes.spelling import Spelled

# What changes while a till has no network.
UNKNOWN_OFFLINE = {"closed", "spent", "buyer_needed", "buyer_limit", "agent_limit", "shop_limit", "budget_spent"}


class Judged(msgspec.Struct):
    """A code that the buyer showed, and what became of it; `reason` says why it takes nothing off.

    `conflict` is a limit that a till without a network could not know of: the discount was given all the same.
    """

    given: str
    run: int = 0
    known: Known | None = None
    offer: Offer | None = None
    zone: str = "UTC"
    reason: str | None = None
    taken: Taken | None = None
    conflict: str | None = None

    @property
    def promo(self) -> Promo:
        """What the code's rule gives."""
        if self.offer is None or self.offer.rule.promo is None:
            raise LookupError(self.given)
        return self.offer.rule.promo


class Quote(msgspec.Struct):
    """What a basket comes to; amounts in kopecks. Codes that apply come first, in the order in which they do."""

    basket: list[BasketLine]
    codes: list[Judged]
    off: dict[int, int]

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.basket)

    @property
    def discount(self) -> int:
        return sum(self.off.values())

    @property
    def applied(self) -> list[Judged]:
        return [row for row in self.codes if row.taken]

    def answer(self) -> dict[str, Any]:
        """The answer without words, as it is kept."""
        return {
            "amount": self.amount,
            "discount": self.discount,
            "total": self.amount - self.discount,
            "lines": [{"line": line.line, "discount": self.off.get(line.line, 0)} for line in self.basket],
            "applied": [{"code": row.given, "discount": row.taken.discount} for row in self.codes if row.taken],
            "refused": [{"code": row.given, "reason": row.reason} for row in self.codes if row.reason],
        }


def make(
    look: Look,
    given: Sequence[tuple[str, Spelled | None]],
    books: dict[int, Book],
    basket: list[BasketLine],
    buyer: str | None,
    shop: int,
    at: datetime,
    *,
    given_offline: bool = False,
) -> Quote:
    """Judge each code, apply those that may be used. Pure.

    `given_offline`: what a till could not know does not stop a code, and is noted as its conflict.
    """
    known = {row.code: row for row in look.codes}
    judged: list[Judged] = []
    for text, spelled in given:
        row = Judged(text, spelled.run if spelled else 0, known.get(spelled.code) if spelled else None)
        row.reason = _twice(row, judged) or _reason(row, look, books, buyer, shop, at)
        if given_offline and row.offer and row.reason in UNKNOWN_OFFLINE:
            row.conflict, row.reason = row.reason, None
        judged.append(row)
    _apply(judged, look, basket)
    # What codes need beside each other is known when they apply; one that has no room makes room for the others.
    while short := _short(judged, look, buyer, shop):
        row, reason = short
        if given_offline:
            row.conflict = reason
            continue
        row.reason = reason
        _apply(judged, look, basket)
    off: dict[int, int] = {}
    for row in judged:
        for line, part in row.taken.lines.items() if row.taken else ():
            off[line] = off.get(line, 0) + part
    return Quote(basket, sorted(judged, key=_order), off)


def _order(row: Judged) -> tuple[bool, int, int]:
    """Codes that apply first, in the order in which they do."""
    return row.taken is None, -row.promo.priority if row.taken else 0, _id(row)


def _id(row: Judged) -> int:
    return row.known.id if row.known else 0


def _twice(row: Judged, before: Sequence[Judged]) -> str | None:
    return "twice" if row.known and any(other.known is row.known for other in before) else None


def _reason(row: Judged, look: Look, books: dict[int, Book], buyer: str | None, shop: int, at: datetime) -> str | None:
    """Why a code may not be used at all; finds its offer on the way."""
    known = row.known
    if known is None:
        return "unknown"
    if not known.here:
        return "not_here"
    book = books[known.programme]
    row.zone = book.timezone
    row.offer = book.by_campaign.get(known.campaign)
    if known.closed:
        return "closed"
    if row.offer is None or row.offer.rule.promo is None or not _runs(row.offer, at):
        return "not_now"
    return _limit(row, look, buyer, shop)


def _runs(offer: Offer, at: datetime) -> bool:
    return offer.starts_at <= at and (offer.ends_at is None or at < offer.ends_at)


def _limit(row: Judged, look: Look, buyer: str | None, shop: int, before: Sequence[Use] = ()) -> str | None:
    """The limit that is full, if one is, with what codes before it in this basket use; what the basket has set aside
    itself does not count."""
    use, known, mine = using(row, buyer, shop), row.known, look.reserved or ()
    if known is None:
        return "unknown"
    if use.uses is not None and known.used - sum(own.code == known.id for own in mine) >= use.uses:
        return "spent"
    if row.promo.uses_per_buyer is not None and buyer is None:
        return "buyer_needed"
    for count in use.counts:
        if known.counts.get(count.scope, 0) - _times(count, mine) + _times(count, before) >= count.most:
            return f"{count.scope}_limit"
    return None


def _times(count: Count, uses: Sequence[Use]) -> int:
    """How often some uses go into a counter."""
    wanted = count.campaign, count.scope, count.key, count.day
    return sum((held.campaign, held.scope, held.key, held.day) == wanted for use in uses for held in use.counts)


def _short(judged: Sequence[Judged], look: Look, buyer: str | None, shop: int) -> tuple[Judged, str] | None:
    """The first code that applies and for which those before it leave no use or no budget, and what is lacking."""
    before: list[Use] = []
    paid: dict[int, int] = {}
    for row in sorted(judged, key=_order):
        if row.taken is None or row.known is None or row.conflict:
            continue
        if reason := _limit(row, look, buyer, shop, before):
            return row, reason
        paid[row.known.campaign] = paid.get(row.known.campaign, 0) + row.taken.discount
        if not _bears(row, paid[row.known.campaign]):
            return row, "budget_spent"
        before.append(using(row, buyer, shop))
    return None


def using(row: Judged, buyer: str | None, shop: int) -> Use:
    """What using a code counts into."""
    known, promo = row.known, row.promo
    if known is None:
        raise LookupError(row.given)
    limits: list[tuple[str, str | None, date, int | None]] = [
        ("buyer", buyer, NEVER, promo.uses_per_buyer),
        ("agent", str(known.account) if known.account else None, NEVER, promo.uses_per_agent),
        ("shop", str(shop), known.today, promo.uses_per_shop_day),
    ]
    counts = [Count(known.campaign, scope, key, day, most) for scope, key, day, most in limits if key and most]
    return Use(known.id, promo.uses, counts)


def _apply(judged: Sequence[Judged], look: Look, basket: Sequence[BasketLine]) -> None:
    """Apply the codes that have no reason against them but each other."""
    usable = {_id(row): row for row in judged if row.offer and (row.reason is None or row.reason in OUTDONE)}
    applied = discounts.apply(
        [Candidate(number, row.promo, _counted(row, look, basket)) for number, row in usable.items()]
    )
    for row in judged:
        row.taken = None
    for number, row in usable.items():
        row.reason = applied.refused.get(number)
    for taken in applied.taken:
        usable[taken.code_id].taken = taken


def _counted(row: Judged, look: Look, basket: Sequence[BasketLine]) -> dict[int, int]:
    """The lines that count for a code, and what each comes to."""
    return {line.line: line.amount for line in basket if line.amount and _counts(row, look, line)}


def _counts(row: Judged, look: Look, line: BasketLine) -> bool:
    if row.known is None or row.offer is None:
        return False
    rule, promo = row.offer.rule, row.promo
    if rule.products is None and not promo.excluded and not promo.own_goods:
        return True
    product = look.product(row.known.brand, line)
    if rule.products is not None and product not in rule.products:
        return False
    return not (product in (promo.excluded or ()) or (promo.own_goods and product is None))


def _bears(row: Judged, discounts_so_far: int) -> bool:
    """Whether the campaign's budget bears its discounts, where both are in roubles; in points it pays bonuses only."""
    if row.known is None or row.offer is None or not row.offer.budgeted:
        return True
    need = discounts_so_far if row.known.currency == "RUB" else 1
    return (row.known.remaining or 0) >= need


def record(quote: Quote, row: Judged, buyer: str | None, shop: int, at: datetime) -> dict[str, Any]:
    """What checkout_sell is told about a code that applies. The bonus is a share of what the buyer pays for the lines
    that count, after all discounts; a code with a conflict brings none, and uses nothing up."""
    known, offer, taken = row.known, row.offer, row.taken
    if known is None or offer is None or taken is None:
        raise LookupError(row.given)
    paid = {line.line: line.amount - quote.off.get(line.line, 0) for line in quote.basket if line.line in taken.lines}
    base = sum(paid.values())
    amount = offer.rule.amount
    gross = amount.value if isinstance(amount, Fixed) else share(base, amount.basis_points, amount.rounding)
    today = at.astimezone(ZoneInfo(row.zone)).date()
    matures_on = today + timedelta(days=offer.rule.hold_days)
    life = offer.rule.lifetime_days
    return {
        "code": known.id, "run": row.run, "brand": known.brand, "programme": known.programme,
        "rules_version": known.rules_version, "campaign": known.campaign, "version": offer.version_id,
        "account": known.account, "base": base, "discount": taken.discount, "due": taken.discount,
        "gross": gross if known.account and not row.conflict else 0, "day_cap": offer.rule.cap_per_agent_day,
        "budgeted": offer.budgeted and not row.conflict,
        "owes_discount": known.currency == "RUB", "today": today, "matures_on": matures_on,
        "expires_on": NEVER if life is None else matures_on + timedelta(days=life), "reason": row.conflict,
        "lines": [{"line": line, "base": paid[line], "discount": part} for line, part in taken.lines.items()],
        "uses": None if row.conflict else msgspec.to_builtins(using(row, buyer, shop)),
    }  # fmt: skip
