"""Answers as they were kept, shown with words in the caller's language."""

from typing import Any, TypeVar

import msgspec

from backend.checkout import reasons
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
