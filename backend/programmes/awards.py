"""What programmes_award is told of a decision of the rules, whichever way the goods came to us."""

from datetime import date
from typing import Any

import msgspec

from backend.programmes.offers import Book
from backend.programmes.rules import Decision


class Award(msgspec.Struct, kw_only=True):
    """A decision with the programme and the version of its rules that it was made by; all empty where there is none.
    Amounts in the programme's minor units."""

    programme: int | None = None
    rules_version: int | None = None
    campaign: int | None = None
    version: int | None = None
    base: int | None = None
    gross: int | None = None
    day_cap: int | None = None
    budgeted: bool | None = None
    today: date | None = None
    matures_on: date | None = None
    expires_on: date | None = None


def fields(book: Book, decision: Decision) -> dict[str, Any]:
    """An award's fields, of a decision."""
    offer = decision.offer
    return {
        "programme": book.programme_id, "rules_version": book.rules_version, "campaign": offer.campaign_id,
        "version": offer.version_id, "base": decision.base, "gross": decision.gross,
        "day_cap": offer.rule.cap_per_agent_day, "budgeted": offer.budgeted, "today": decision.today,
        "matures_on": decision.matures_on, "expires_on": decision.expires_on,
    }  # fmt: skip
