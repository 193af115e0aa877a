"""Answers as they were kept, shown with words in the caller's language."""

from typing import Any, TypeVar

import msgspec

from backend.checkout import reasons
from backend.checkout.schemas import OfflineSaleOut
from backend.language import money, say

T = TypeVar("T")


def shown(kind: type[T], answer: dict[str, Any], **more: Any) -> T:
    """An answer with its words: what each code takes off, and why others take nothing."""
    told = answer | more
    if "applied" in answer:
        told["applied"] = [row | {"text": say("{amount} off", amount=money(row["discount"], "RUB"))}
                           for row in answer["applied"]]  # fmt: skip
        told["refused"] = [row | {"text": reasons.text(row["reason"])} for row in answer["refused"]]
    return msgspec.convert(told, kind)


def settled(row: dict[str, Any]) -> OfflineSaleOut:
    """How a sale of a till without a network was settled, in words."""
    told = {name: row[name] for name in ("id", "status", "given", "repaid")}
    if "reason" in row:
        told |= {"reason": row["reason"], "text": reasons.text(row["reason"])}
    told["conflicts"] = [each | {"text": reasons.text(each["reason"])} for each in row["conflicts"]]
    return msgspec.convert(told, OfflineSaleOut)
