"""Builds the record of a sale from its quote. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backend.checkout.sales.discounts import CodeDiscount
from backend.checkout.sales.quote_request import QuoteRequest
from backend.checkout.sales.quotes import EvaluatedCode, Quote, code_use
from backend.checkout.sales.sale_record import LineRecord, RedemptionLine, RedemptionRecord, SaleRecord
from backend.checkout.sales.snapshot import CheckoutSnapshot
from backend.checkout.schemas import BasketLine
from backend.programmes.rules.rule import NEVER, FixedAmount, Rule, share_of


def sale_record(request: QuoteRequest, snapshot: CheckoutSnapshot, quote: Quote, digest: bytes) -> SaleRecord:
    """The record of a sale with the codes of a quote that apply."""
    till = request.till
    return SaleRecord(
        till=till.till_id,
        shop=till.shop_id,
        cashier=till.cashier_id,
        key=request.key,
        digest=digest.hex(),
        answer=quote.response() | {"id": request.key},
        lines=[_line_record(snapshot, quote, line) for line in quote.basket],
        codes=[redemption_record(quote, row, request.buyer, till.shop_id, request.at) for row in quote.applied],
        signals=[],
        reservation=request.reservation,
    )


def redemption_record(quote: Quote, row: EvaluatedCode, buyer: str | None, shop: int, at: datetime) -> RedemptionRecord:
    """The record of a code that applies. The bonus is a share of what the buyer pays for the lines that count, after
    all discounts. A code with a conflict brings no bonus and consumes no use."""
    code, offer, discount = row.code, row.offer, row.discount
    if code is None or offer is None or discount is None:
        raise LookupError(row.given)
    lines = _redemption_lines(quote, discount)
    base = sum(line.base for line in lines)
    today = at.astimezone(ZoneInfo(row.zone)).date()
    matures_on = today + timedelta(days=offer.rule.hold_days)
    life = offer.rule.lifetime_days
    return RedemptionRecord(
        code=code.id,
        run=row.run,
        brand=code.brand,
        programme=code.programme,
        rules_version=code.rules_version,
        campaign=code.campaign,
        version=offer.version_id,
        account=code.account,
        shop=shop,
        base=base,
        discount=discount.amount,
        due=discount.amount,
        gross=_gross_bonus(offer.rule, base) if code.account and not row.conflict else 0,
        day_cap=offer.rule.cap_per_agent_day,
        agent_cap=offer.rule.cap_per_agent,
        budgeted=offer.budgeted and not row.conflict,
        owes_discount=code.currency == "RUB",
        today=today,
        matures_on=matures_on,
        expires_on=NEVER if life is None else matures_on + timedelta(days=life),
        reason=row.conflict,
        lines=lines,
        uses=None if row.conflict else code_use(row, buyer, shop),
    )


def _gross_bonus(rule: Rule, base: int) -> int:
    amount = rule.amount
    return amount.value if isinstance(amount, FixedAmount) else share_of(base, amount.basis_points, amount.rounding)


def _redemption_lines(quote: Quote, discount: CodeDiscount) -> list[RedemptionLine]:
    paid = {line.line: line.amount - quote.discount_by_line.get(line.line, 0) for line in quote.basket}
    return [RedemptionLine(line, paid[line], part) for line, part in discount.lines.items()]


def _line_record(snapshot: CheckoutSnapshot, quote: Quote, line: BasketLine) -> LineRecord:
    discount = quote.discount_by_line.get(line.line, 0)
    return LineRecord(line.line, _find_product(snapshot, quote, line), round(line.quantity, 3), line.amount, discount)


def _find_product(snapshot: CheckoutSnapshot, quote: Quote, line: BasketLine) -> int | None:
    brands = [row.code.brand for row in quote.applied if row.code]
    return next((number for brand in brands if (number := snapshot.find_product(brand, line))), None)
