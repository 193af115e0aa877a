"""The audit log: an event for each operation of a member of staff."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.events import Event
from backend.identity.brands.authentication import Member


def record(session: AsyncSession, member: Member, kind: str, **body: object) -> None:
    """Record what a member of staff did, in the transaction of the operation."""
    session.add(Event(kind=kind, brand_id=member.brand_id, staff_id=member.staff_id, body=body))
