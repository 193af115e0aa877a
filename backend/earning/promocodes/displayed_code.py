"""A promo code as cards and pages show it: its offer, its brand's style, and whether it is open."""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date
from sqlalchemy import TextClause, text

from backend.core.db.database import Database
from backend.core.language import language, translate
from backend.core.settings import Settings
from backend.earning.promocodes.cards.artwork.content import Card, CardStyle
from backend.earning.promocodes.offer_text import offer_text
from backend.earning.promocodes.words import code_parser
from backend.earning.promocodes.words.code_parser import SpelledCode
from backend.programmes.rules.rule import Rule
from scanning.codes import symbols

GROUP = 4  # symbols of a generated code in one group
WITH_LOGO, WITHOUT_LOGO = "l.logo", "NULL::bytea"


def _select_codes(condition: str, logo: str) -> TextClause:
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
    """)  # noqa: S608 - constants of this module


BY_CODE = _select_codes("c.code = :code", WITHOUT_LOGO)
BY_CODE_WITH_LOGO = _select_codes("c.code = :code", WITH_LOGO)
OF_AGENT = _select_codes("c.account_id = :account AND c.key = :key", WITH_LOGO)


class DisplayedCode(NamedTuple):
    """A code with one of its runs and the offer of its campaign's newest rule."""

    code_id: int
    code: str
    run: int
    text: str  # as people read it: a requested word as it was typed, a generated code in groups
    nickname: str
    brand_id: int
    brand: str
    offer: str
    until: date | None  # the last day, in the programme's time zone
    today: date
    campaign: str
    style: CardStyle
    labels: list[dict[str, Any]]
    has_run: bool
    is_over: bool
    is_open: bool


async def find_displayed_code(
    db: Database, spelled: SpelledCode, now: datetime, *, logo: bool = False
) -> DisplayedCode | None:
    """The code that a buyer typed, or None if it does not exist or cannot be used. An unknown run becomes run 0."""
    statement = BY_CODE_WITH_LOGO if logo else BY_CODE
    rows = await db.rows(statement, code=spelled.code, run=spelled.run, now=now)
    # A closed code takes no longer than an unknown one: the duration of a miss reveals nothing.
    if not rows or rows[0].is_over or not rows[0].is_offered:
        return None
    displayed = _displayed_code(rows[0], spelled.run, now)
    return displayed if displayed.has_run else displayed._replace(run=0, text=_readable_text(rows[0], 0))


async def find_displayed_code_of_agent(
    db: Database, account_id: int, key: UUID, run: int, now: datetime
) -> DisplayedCode | None:
    """An agent's own code, open or not, by the id that the phone chose."""
    rows = await db.rows(OF_AGENT, account=account_id, key=key, run=run, now=now)
    return _displayed_code(rows[0], run, now) if rows else None


def build_card(displayed: DisplayedCode, settings: Settings) -> Card:
    """The content of a code's card, in the caller's language.

    The QR code has the address in capitals, which takes a third less space (ISO/IEC 18004, 8.4.3). The server accepts
    both cases.
    """
    code = quote(code_parser.code_with_run(displayed.code, displayed.run))
    return Card(
        link=f"{settings.code_host}/P/{code}",
        code=displayed.text,
        offer=displayed.offer,
        brand=displayed.brand,
        until=valid_until_text(displayed),
        hint=translate("Show the code at the till"),
        nickname=translate("Recommended by {name}", name=displayed.nickname) if displayed.nickname else "",
        label=ad_label_text(displayed),
        style=displayed.style,
    )


def valid_until_text(displayed: DisplayedCode) -> str:
    """A sentence with the last day of the offer; empty if it has no end."""
    if displayed.until is None:
        return ""
    return translate("Valid through {day}", day=format_date(displayed.until, "long", language.get()))


def ad_label_text(displayed: DisplayedCode) -> str:
    """The advertising label that the law requires today, always in Russian (38-FZ, article 18.1); often empty."""
    current = [row for row in displayed.labels if _is_current(row, displayed)]
    if not current:
        return ""
    # A label of the campaign has precedence over one for all campaigns, then a later one over an earlier one.
    row = max(current, key=lambda each: (bool(each.get("campaign")), each["from"]))
    erid = f" erid: {row['erid']}" if row.get("erid") else ""
    return f"Реклама. {row['advertiser'].rstrip('.')}.{erid}"


def _is_current(row: dict[str, Any], displayed: DisplayedCode) -> bool:
    begins, ends = date.fromisoformat(row["from"]), row.get("until")
    return (
        begins <= displayed.today
        and (not ends or displayed.today <= date.fromisoformat(ends))
        and row.get("campaign") in (None, displayed.campaign)
    )


def _displayed_code(row: Any, run: int, now: datetime) -> DisplayedCode:
    zone = ZoneInfo(row.timezone)
    last = row.ends_at - timedelta(microseconds=1) if row.ends_at else None
    offer = offer_text(msgspec.convert(row.rule, Rule), row.currency)
    colours = {"background": row.background, "ink": row.ink, "accent": row.accent} if row.background else {}
    return DisplayedCode(
        code_id=row.id,
        code=row.code,
        run=run,
        text=_readable_text(row, run),
        nickname=row.nickname or "",
        brand_id=row.brand_id,
        brand=row.brand,
        offer=offer[:1].upper() + offer[1:],
        until=last.astimezone(zone).date() if last else None,
        today=now.astimezone(zone).date(),
        campaign=row.campaign,
        style=CardStyle(**colours, logo=bytes(row.logo or b"")),
        labels=row.labels or [],
        has_run=row.has_run or run == 0,
        is_over=row.is_over,
        is_open=row.is_offered and not row.is_over,
    )


def _readable_text(row: Any, run: int) -> str:
    """A requested word as it was typed; a code with a valid check symbol, so a drawn one, in groups."""
    code: str = row.shown or row.code
    if row.shown is None and symbols.has_valid_check(code):
        code = "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))
    return code_parser.code_with_run(code, run)
