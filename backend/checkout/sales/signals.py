"""Fraud rules that run with a sale (ledger.md, 6). In shadow mode they only write a signal; else they withhold the
bonus."""

from datetime import datetime

from backend.checkout.sales.quotes import Quote
from backend.checkout.sales.sale_record import SaleRecord, SaleSignal
from backend.core.settings import Settings

OWN_CODE, VERSION = "own_code", 1


def apply_own_code_rule(settings: Settings, sale: SaleRecord, quote: Quote, buyer: str | None, at: datetime) -> None:
    """Rule 12, self-redemption: the buyer shows the card of the agent whose code is used. The discount stays, since the
    till has promised it; the bonus is withheld, unless the rule is in shadow mode."""
    shadow = bool(settings.numbers.at("shadow_own_code", at.date()))
    own = {row.code.id for row in quote.applied if row.code and row.code.card and row.code.card == buyer}
    for record in sale.codes:
        if record.code not in own:
            continue
        sale.signals.append(SaleSignal(record.code, OWN_CODE, VERSION, shadow, {"gross": record.gross}))
        if not shadow:
            record.gross, record.reason = 0, OWN_CODE
