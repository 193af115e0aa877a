"""Verification levels: 0 anonymous, 1 named, 2 company or self-employed. Agents request one, each brand confirms it.

We store no name and no tax number, so they cannot leak. The check digits of a tax number are verified, and its keyed
hash is stored to detect a second account with the same number.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from stdnum.ru import inn as tax_number

from backend.core.db.database import Database
from backend.core.http.errors import Invalid, NotFound
from backend.core.security import digests
from backend.core.settings import Settings
from backend.identity.accounts.authentication import Agent
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.spending.models import VerificationLevel, VerificationRequest

NAMED, COMPANY = 1, 2
PERSON_DIGITS, COMPANY_DIGITS = 12, 10

UPSERT_REQUEST = text("""
    INSERT INTO identities AS i (account_id, rung, kind, inn_digest)
    VALUES (:account, :rung, :kind, digest_pick('inn', CAST(:digests AS bytea[])))
    ON CONFLICT (account_id)
        DO UPDATE SET rung = :rung, kind = :kind, inn_digest = excluded.inn_digest, asked_at = now()
        WHERE (i.rung, i.kind, i.inn_digest) IS DISTINCT FROM (:rung, :kind, excluded.inn_digest)
""")
REQUEST = text("""
    SELECT rung, kind, inn_digest IS NOT NULL AS has_inn, asked_at FROM identities WHERE account_id = :account
""")
CONFIRMED_LEVELS = text("""
    SELECT r.brand_id, b.name AS brand, r.rung, r.at FROM rungs r JOIN brands b ON b.id = r.brand_id
    WHERE r.account_id = :account ORDER BY r.brand_id
""")
# A brand sees only agents with a wallet in one of its programmes.
_AGENTS = """
    SELECT a.id, a.card_number, coalesce(r.rung, 0) AS rung, r.at, coalesce(r.note, '') AS note, i.rung AS asked,
        i.kind, i.asked_at, i.inn_digest IS NOT NULL AS has_inn,
        (SELECT count(*) FROM identities j WHERE j.inn_digest = i.inn_digest AND j.account_id <> i.account_id
            AND EXISTS (SELECT FROM wallets w JOIN programmes g ON g.id = w.book_id
                WHERE w.owner_id = j.account_id AND g.brand_id = :brand)) AS same_inn
    FROM accounts a LEFT JOIN rungs r ON r.account_id = a.id AND r.brand_id = :brand
    LEFT JOIN identities i ON i.account_id = a.id
    WHERE EXISTS (SELECT FROM wallets w JOIN programmes g ON g.id = w.book_id
        WHERE w.owner_id = a.id AND g.brand_id = :brand)
"""
AGENT_BY_CARD = text(f"{_AGENTS} AND a.card_number = :card")
AGENT_PAGE = text(f"""
    {_AGENTS} AND a.id > :after AND (i.account_id IS NOT NULL OR r.account_id IS NOT NULL)
        AND (NOT :waiting OR i.rung > coalesce(r.rung, 0))
    ORDER BY a.id LIMIT :most
""")


class TaxNumberInvalid(Invalid):
    """The tax number is not valid: it has 12 digits, a company's has 10, and its check digits must match."""

    code = "tax_number_invalid"


class TaxNumberRequired(Invalid):
    """A company or a self-employed person has a tax number. Send it as `inn`: we keep only its hash."""

    code = "tax_number_needed"


class LevelKindInvalid(Invalid):
    """Level 2 is for companies and the self-employed, the lower levels are for persons."""

    code = "kind_for_rung"


class AgentNotFound(NotFound):
    """No agent with this card number has a wallet in your programmes."""

    code = "agent_unknown"


class LevelRequest(NamedTuple):
    """A requested level; `inn` is checked and hashed, not stored."""

    rung: int
    kind: str
    inn: str | None


async def request_level(db: Database, settings: Settings, agent: Agent, request: LevelRequest) -> None:
    """Request a level. Idempotent. It takes effect when a brand confirms it.

    Raises:
        LevelKindInvalid, TaxNumberRequired, TaxNumberInvalid.
    """
    check_request(request)
    digests = _tax_number_digests(settings, request.inn) if request.inn else None
    await db.rows(UPSERT_REQUEST, account=agent.account_id, rung=request.rung, kind=request.kind, digests=digests)


def check_request(request: LevelRequest) -> None:
    """Validate a request. Pure.

    Raises:
        LevelKindInvalid, TaxNumberRequired, TaxNumberInvalid (check digits: python-stdnum, stdnum.ru.inn).
    """
    if (request.kind == "person") == (request.rung == COMPANY):
        raise LevelKindInvalid
    if request.inn is None:
        if request.rung == COMPANY:
            raise TaxNumberRequired
        return
    # A sole trader has a person's number.
    lengths = (COMPANY_DIGITS, PERSON_DIGITS) if request.kind == "company" else (PERSON_DIGITS,)
    if len(request.inn) not in lengths or not tax_number.is_valid(request.inn):
        raise TaxNumberInvalid


def _tax_number_digests(settings: Settings, inn: str) -> list[bytes]:
    """Hashes of a tax number under each pepper; the database stores the current one."""
    return digests.chain(settings.peppers, digests.INN, inn.encode("ascii"))


async def account_levels(db: Database, account_id: int) -> tuple[Any | None, list[Any]]:
    """The requested level of an account, and the levels that brands confirmed."""
    requests = await db.rows(REQUEST, account=account_id)
    return (requests[0] if requests else None), await db.rows(CONFIRMED_LEVELS, account=account_id)


async def agent_page(session: AsyncSession, member: Member, *, waiting: bool, after: int, most: int) -> list[Any]:
    """The brand's agents with a requested or confirmed level; `waiting`: those who requested a higher one."""
    values = {"brand": member.brand_id, "waiting": waiting, "after": after, "most": most}
    return list((await session.execute(AGENT_PAGE, values)).all())


async def agent_by_card(session: AsyncSession, member: Member, card_number: str) -> Any:
    """One of the brand's agents.

    Raises:
        AgentNotFound: none of them has this card number.
    """
    row = (await session.execute(AGENT_BY_CARD, {"brand": member.brand_id, "card": card_number})).one_or_none()
    if row is None:
        raise AgentNotFound
    return row


async def confirm_level(session: AsyncSession, member: Member, card_number: str, *, level: int, note: str) -> Any:
    """Set the level of an agent for this brand, up or down, with the tax number of the request, if any.

    Raises:
        AgentNotFound: none of the brand's agents has this card number.
    """
    agent = await agent_by_card(session, member, card_number)
    key = (VerificationLevel.brand_id == member.brand_id, VerificationLevel.account_id == agent.id)
    row = await session.scalar(select(VerificationLevel).where(*key).with_for_update())
    request = await session.get(VerificationRequest, agent.id)
    digest = request.inn_digest if request else None
    if row is not None and (row.rung, row.note, row.inn_digest) == (level, note, digest):
        return agent
    if row is None:
        row = VerificationLevel(brand_id=member.brand_id, account_id=agent.id)
        session.add(row)
    row.rung, row.note, row.inn_digest = level, note, digest
    row.staff_id, row.at = member.staff_id, datetime.now(UTC)
    audit_log.record(session, member, "identity.put", card=card_number, rung=level)
    await session.flush()
    return await agent_by_card(session, member, card_number)


async def delete_levels(session: AsyncSession, account_id: int) -> None:
    """Delete the requested and confirmed levels of an account."""
    await session.execute(delete(VerificationRequest).where(VerificationRequest.account_id == account_id))
    await session.execute(delete(VerificationLevel).where(VerificationLevel.account_id == account_id))
