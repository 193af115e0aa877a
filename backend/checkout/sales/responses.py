"""Stored responses with texts in the caller's language."""

from typing import Any, TypeVar

import msgspec

from backend.checkout import reasons
from backend.checkout.schemas import OfflineSaleOut
from backend.core.language import money, translate

T = TypeVar("T")


def response_with_texts(kind: type[T], stored: dict[str, Any], **more: Any) -> T:
    """A response with texts: the discount of each code that applies, and the reason of each that does not."""
    fields = stored | more
    if "applied" in stored:
        fields["applied"] = [
            row | {"text": translate("{amount} off", amount=money(row["discount"], "RUB"))} for row in stored["applied"]
        ]
        fields["refused"] = [row | {"text": reasons.reason_text(row["reason"])} for row in stored["refused"]]
    return msgspec.convert(fields, kind)


def offline_sale_response(row: dict[str, Any]) -> OfflineSaleOut:
    """How an offline sale was settled, with texts."""
    fields = {name: row[name] for name in ("id", "status", "given", "repaid")}
    if "reason" in row:
        fields |= {"reason": row["reason"], "text": reasons.reason_text(row["reason"])}
    fields["conflicts"] = [each | {"text": reasons.reason_text(each["reason"])} for each in row["conflicts"]]
    return msgspec.convert(fields, OfflineSaleOut)
