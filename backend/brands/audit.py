"""Who of the staff did what: an event with the deed."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.brands.door import Member


def note(session: AsyncSession, member: Member, kind: str, **body: Any) -> None:
    """Write down what a member of staff did for his brand, in the transaction of the deed."""
    events.record(session, kind, brand_id=member.brand_id, staff_id=member.staff_id, **body)
