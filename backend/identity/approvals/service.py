"""Request an approval, decide it, and consume it.

An operation that needs an approval calls `require_approval` in its own transaction, before it writes. The call passes,
or consumes an approval that another member of staff gave for this operation.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.rows import read_row, read_rows
from backend.core.http.errors import BodyChanged, Conflict, Forbidden, NotFound
from backend.core.settings import Settings
from backend.identity.approvals.models import Approval, ApprovalKind
from backend.identity.approvals.schemas import ApprovalDecisionIn, ApprovalRow, State
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.identity.brands.models import Brand, Staff

EDITORS = ("owner", "manager")
STATES = {"approve": "approved", "decline": "declined"}
_COLUMNS = """
    SELECT p.id, p.key, p.kind, p.subject, p.amount, p.reason, p.requested_at, p.expires_at, p.decided_at, p.note,
        p.used_at, a.email AS requester, b.email AS decider,
        CASE WHEN p.state IN ('waiting', 'approved') AND p.expires_at <= now() THEN 'expired' ELSE p.state END
            AS shown_state
    FROM approvals p JOIN staff a ON a.id = p.requested_by LEFT JOIN staff b ON b.id = p.decided_by
    WHERE p.brand_id = :brand
"""
FIND_APPROVAL = text(f"{_COLUMNS} AND p.key = :key")
LIST_APPROVALS = text(f"""
    SELECT * FROM ({_COLUMNS} AND p.id < :before) AS p WHERE CAST(:state AS text) IS NULL OR shown_state = :state
    ORDER BY id DESC LIMIT :most
""")  # noqa: S608 - our own columns
# Of two requests that consume one approval, the second finds none. Both members must still be owners or managers.
CONSUME_APPROVAL = text("""
    UPDATE approvals SET state = 'used', used_at = now() WHERE id = (
        SELECT id FROM approvals p WHERE brand_id = :brand AND kind = :kind AND subject = :subject
            AND state = 'approved' AND amount >= :amount AND expires_at > now() AND NOT EXISTS (
                SELECT FROM staff s WHERE s.id IN (p.requested_by, p.decided_by)
                    AND (s.disabled_at IS NOT NULL OR s.role <> ALL (:editors)))
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING key
""")


class ApprovalUnknown(NotFound):
    """Your brand has no such request."""

    code = "approval_unknown"


class ApprovalDecided(Conflict):
    """This request has been decided already, or has expired. Ask again under a new id."""

    code = "approval_decided"


class SelfApprovalForbidden(Forbidden):
    """You asked for this yourself. Another owner or manager of your brand has to approve it."""

    code = "self_approval_forbidden"


class ApprovalRequired(Conflict):
    """This takes two people: ask for an approval, and let another owner or manager of your brand approve it first."""

    code = "approval_required"


class ApprovalOperation(NamedTuple):
    """An operation that needs an approval: its kind, its object and its amount."""

    kind: ApprovalKind
    subject: str
    amount: int


async def list_approvals(
    session: AsyncSession, member: Member, state: State | None, before: int | None, most: int
) -> list[ApprovalRow]:
    """The brand's requests with ids below `before`, newest first."""
    values = {"brand": member.brand_id, "state": state, "before": before or 2**62, "most": most}
    return await read_rows(session, ApprovalRow, LIST_APPROVALS, values)


async def get_approval(session: AsyncSession, member: Member, key: UUID) -> ApprovalRow:
    """A request in its current state.

    Raises:
        ApprovalUnknown: the brand has no request with this id.
    """
    row = await read_row(session, ApprovalRow, FIND_APPROVAL, {"brand": member.brand_id, "key": key})
    if row is None:
        raise ApprovalUnknown
    return row


async def request_approval(
    session: AsyncSession,
    settings: Settings,
    member: Member,
    key: UUID,
    operation: ApprovalOperation,
    reason: str,
    now: datetime,
) -> bool:
    """Request an approval. Idempotent by its id. Returns whether it is new.

    Raises:
        BodyChanged: another request has this id.
    """
    expires_at = now + timedelta(days=settings.numbers.at("approval_days", now.date()))
    values = {**operation._asdict(), "reason": reason.strip(), "requested_by": member.staff_id}
    row = insert(Approval).values(brand_id=member.brand_id, key=key, expires_at=expires_at, **values)
    new_id = await session.scalar(row.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(Approval.id))
    if new_id is None:
        existing = await _find_approval(session, member, key)
        if any(getattr(existing, name) != value for name, value in values.items()):
            raise BodyChanged
        return False
    _record_event(session, member, "approval.requested", key, operation)
    return True


async def decide_approval(
    session: AsyncSession, member: Member, key: UUID, decision: ApprovalDecisionIn, now: datetime
) -> tuple[Approval, bool]:
    """Approve or decline a request. Idempotent for the same decision of the same member. Returns whether it is new.

    Raises:
        ApprovalUnknown, SelfApprovalForbidden, ApprovalDecided.
    """
    approval, state = await _find_approval(session, member, key, lock=True), STATES[decision.action]
    if approval.state != "waiting":
        is_same = {"approved": "approved", "used": "approved", "declined": "declined"}[approval.state] == state
        if is_same and approval.decided_by == member.staff_id:
            return approval, False
        raise ApprovalDecided
    if decision.action == "approve" and approval.requested_by == member.staff_id:
        raise SelfApprovalForbidden
    if approval.expires_at <= now:
        raise ApprovalDecided
    approval.state = state  # type: ignore[assignment]
    approval.decided_by, approval.decided_at, approval.note = member.staff_id, now, decision.note
    _record_event(
        session, member, f"approval.{state}", key, ApprovalOperation(approval.kind, approval.subject, approval.amount)
    )
    await session.flush()
    return approval, True


async def _find_approval(session: AsyncSession, member: Member, key: UUID, *, lock: bool = False) -> Approval:
    query = select(Approval).where(Approval.brand_id == member.brand_id, Approval.key == key)
    approval: Approval | None = await session.scalar(query.with_for_update() if lock else query)
    if approval is None:
        raise ApprovalUnknown
    return approval


async def require_approval(session: AsyncSession, member: Member, operation: ApprovalOperation, above: int) -> None:
    """Accept an operation that needs no approval, or consume its approval.

    An operation up to `above` needs none. A brand with one owner or manager needs none unless four eyes are on.

    Raises:
        ApprovalRequired: there is no approval of this amount by two current owners or managers.
    """
    if operation.amount <= above or not await needs_approval(session, member):
        return
    approval_key = await session.scalar(
        CONSUME_APPROVAL, {"brand": member.brand_id, "editors": list(EDITORS), **operation._asdict()}
    )
    if approval_key is None:
        raise ApprovalRequired
    _record_event(session, member, "approval.used", approval_key, operation)


async def needs_approval(session: AsyncSession, member: Member) -> bool:
    """Whether large operations of a brand need an approval: by its setting, or since it has two owners or managers."""
    if await session.scalar(select(Brand.four_eyes).where(Brand.id == member.brand_id)):
        return True
    editors = select(func.count()).where(
        Staff.brand_id == member.brand_id, Staff.role.in_(EDITORS), Staff.disabled_at.is_(None)
    )
    return (await session.scalar(editors) or 0) > 1


async def set_four_eyes(session: AsyncSession, member: Member, brand: Brand, wanted: bool | None) -> None:
    """Switch four eyes on or off for a brand; None changes nothing. Switching off needs an approval itself.

    Raises:
        ApprovalRequired: switching off is not approved.
    """
    if wanted is None or wanted == brand.four_eyes:
        return
    if not wanted:
        await require_approval(session, member, ApprovalOperation("four_eyes", "off", 0), -1)
    brand.four_eyes = wanted
    await session.flush()
    audit_log.record(session, member, "brand.four_eyes", on=wanted)


def _record_event(session: AsyncSession, member: Member, event: str, key: UUID, operation: ApprovalOperation) -> None:
    audit_log.record(
        session,
        member,
        event,
        approval=str(key),
        operation=operation.kind,
        subject=operation.subject,
        amount=operation.amount,
    )
