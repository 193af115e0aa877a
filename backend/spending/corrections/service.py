"""Corrections: requested by one member of staff, moved in the ledger when another one approves.

Order of locks: the request -> the brand -> the account (advisory) -> its wallet.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.locks import lock_account
from backend.core.http.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.core.settings import Settings
from backend.identity.approvals import service as approvals
from backend.identity.approvals.models import Approval
from backend.identity.approvals.schemas import ApprovalDecisionIn
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.identity.brands.models import Brand
from backend.programmes import service as programmes
from backend.programmes.models import Programme
from backend.spending.corrections.models import CAUSE, Correction
from backend.spending.corrections.schemas import CorrectionIn, CorrectionRow
from payouts import ledger
from payouts.ledger import Cause, WalletKey

OPEN_ACCOUNT_BY_CARD = text("SELECT id FROM accounts WHERE card_number = :card AND closed_at IS NULL")
COUNT_OPEN_ACCOUNT = text("SELECT count(*) FROM accounts WHERE id = :account AND closed_at IS NULL")
CORRECTED_TODAY = text("""
    SELECT coalesce(sum(abs(amount)), 0)::bigint FROM corrections
    WHERE brand_id = :brand AND done_at >= date_trunc('day', CAST(:now AS timestamptz))
""")
_COLUMNS = """
    SELECT c.id, c.key, a.card_number, g.key AS programme, c.amount, c.reason, c.expires_on, p.requested_at,
        p.decided_at, p.note, r.email AS requester, d.email AS decider,
        CASE WHEN p.state IN ('waiting', 'approved') AND p.expires_at <= now() THEN 'expired' ELSE p.state END
            AS shown_state
    FROM corrections c JOIN approvals p ON p.id = c.approval_id JOIN programmes g ON g.id = c.programme_id
    JOIN accounts a ON a.id = c.account_id JOIN staff r ON r.id = p.requested_by
    LEFT JOIN staff d ON d.id = p.decided_by
    WHERE c.brand_id = :brand
"""
CORRECTION_BY_KEY = text(f"{_COLUMNS} AND c.key = :key")
CORRECTION_PAGE = text(f"""
    {_COLUMNS} AND c.id < :before AND (CAST(:card AS text) IS NULL OR a.card_number = :card)
    ORDER BY c.id DESC LIMIT :most
""")


class CorrectionNotFound(NotFound):
    """Your brand has no such correction."""

    code = "correction_unknown"


class CardNotFound(NotFound):
    """There is no account with this card number."""

    code = "card_unknown"


class CorrectionInvalid(Invalid):
    """The amount of a correction is not zero, and only points that it adds can expire."""

    code = "correction_empty"


class CorrectionLimited(Conflict):
    """The amount exceeds the limit of one correction or of a day. Contact the operator of this installation."""

    code = "correction_limited"


class WalletBalanceTooLow(Conflict):
    """The available balance is lower. A correction cannot leave a debt."""

    code = "wallet_less"


class AccountClosed(Conflict):
    """The agent has closed this account. It cannot be corrected any more."""

    code = "agent_gone"


async def correction_page(
    session: AsyncSession, member: Member, card: str | None, before: int | None, most: int
) -> list[CorrectionRow]:
    """The brand's corrections, newest first, before an id."""
    values = {"brand": member.brand_id, "card": card, "before": before or 2**62, "most": most}
    return [CorrectionRow(*row) for row in await session.execute(CORRECTION_PAGE, values)]


async def correction_by_key(session: AsyncSession, member: Member, key: UUID) -> CorrectionRow:
    """A correction in its present state.

    Raises:
        CorrectionNotFound: the brand has none with this id.
    """
    row = (await session.execute(CORRECTION_BY_KEY, {"brand": member.brand_id, "key": key})).one_or_none()
    if row is None:
        raise CorrectionNotFound
    return CorrectionRow(*row)


async def request_correction(
    session: AsyncSession, settings: Settings, member: Member, key: UUID, new: CorrectionIn, now: datetime
) -> CorrectionRow:
    """Request a correction. Idempotent by its id: the same request gets the present correction.

    Raises:
        ProgrammeUnknown, CardNotFound, CorrectionInvalid, CorrectionLimited, BodyChanged.
    """
    programme = await programmes.get_programme(session, member, new.programme)
    account_id = await session.scalar(OPEN_ACCOUNT_BY_CARD, {"card": new.card_number})
    if account_id is None:
        raise CardNotFound
    _check_amount(settings, new, now.astimezone(ZoneInfo(programme.timezone)).date())
    # No card number: the approval and the audit log outlive an erased account.
    operation = approvals.ApprovalOperation("correction", new.programme, abs(new.amount))
    if await approvals.request_approval(session, settings, member, key, operation, new.reason, now):
        approval = (await session.scalars(_find_approval(member, key))).one()
        session.add(
            Correction(
                brand_id=member.brand_id,
                key=key,
                approval_id=approval.id,
                programme_id=programme.id,
                account_id=account_id,
                amount=new.amount,
                reason=new.reason.strip(),
                expires_on=new.expires_on,
            )
        )
        await session.flush()
    correction = await correction_by_key(session, member, key)
    requested = new.card_number, new.programme, new.amount, new.expires_on
    if (correction.card_number, correction.programme, correction.amount, correction.expires_on) != requested:
        raise BodyChanged
    return correction


def _check_amount(settings: Settings, new: CorrectionIn, today: date) -> None:
    if not new.amount or (new.expires_on is not None and (new.amount < 0 or new.expires_on <= today)):
        raise CorrectionInvalid
    if abs(new.amount) > settings.numbers.at("correction_most", today):
        raise CorrectionLimited


async def decide_approval(
    session: AsyncSession, settings: Settings, member: Member, key: UUID, decision: ApprovalDecisionIn, now: datetime
) -> Any:
    """Decide a request; an approved correction moves with it. Returns the request.

    Raises:
        ApprovalUnknown, SelfApprovalForbidden, ApprovalDecided: of the request. CorrectionLimited, WalletBalanceTooLow,
        AccountClosed: of the correction, which then stays pending.
    """
    approval, is_new = await approvals.decide_approval(session, member, key, decision, now)
    if is_new and approval.kind == "correction" and approval.state == "approved":
        await _move_points(session, settings, member, approval, now)
    return await approvals.get_approval(session, member, key)


async def _move_points(
    session: AsyncSession, settings: Settings, member: Member, approval: Approval, now: datetime
) -> None:
    correction = (await session.scalars(select(Correction).where(Correction.approval_id == approval.id))).one()
    await _check_day(session, settings, member, correction, now)
    await lock_account(session, correction.account_id)
    if not await session.scalar(COUNT_OPEN_ACCOUNT, {"account": correction.account_id}):
        raise AccountClosed
    programme = await session.get_one(Programme, correction.programme_id)
    purse = WalletKey(correction.account_id, programme.id, now.astimezone(ZoneInfo(programme.timezone)).date())
    await _record_movement(session, purse, correction)
    correction.done_at, approval.state, approval.used_at = now, "used", now
    audit_log.record(
        session,
        member,
        "correction.done",
        correction=str(correction.key),
        programme=programme.key,
        amount=correction.amount,
        reason=correction.reason,
    )
    await session.flush()


async def _check_day(
    session: AsyncSession, settings: Settings, member: Member, correction: Correction, now: datetime
) -> None:
    """Check the brand's daily limit (UTC) under the brand's lock, so that two approvals cannot use the same rest."""
    await session.get_one(Brand, member.brand_id, with_for_update={"key_share": True})
    moved = await session.scalar(CORRECTED_TODAY, {"brand": member.brand_id, "now": now}) or 0
    if moved + abs(correction.amount) > settings.numbers.at("corrections_most_day", now.date()):
        raise CorrectionLimited


async def _record_movement(session: AsyncSession, purse: WalletKey, correction: Correction) -> None:
    cause = Cause(CAUSE, correction.id)
    if correction.amount > 0:
        expires_on = correction.expires_on or ledger.NEVER
        if expires_on <= purse.today:
            raise CorrectionInvalid
        await ledger.earn(session, purse, correction.amount, cause, matures_on=purse.today, expires_on=expires_on)
        return
    try:
        await ledger.correct(session, purse, -correction.amount, cause)
    except ledger.InsufficientBalance as error:
        raise WalletBalanceTooLow from error


def _find_approval(member: Member, key: UUID) -> Select[Approval]:
    return select(Approval).where(Approval.brand_id == member.brand_id, Approval.key == key)
