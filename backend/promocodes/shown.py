"""A promo code as others see it: its offer, its brand's look, and whether it is open. Cards and pages show it."""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date
from sqlalchemy import TextClause, text

from backend.database import Database
from backend.language import language, say
from backend.programmes.rules import Rule
from backend.promocodes import spelling
from backend.promocodes.cards.content import Card, Look
from backend.promocodes.offer_text import offer_text
from backend.promocodes.spelling import Spelled
from backend.settings import Settings
from scanning import symbols

GROUP = 4  # symbols of a generated code that stand together
WITH_LOGO, WITHOUT_LOGO = "l.logo", "NULL::bytea"


def _found_by(condition: str, logo: str) -> TextClause:
    return text(f"""
        SELECT c.id, c.code, c.shown, c.nickname, c.brand_id, b.name AS brand, g.currency, g.timezone, k.ends_at,
            v.rule, k.key AS campaign, l.background, l.ink, l.accent, l.labels, {logo} AS logo,
            EXISTS (SELECT FROM promo_runs r WHERE r.code_id = c.id AND r.n = :run) AS has_run,
            c.closed_at IS NOT NULL OR a.closed_at IS NOT NULL OR k.state = 'ended' OR k.ends_at <= :now AS is_over,
            k.state = 'active' AND k.starts_at <= :now
                AND c.used < coalesce((v.rule -> 'promo' ->> 'uses')::bigint, c.used + 1) AS is_offered
        FROM promo_codes c
        JOIN campaigns k ON k.id = c.campaign_id
        JOIN campaign_versions v ON v.campaign_id = k.id AND v.version = k.version
        JOIN programmes g ON g.id = k.programme_id
        JOIN brands b ON b.id = c.brand_id
        LEFT JOIN accounts a ON a.id = c.account_id
        LEFT JOIN brand_cards l ON l.brand_id = c.brand_id
        WHERE {condition}
    """)  # noqa: S608 - our own words


BY_CODE = _found_by("c.code = :code", WITHOUT_LOGO)
BY_CODE_WITH_LOGO = _found_by("c.code = :code", WITH_LOGO)
OF_AGENT = _found_by("c.account_id = :account AND c.key = :key", WITH_LOGO)


class Shown(NamedTuple):
    """A code in one of its runs, with the offer of its campaign's newest rule."""

    code_id: int
    code: str
    run: int
    text: str  # as people read it: a wish as it was made, a generated code in groups
    nickname: str
    brand_id: int
    brand: str
    offer: str
    until: date | None  # the last day, in the programme's time zone
    today: date
    campaign: str
    look: Look
    labels: list[dict[str, Any]]
    has_run: bool
    is_over: bool
    is_open: bool


async def of_code(db: Database, spelled: Spelled, now: datetime, *, logo: bool = False) -> Shown | None:
    """The code that a buyer names, in the bare run where the one he names is not there; None where there is none or
    it can't be used."""
    statement = BY_CODE_WITH_LOGO if logo else BY_CODE
    rows = await db.rows(statement, code=spelled.code, run=spelled.run, now=now)
    shown = _shown(rows[0], spelled.run, now) if rows else None
    if shown is None or not shown.is_open:
        return None
    return shown if shown.has_run else shown._replace(run=0, text=_readable(rows[0], 0))


async def of_agent(db: Database, account_id: int, key: UUID, run: int, now: datetime) -> Shown | None:
    """An agent's own code, open or not, under the id that he gave it."""
    rows = await db.rows(OF_AGENT, account=account_id, key=key, run=run, now=now)
    return _shown(rows[0], run, now) if rows else None


def card(shown: Shown, settings: Settings) -> Card:
    """What stands on a code's card, in the caller's language.

    The QR code says the address in capitals, which takes a third less room (ISO/IEC 18004, 8.4.3); addresses are
    answered in either spelling.
    """
    code = quote(spelling.write(shown.code, shown.run))
    return Card(
        link=f"{settings.code_host}/P/{code}",
        code=shown.text,
        offer=shown.offer,
        brand=shown.brand,
        until=until(shown),
        hint=say("Show the code at the till"),
        nickname=say("Recommended by {name}", name=shown.nickname) if shown.nickname else "",
        label=label(shown),
        look=shown.look,
    )


def until(shown: Shown) -> str:
    """Until when the offer stands, in a sentence; nothing where it has no end."""
    if shown.until is None:
        return ""
    return say("Valid through {day}", day=format_date(shown.until, "long", language.get()))


def label(shown: Shown) -> str:
    """What the law wants said of an advertisement today, and so in Russian (38-FZ, article 18.1); often nothing."""
    standing = [row for row in shown.labels if _stands(row, shown)]
    if not standing:
        return ""
    # One for the campaign goes before one for all, a later one before an earlier one.
    row = max(standing, key=lambda found: (bool(found.get("campaign")), found["from"]))
    erid = f" erid: {row['erid']}" if row.get("erid") else ""
    return f"Реклама. {row['advertiser'].rstrip('.')}.{erid}"


def _stands(row: dict[str, Any], shown: Shown) -> bool:
    begins, ends = date.fromisoformat(row["from"]), row.get("until")
    return (
        begins <= shown.today
        and (not ends or shown.today <= date.fromisoformat(ends))
        and row.get("campaign") in (None, shown.campaign)
    )


def _shown(row: Any, run: int, now: datetime) -> Shown:
    zone = ZoneInfo(row.timezone)
    last = row.ends_at - timedelta(microseconds=1) if row.ends_at else None
    offer = offer_text(msgspec.convert(row.rule, Rule), row.currency)
    colours = {"background": row.background, "ink": row.ink, "accent": row.accent} if row.background else {}
    return Shown(
        code_id=row.id,
        code=row.code,
        run=run,
        text=_readable(row, run),
        nickname=row.nickname or "",
        brand_id=row.brand_id,
        brand=row.brand,
        offer=offer[:1].upper() + offer[1:],
        until=last.astimezone(zone).date() if last else None,
        today=now.astimezone(zone).date(),
        campaign=row.campaign,
        look=Look(**colours, logo=bytes(row.logo or b"")),
        labels=row.labels or [],
        has_run=row.has_run or run == 0,
        is_over=row.is_over,
        is_open=row.is_offered and not row.is_over,
    )


def _readable(row: Any, run: int) -> str:
    """A wish as its maker wrote it; a code that ends with its check, so a drawn one, in groups."""
    code: str = row.shown or row.code
    if row.shown is None and symbols.has_valid_check(code):
        code = "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))
    return spelling.write(code, run)
