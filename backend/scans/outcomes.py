"""What goes through the one button: a text, what is recorded of it, and what became of it."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from backend.programmes.awards import Award
from scanning import payload
from scanning.payload import Payload


class Incoming(msgspec.Struct, frozen=True):
    """One text to handle, under the phone's id; `n` counts the codes of one picture."""

    id: UUID
    n: int
    digest: bytes
    payload: Payload


class Outcome(msgspec.Struct, frozen=True):
    """What became of one text; amounts in minor units."""

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


class Record(Award, omit_defaults=True):
    """What scans_record is told about one text: a decision to pay, or a reason not to. `status`: it waits elsewhere.
    `call`: of which request of those that go together it is."""

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
    call: int = -1


def incoming(scan_id: UUID, scanned: str) -> Incoming:
    """A text as the phone sent it; its digest tells a repeat from another body under the same id."""
    digest = hashlib.sha256(scanned.encode("utf-8", "replace")).digest()[:16]
    return Incoming(scan_id, 0, digest, payload.classify(scanned))


def from_picture(scan_id: UUID, digest: bytes, found: Sequence[Payload]) -> list[Incoming]:
    """The codes of one picture, numbered; a picture without any is an answer, too."""
    return [Incoming(scan_id, n, digest, code) for n, code in enumerate(found)] or [
        Incoming(scan_id, 0, digest, Payload("unknown", ""))
    ]


def outcome(scan_id: UUID, n: int, row: Any, *, changed: bool) -> Outcome:
    """What the database says became of a text; under an id that was used for another body, nothing did."""
    values = {name: getattr(row, name) for name in Outcome.__struct_fields__[2:]}
    if changed:
        values |= {"status": "refused", "reason": "body_changed", "amount": None, "version_id": None}
    return Outcome(scan_id, n, **values)
