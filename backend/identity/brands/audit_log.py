"""The audit log: an event for each operation of a member of staff."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.identity.brands.authentication import Member


def record(session: AsyncSession, member: Member, kind: str, **body: Any) -> None:
    """Record what a member of staff did, in the transaction of the operation."""
    events.record(session, kind, brand_id=member.brand_id, staff_id=member.staff_id, **body)
