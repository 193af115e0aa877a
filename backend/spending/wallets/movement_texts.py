"""The text of a movement for its agent: the same in statements, lists and on the home screen."""

from collections.abc import Mapping
from typing import Any

from backend.core.language import language, translate
from backend.programmes.rules.explanation import AccrualAmounts, RuleVersion, explain_accrual
from payouts.models import MovementKind, Place

SALE_RETURN = 5  # the cause of clawbacks after a sale return; other clawbacks come from receipts


def correction_text(reason: str) -> str:
    """The text of a correction for its agent."""
    return translate("Corrected by hand: {reason}", reason=reason)


def clawback_text(cause: int) -> str:
    """The text of a clawback by its cause: a return at a till, or a receipt's return or review."""
    if cause == SALE_RETURN:
        return translate("Taken back: goods that were bought with your code were returned.")
    return translate("Taken back: goods of the receipt were returned, or a check did not confirm it.")


def movement_text(row: Any, versions: Mapping[int, RuleVersion]) -> str:
    """The text of a movement: its explanation, the ordered reward, or the meaning of its kind."""
    if row.corrected is not None:
        return correction_text(row.corrected)
    if row.version_id is not None:
        accrued = AccrualAmounts(row.version_id, row.base, row.gross, row.accrued, row.matures_on, row.expires_on)
        return explain_accrual(versions[row.version_id], accrued, waits=row.to_place == Place.PENDING).text
    name = row.name_ru if language.get() == "ru" else row.name_en or row.name_ru
    if name:
        return _ordered(row.kind, name)
    return {
        MovementKind.EARN: translate("Earned."),
        MovementKind.MATURE: translate("What was pending became available."),
        MovementKind.HOLD: translate("Held for an order."),
        MovementKind.SETTLE: translate("Spent."),
        MovementKind.RELEASE: translate("The order was not fulfilled: back in your wallet."),
        MovementKind.EXPIRE: translate("Expired unspent."),
        MovementKind.CLAWBACK: clawback_text(row.cause),
        MovementKind.WRITE_OFF: translate("A debt was written off."),
        MovementKind.CORRECT: translate("Taken back by hand."),
    }[MovementKind(row.kind)]


def _ordered(kind: int, name: str) -> str:
    if kind == MovementKind.HOLD:
        return translate("Held for the order “{name}”.", name=name)
    if kind == MovementKind.SETTLE:
        return translate("Spent on “{name}”.", name=name)
    return translate("The order “{name}” was not fulfilled: back in your wallet.", name=name)
