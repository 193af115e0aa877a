"""Quotes of baskets: evaluates each code by its rule and limits, then applies all of them. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from backend.checkout.reasons import OUTRANKED
from backend.checkout.sales import discounts
from backend.checkout.sales.discounts import Candidate, CodeDiscount
from backend.checkout.sales.snapshot import CheckoutSnapshot, CodeSnapshot, CodeUse, UseCounter
from backend.checkout.schemas import BasketLine
from backend.earning.promocodes.words.code_parser import SpelledCode
from backend.programmes.rules.rule import NEVER, ActiveCampaign, Promo
from backend.programmes.rules.rule_cache import RuleSet

CLOCK_TOLERANCE = timedelta(minutes=5)  # the maximum difference between clocks of tills and servers
# Reasons that arise while a till has no network.
UNKNOWN_OFFLINE = {"closed", "spent", "buyer_needed", "buyer_limit", "agent_limit", "shop_limit", "budget_spent"}


class EvaluatedCode(msgspec.Struct):
    """A code that the buyer showed, with its discount, or the `reason` why it has none.

    `conflict` is a limit that an offline till could not know of; the till gave the discount nevertheless.
    """

    given: str
    run: int = 0
    code: CodeSnapshot | None = None
    offer: ActiveCampaign | None = None
    zone: str = "UTC"
    reason: str | None = None
    discount: CodeDiscount | None = None
    conflict: str | None = None

    @property
    def promo(self) -> Promo:
        """The promo part of the code's rule."""
        if self.offer is None or self.offer.rule.promo is None:
            raise LookupError(self.given)
        return self.offer.rule.promo


class Quote(msgspec.Struct):
    """A basket with its discounts; amounts in kopecks. Codes that apply come first, in the order in which they
    apply."""

    basket: list[BasketLine]
    codes: list[EvaluatedCode]
    discount_by_line: dict[int, int]

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.basket)

    @property
    def discount(self) -> int:
        return sum(self.discount_by_line.values())

    @property
    def applied(self) -> list[EvaluatedCode]:
        return [row for row in self.codes if row.discount]

    def response(self) -> dict[str, Any]:
        """The response without texts, as it is stored."""
        return {
            "amount": self.amount,
            "discount": self.discount,
            "total": self.amount - self.discount,
            "lines": [{"line": line.line, "discount": self.discount_by_line.get(line.line, 0)} for line in self.basket],
            "applied": [{"code": row.given, "discount": row.discount.amount} for row in self.codes if row.discount],
            "refused": [{"code": row.given, "reason": row.reason} for row in self.codes if row.reason],
        }


def evaluate_codes(
    snapshot: CheckoutSnapshot,
    given: Sequence[tuple[str, SpelledCode | None]],
    rule_sets: dict[int, RuleSet],
    basket: list[BasketLine],
    buyer: str | None,
    shop: int,
    at: datetime,
    *,
    given_offline: bool = False,
) -> Quote:
    """Evaluate each code and apply the ones that may be used. Pure.

    `given_offline`: a reason that the till could not know becomes the code's conflict and does not refuse it.
    """
    known = {row.code: row for row in snapshot.codes}
    codes: list[EvaluatedCode] = []
    for text, spelled in given:
        row = EvaluatedCode(text, spelled.run if spelled else 0, known.get(spelled.code) if spelled else None)
        row.reason = _duplicate_reason(row, codes) or _refusal_reason(row, snapshot, rule_sets, buyer, shop, at)
        if given_offline and row.offer and row.reason in UNKNOWN_OFFLINE:
            row.conflict, row.reason = row.reason, None
        codes.append(row)
    _apply_codes(codes, snapshot, basket)
    # How much the codes need together is known only when they apply. A code that lacks something is refused, which
    # leaves more for the others, so the rest is applied again.
    while shortage := _first_shortage(codes, snapshot, buyer, shop, given_offline=given_offline):
        row, reason = shortage
        if given_offline:
            row.conflict = reason
            continue
        row.reason = reason
        _apply_codes(codes, snapshot, basket)
    discount_by_line: dict[int, int] = {}
    for row in codes:
        for line, part in row.discount.lines.items() if row.discount else ():
            discount_by_line[line] = discount_by_line.get(line, 0) + part
    return Quote(basket, sorted(codes, key=_sort_key), discount_by_line)


def _sort_key(row: EvaluatedCode) -> tuple[bool, int, int]:
    """Sorts codes that apply first, in the order in which they apply."""
    return row.discount is None, -row.promo.priority if row.discount else 0, _code_id(row)


def _code_id(row: EvaluatedCode) -> int:
    return row.code.id if row.code else 0


def _duplicate_reason(row: EvaluatedCode, before: Sequence[EvaluatedCode]) -> str | None:
    return "twice" if row.code and any(other.code is row.code for other in before) else None


def _refusal_reason(
    row: EvaluatedCode,
    snapshot: CheckoutSnapshot,
    rule_sets: dict[int, RuleSet],
    buyer: str | None,
    shop: int,
    at: datetime,
) -> str | None:
    """The reason why a code may not be used at all, if there is one. Sets its offer and time zone."""
    code = row.code
    if code is None or (code.word_since and code.word_since > at + CLOCK_TOLERANCE):
        # An offline till may have accepted another code with this word before.
        return "unknown"
    if not code.here:
        return "not_here"
    rule_set = rule_sets[code.programme]
    row.zone = rule_set.timezone
    row.offer = rule_set.campaigns_by_id.get(code.campaign)
    if code.closed:
        return "closed"
    if row.offer is None or row.offer.rule.promo is None or not row.offer.is_running(at):
        return "not_now"
    return _full_limit(row, snapshot, buyer, shop)


def _full_limit(
    row: EvaluatedCode, snapshot: CheckoutSnapshot, buyer: str | None, shop: int, before: Sequence[CodeUse] = ()
) -> str | None:
    """The limit that is full, if there is one. Uses of earlier codes of this basket count; those that the basket's own
    reservation holds do not."""
    use, code, reserved = code_use(row, buyer, shop), row.code, snapshot.reserved or ()
    if code is None:
        return "unknown"
    if use.uses is not None and code.used - sum(own.code == code.id for own in reserved) >= use.uses:
        return "spent"
    if row.promo.uses_per_buyer is not None and buyer is None:
        return "buyer_needed"
    for count in use.counts:
        if code.counts.get(count.scope, 0) - _count_uses(count, reserved) + _count_uses(count, before) >= count.most:
            return f"{count.scope}_limit"
    return None


def _count_uses(count: UseCounter, uses: Sequence[CodeUse]) -> int:
    """How often some uses increment a counter."""
    counter = count.campaign, count.scope, count.key, count.day
    return sum((held.campaign, held.scope, held.key, held.day) == counter for use in uses for held in use.counts)


def _first_shortage(
    codes: Sequence[EvaluatedCode], snapshot: CheckoutSnapshot, buyer: str | None, shop: int, *, given_offline: bool
) -> tuple[EvaluatedCode, str] | None:
    """The first code that applies although the codes before it leave no use, budget or debt, and the reason.

    A discount that was given offline is owed even above the debt limit.
    """
    before: list[CodeUse] = []
    paid: dict[int, int] = {}
    owed: dict[int, int] = {}
    for row in sorted(codes, key=_sort_key):
        if row.discount is None or row.code is None or row.conflict:
            continue
        if reason := _full_limit(row, snapshot, buyer, shop, before):
            return row, reason
        paid[row.code.campaign] = paid.get(row.code.campaign, 0) + row.discount.amount
        if not _budget_suffices(row, paid[row.code.campaign]):
            return row, "budget_spent"
        owed[row.code.brand] = owed.get(row.code.brand, 0) + row.discount.amount
        left = row.code.debt_left
        if not given_offline and left is not None and owed[row.code.brand] > left:
            return row, "brand_limit"
        before.append(code_use(row, buyer, shop))
    return None


def code_use(row: EvaluatedCode, buyer: str | None, shop: int) -> CodeUse:
    """The counters that a use of a code increments."""
    code, promo = row.code, row.promo
    if code is None:
        raise LookupError(row.given)
    limits: list[tuple[str, str | None, date, int | None]] = [
        ("buyer", buyer, NEVER, promo.uses_per_buyer),
        ("agent", str(code.account) if code.account else None, NEVER, promo.uses_per_agent),
        ("shop", str(shop), code.today, promo.uses_per_shop_day),
    ]
    counts = [UseCounter(code.campaign, scope, key, day, most) for scope, key, day, most in limits if key and most]
    return CodeUse(code.id, promo.uses, counts)


def _apply_codes(codes: Sequence[EvaluatedCode], snapshot: CheckoutSnapshot, basket: Sequence[BasketLine]) -> None:
    """Apply the codes that nothing but other codes of the basket speaks against."""
    usable = {_code_id(row): row for row in codes if row.offer and (row.reason is None or row.reason in OUTRANKED)}
    applied = discounts.combine_discounts(
        [Candidate(number, row.promo, _counting_lines(row, snapshot, basket)) for number, row in usable.items()]
    )
    for row in codes:
        row.discount = None
    for number, row in usable.items():
        row.reason = applied.refused.get(number)
    for discount in applied.discounts:
        usable[discount.code_id].discount = discount


def _counting_lines(row: EvaluatedCode, snapshot: CheckoutSnapshot, basket: Sequence[BasketLine]) -> dict[int, int]:
    """The lines that count for a code, with their amounts."""
    return {line.line: line.amount for line in basket if line.amount and _line_counts(row, snapshot, line)}


def _line_counts(row: EvaluatedCode, snapshot: CheckoutSnapshot, line: BasketLine) -> bool:
    if row.code is None or row.offer is None:
        return False
    rule, promo = row.offer.rule, row.promo
    if rule.products is None and not promo.excluded and not promo.own_goods:
        return True
    product = snapshot.find_product(row.code.brand, line)
    if rule.products is not None and product not in rule.products:
        return False
    return not (product in (promo.excluded or ()) or (promo.own_goods and product is None))


def _budget_suffices(row: EvaluatedCode, discounts_so_far: int) -> bool:
    """Whether the budget covers the campaign's discounts. A budget in points pays bonuses only, so any rest
    suffices."""
    if row.code is None or row.offer is None or not row.offer.budgeted:
        return True
    need = discounts_so_far if row.code.currency == "RUB" else 1
    return (row.code.remaining or 0) >= need
