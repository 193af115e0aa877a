"""What fraud rules see in a sale (ledger.md, 6). In shadow they only take note; else the bonus is withheld."""

from datetime import datetime
from typing import Any

from backend.checkout.quotes import Quote
from backend.settings import Settings

OWN_CODE, VERSION = "own_code", 1


def at_sale(
    settings: Settings, found: Quote, buyer: str | None, at: datetime, codes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rule 12, self-redemption: the buyer shows the card of the agent whose code he uses. The discount stands, since
    the till has promised it; the bonus does not, unless the rule is in shadow. Changes `codes` accordingly."""
    shadow = bool(settings.numbers.at("shadow_own_code", at.date()))
    seen = []
    own = {row.known.id for row in found.applied if row.known and row.known.card and row.known.card == buyer}
    for record in codes:
        if record["code"] not in own:
            continue
        seen.append({"code": record["code"], "rule": OWN_CODE, "version": VERSION, "shadow": shadow,
                     "inputs": {"gross": record["gross"]}})  # fmt: skip
        if not shadow:
            record |= {"gross": 0, "reason": OWN_CODE}
    return seen
