"""Wire format of the home screen: at most 4 KB, however long the names of programmes are."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from backend.core.http.models import ResponseModel
from backend.identity.accounts.schemas import CardNumber
from backend.programmes.rules.explanation import RuleVersion
from backend.spending.wallets.movement_texts import movement_text
from backend.spending.wallets.schemas import Amount, Id, MovementKindName, WalletOut
from payouts.models import MovementKind

MAX_BYTES = 4096
LAST_MOVEMENTS = 8  # movements; twice as many are read, because a hold and its end become one line
# The minimum that stays while something else can be left out.
FEW_MOVEMENTS, FEW_WALLETS = 3, 3


class RecentMovement(ResponseModel):
    """A movement on the home screen."""

    wallet_id: Id
    kind: Annotated[MovementKindName, Meta(examples=["earn"])]
    amount: Amount
    at: Annotated[datetime, Meta(examples=["2026-11-22T10:00:00Z"])]
    text: Annotated[str, Meta(examples=["Autumn bonus: 150 points."])] = ""


class AccountOverview(ResponseModel):
    """The home screen in one call: the last used wallets and their last movements."""

    card_number: CardNumber
    wallets: list[WalletOut]
    last: list[RecentMovement]
    has_pin: bool = False
    spending_held_until: Annotated[datetime | None, Meta(examples=["2026-11-23T10:00:00Z"])] = None
    more_wallets: bool = False


class MovementRow(msgspec.Struct):
    """A movement in the JSON of the database."""

    wallet_id: int
    kind: int
    amount: int
    at: datetime
    to_place: int
    version_id: int | None
    base: int | None
    gross: int | None
    accrued: int | None
    matures_on: date | None
    expires_on: date | None
    corrected: str | None
    cause: int
    cause_id: int
    name_ru: str | None
    name_en: str | None


_wallets = msgspec.json.Decoder(list[WalletOut])
_movements = msgspec.json.Decoder(list[MovementRow])
_encode = msgspec.json.Encoder().encode


def home_movements(json: str) -> list[MovementRow]:
    """The movements of a home row."""
    return _movements.decode(json)


def home_out(row: Any, last: Sequence[MovementRow], versions: Mapping[int, RuleVersion]) -> AccountOverview:
    """The home screen, shortened to fit."""
    return fit_home(
        AccountOverview(
            card_number=row.card_number,
            wallets=_wallets.decode(row.wallets),
            last=[_wallet_glance(movement, versions) for movement in without_settled_holds(last)[:LAST_MOVEMENTS]],
            has_pin=row.has_pin,
            spending_held_until=row.spending_held_until,
            more_wallets=row.more_wallets,
        )
    )


def without_settled_holds(last: Sequence[MovementRow]) -> list[MovementRow]:
    """Movements without holds of orders that have ended: a purchase is one line, not two."""
    ended = {
        (row.wallet_id, row.cause, row.cause_id)
        for row in last
        if row.kind in (MovementKind.SETTLE, MovementKind.RELEASE)
    }
    return [
        row for row in last if row.kind != MovementKind.HOLD or (row.wallet_id, row.cause, row.cause_id) not in ended
    ]


def _wallet_glance(row: MovementRow, versions: Mapping[int, RuleVersion]) -> RecentMovement:
    kind: Any = MovementKind(row.kind).name.lower()
    return RecentMovement(row.wallet_id, kind, row.amount, row.at, movement_text(row, versions))


def fit_home(home: AccountOverview) -> AccountOverview:
    """Remove the oldest movements, then the wallets unused for longest, until the rest fits. Changes its argument, and
    always ends: a home screen without both has under a hundred bytes.
    """
    while len(_encode(home)) > MAX_BYTES and (home.last or home.wallets):
        if len(home.last) > FEW_MOVEMENTS or (len(home.wallets) <= FEW_WALLETS and home.last):
            home.last.pop()
        else:
            removed = home.wallets.pop()
            home.last = [glance for glance in home.last if glance.wallet_id != removed.id]
            home.more_wallets = True
    return home
