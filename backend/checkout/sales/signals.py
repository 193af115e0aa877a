"""Fraud rules that run with a sale (ledger.md, 6). In shadow mode they only write a signal; else they withhold the
bonus."""

from datetime import datetime
from typing import Any

from backend.checkout.sales.quotes import Quote
from backend.core.settings import Settings

OWN_CODE, VERSION = "own_code", 1


def sale_signals(
    settings: Settings, quote: Quote, buyer: str | None, at: datetime, records: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rule 12, self-redemption: the buyer shows the card of the agent whose code is used. The discount stays, since the
    till has promised it; the bonus is withheld, unless the rule is in shadow mode. Changes `records` accordingly."""
    shadow = bool(settings.numbers.at("shadow_own_code", at.date()))
    signals = []
    own = {row.code.id for row in quote.applied if row.code and row.code.card and row.code.card == buyer}
    for record in records:
        if record["code"] not in own:
            continue
        inputs = {"gross": record["gross"]}
        signals.append(
            {"code": record["code"], "rule": OWN_CODE, "version": VERSION, "shadow": shadow, "inputs": inputs}
        )
        if not shadow:
            record |= {"gross": 0, "reason": OWN_CODE}
    return signals
