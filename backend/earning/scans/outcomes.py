"""The stages of a scan: the scanned text, the record to write, and the outcome."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from backend.earning.scans.scan_time import ScanTime, Signal
from backend.programmes.rules.awards import Award
from scanning import payload
from scanning.payload import Payload


class ScannedText(msgspec.Struct, frozen=True):
    """One text to handle, with the id of the phone; `n` counts the codes of one picture."""

    id: UUID
    n: int
    digest: bytes
    payload: Payload
    scan_time: ScanTime
    is_picture: bool = False


class ScanOutcome(msgspec.Struct, frozen=True):
    """The outcome of one text; amounts in minor units."""

    id: UUID
    n: int
    kind: str
    status: str
    reason: str | None
    programme_id: int | None
    version_id: int | None
    product_id: int | None
    base: int | None
    gross: int | None
    amount: int | None
    matures_on: date | None
    expires_on: date | None
    receipt_id: int | None
    additional: list[dict[str, Any]] | None = None

    @property
    def version_ids(self) -> list[int | None]:
        """The rule versions by which it was credited."""
        return [self.version_id, *(row["version_id"] for row in self.additional or ())]


class ScanRecord(Award, omit_defaults=True):
    """The input of scans_record_v2 for one text: an award, or the reason why there is none. `status` is set for
    receipts, which are decided later. `call`: the request within the batch. `is_picture`: the code comes from a
    picture. `booked_on`: the booking day, if it counts for another day."""

    place: int
    id: UUID
    n: int
    digest: str
    kind: str
    status: str | None = None
    reason: str | None = None
    cause: int | None = None
    cause_id: int | None = None
    slot: int | None = None
    serial: int | None = None
    brand: int | None = None
    product: int | None = None
    booked_on: date | None = None
    signal: Signal | None = None
    call: int = -1
    is_picture: bool = False


def scanned_text(scan_id: UUID, scanned: str, scan_time: ScanTime) -> ScannedText:
    """A text as the phone sent it; by its digest a repeat is distinguished from another body under the same id."""
    digest = hashlib.sha256(scanned.encode("utf-8", "replace")).digest()[:16]
    return ScannedText(scan_id, 0, digest, payload.classify(scanned), scan_time)


def picture_texts(scan_id: UUID, digest: bytes, found: Sequence[Payload], scan_time: ScanTime) -> list[ScannedText]:
    """The codes of one picture, numbered. A picture without codes gives one unknown text, so that it has an outcome."""
    codes = found or [Payload("unknown", "")]
    return [ScannedText(scan_id, n, digest, code, scan_time, is_picture=True) for n, code in enumerate(codes)]


def outcome_of_row(scan_id: UUID, n: int, row: Any, *, changed: bool) -> ScanOutcome:
    """The outcome of a text from its row. If the id was used for another body (`changed`), it is refused."""
    values = {name: getattr(row, name) for name in ScanOutcome.__struct_fields__[2:]}
    if changed:
        values |= {
            "status": "refused",
            "reason": "body_changed",
            "amount": None,
            "version_id": None,
            "additional": None,
        }
    return ScanOutcome(scan_id, n, **values)
