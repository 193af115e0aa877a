"""The home screen over the wire: at most 4 KB, whatever names people give to their programmes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from backend.accounts.schemas import CardNumber
from backend.programmes.explain import Version
from backend.wallets.schemas import Amount, Id, MovementKind, WalletOut, explained
from backend.wire import Out
from payouts.models import Kind

MOST_BYTES = 4096
# What is kept while there is something else to leave out.
FEW_MOVEMENTS, FEW_WALLETS = 3, 3


class Glance(Out):
    """A movement as the home screen shows it."""

    wallet_id: Id
    kind: Annotated[MovementKind, Meta(examples=["earn"])]
    amount: Amount
    at: Annotated[datetime, Meta(examples=["2026-11-22T10:00:00Z"])]
    text: Annotated[str, Meta(examples=["Autumn bonus: 150 points."])] = ""


class Home(Out):
    """The home screen in one call: the wallets last used, and their last movements."""

    card_number: CardNumber
    wallets: list[WalletOut]
    last: list[Glance]
    has_pin: bool = False
    spending_held_until: Annotated[datetime | None, Meta(examples=["2026-11-23T10:00:00Z"])] = None
    more_wallets: bool = False


class MovementRow(msgspec.Struct):
    """A movement as the database tells it in JSON."""

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


_wallets = msgspec.json.Decoder(list[WalletOut])
_movements = msgspec.json.Decoder(list[MovementRow])
_encode = msgspec.json.Encoder().encode


def home_movements(json: str) -> list[MovementRow]:
    """The movements of a home row."""
    return _movements.decode(json)


def home_out(row: Any, last: Sequence[MovementRow], versions: Mapping[int, Version]) -> Home:
    """The home screen, as much of it as fits."""
    return fitted(
        Home(
            card_number=row.card_number,
            wallets=_wallets.decode(row.wallets),
            last=[_glance(movement, versions) for movement in last],
            has_pin=row.has_pin,
            spending_held_until=row.spending_held_until,
            more_wallets=row.more_wallets,
        )
    )


def _glance(row: MovementRow, versions: Mapping[int, Version]) -> Glance:
    why = explained(row, versions)
    return Glance(row.wallet_id, Kind(row.kind).name.lower(), row.amount, row.at, why.text if why else "")  # type: ignore[arg-type]


def fitted(home: Home) -> Home:
    """Leave out the oldest movements, then the wallets that were not used for longest, until the rest fits. Changes
    its argument, and always ends: a home without both has under a hundred bytes."""
    while len(_encode(home)) > MOST_BYTES and (home.last or home.wallets):
        if len(home.last) > FEW_MOVEMENTS or (len(home.wallets) <= FEW_WALLETS and home.last):
            home.last.pop()
        else:
            gone = home.wallets.pop()
            home.last = [glance for glance in home.last if glance.wallet_id != gone.id]
            home.more_wallets = True
    return home
