"""The identity ladder: 0 anonymous, 1 named, 2 company or self-employed. An agent asks, each brand confirms for itself.

We keep no name and no tax number: what we do not hold cannot leak. Of a tax number its check digits are verified, and
a keyed hash stays by which a second account of the same number is seen.
"""

import hmac
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from stdnum.ru import inn as tax_number

from backend.accounts.door import Agent
from backend.brands import audit
from backend.brands.door import Member
from backend.database import Database
from backend.errors import Invalid, NotFound
from backend.offers.models import AskedRung, Rung
from backend.settings import Settings

NAMED, COMPANY = 1, 2
PERSON_DIGITS, COMPANY_DIGITS = 12, 10

ASK = text("""
    INSERT INTO identities AS i (account_id, rung, kind, inn_digest) VALUES (:account, :rung, :kind, :digest)
    ON CONFLICT (account_id) DO UPDATE SET rung = :rung, kind = :kind, inn_digest = :digest, asked_at = now()
        WHERE (i.rung, i.kind, i.inn_digest) IS DISTINCT FROM (:rung, :kind, CAST(:digest AS bytea))
""")
ASKED = text("""
    SELECT rung, kind, inn_digest IS NOT NULL AS has_inn, asked_at FROM identities WHERE account_id = :account
""")
CONFIRMED = text("""
    SELECT r.brand_id, b.name AS brand, r.rung, r.at FROM rungs r JOIN brands b ON b.id = r.brand_id
    WHERE r.account_id = :account ORDER BY r.brand_id
""")
# Only those who have a wallet in one of the brand's programmes are its business.
_KNOWN = """
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
ONE = text(f"{_KNOWN} AND a.card_number = :card")
PAGE = text(f"""
    {_KNOWN} AND a.id > :after AND (i.account_id IS NOT NULL OR r.account_id IS NOT NULL)
        AND (NOT :waiting OR i.rung > coalesce(r.rung, 0))
    ORDER BY a.id LIMIT :most
""")


class TaxNumberInvalid(Invalid):
    """This is not a tax number: it has 12 digits, a company's has 10, and the last ones must fit the others."""


class TaxNumberNeeded(Invalid):
    """A company or a self-employed person has a tax number. Send it as `inn`: we keep only its hash."""


class KindForRung(Invalid):
    """The second rung is for companies and self-employed people, the ones below it are for persons."""


class AgentUnknown(NotFound):
    """Nobody with this card number has a wallet in your programmes."""


class Asked(NamedTuple):
    """What an agent says of itself; `inn` is checked, hashed and forgotten."""

    rung: int
    kind: str
    inn: str | None


async def ask(db: Database, settings: Settings, agent: Agent, asked: Asked) -> None:
    """Ask for a rung; the same again changes nothing. It holds once a brand confirms it.

    Raises:
        KindForRung, TaxNumberNeeded, TaxNumberInvalid: it does not fit together.
    """
    check(asked)
    digest = _digest(settings, asked.inn) if asked.inn else None
    await db.rows(ASK, account=agent.account_id, rung=asked.rung, kind=asked.kind, digest=digest)


def check(asked: Asked) -> None:
    """Let through what fits together. Pure.

    Raises:
        KindForRung, TaxNumberNeeded, TaxNumberInvalid: it does not (check digits: python-stdnum, stdnum.ru.inn).
    """
    if (asked.kind == "person") == (asked.rung == COMPANY):
        raise KindForRung
    if asked.inn is None:
        if asked.rung == COMPANY:
            raise TaxNumberNeeded
        return
    # A sole trader has a person's number.
    fitting = (COMPANY_DIGITS, PERSON_DIGITS) if asked.kind == "company" else (PERSON_DIGITS,)
    if len(asked.inn) not in fitting or not tax_number.is_valid(asked.inn):
        raise TaxNumberInvalid


def _digest(settings: Settings, inn: str) -> bytes:
    """By what the same tax number is known again (HMAC-SHA-256 under the pepper, which is not in the database)."""
    return hmac.digest(settings.pepper, b"inn:" + inn.encode("ascii"), "sha256")


async def mine(db: Database, account_id: int) -> tuple[Any | None, list[Any]]:
    """What an account asked for, and where brands have put it."""
    asked = await db.rows(ASKED, account=account_id)
    return (asked[0] if asked else None), await db.rows(CONFIRMED, account=account_id)


async def page(session: AsyncSession, member: Member, *, waiting: bool, after: int, most: int) -> list[Any]:
    """The brand's agents who asked for a rung or have one; `waiting`: those who asked for more than they have."""
    values = {"brand": member.brand_id, "waiting": waiting, "after": after, "most": most}
    return list((await session.execute(PAGE, values)).all())


async def get(session: AsyncSession, member: Member, card_number: str) -> Any:
    """One of the brand's agents.

    Raises:
        AgentUnknown: none of them has this card number.
    """
    found = (await session.execute(ONE, {"brand": member.brand_id, "card": card_number})).one_or_none()
    if found is None:
        raise AgentUnknown
    return found


async def confirm(session: AsyncSession, member: Member, card_number: str, *, rung: int, note: str) -> Any:
    """Put an agent on a rung, up or down, for this brand, with the tax number that it has named, if any.

    Raises:
        AgentUnknown: none of the brand's agents has this card number.
    """
    known = await get(session, member, card_number)
    key = (Rung.brand_id == member.brand_id, Rung.account_id == known.id)
    row = await session.scalar(select(Rung).where(*key).with_for_update())
    asked = await session.get(AskedRung, known.id)
    digest = asked.inn_digest if asked else None
    if row is not None and (row.rung, row.note, row.inn_digest) == (rung, note, digest):
        return known
    if row is None:
        row = Rung(brand_id=member.brand_id, account_id=known.id)
        session.add(row)
    row.rung, row.note, row.inn_digest = rung, note, digest
    row.staff_id, row.at = member.staff_id, datetime.now(UTC)
    audit.note(session, member, "identity.put", card=card_number, rung=rung)
    await session.flush()
    return await get(session, member, card_number)


async def forget(session: AsyncSession, account_id: int) -> None:
    """Delete what an account said of itself, and what brands wrote about it."""
    await session.execute(delete(AskedRung).where(AskedRung.account_id == account_id))
    await session.execute(delete(Rung).where(Rung.account_id == account_id))
