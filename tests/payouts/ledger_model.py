"""A model of the ledger for tests: lots in a list, no SQL. The database must behave like it."""

from dataclasses import dataclass, field
from datetime import date


class Refused(Exception):
    """The model refuses the operation."""


@dataclass
class Lot:
    """Earnings with the same two days; `lost` is what expired and what clawbacks of its earnings moved."""

    matures_on: date
    expires_on: date
    pending: bool
    left: int = 0
    amount: int = 0
    lost: int = 0


@dataclass
class Hold:
    """The amount that an order holds, and the lots it was drawn from, the last one at the end."""

    left: int
    drawn: list[list]  # [lot, amount that was not given back]


@dataclass
class Wallet:
    """One owner's wallet; `debt` is what clawbacks took beyond its lots."""

    lots: list[Lot] = field(default_factory=list)
    debt: int = 0
    earned: dict[int, list] = field(default_factory=dict)  # key -> [lot, amount that was not clawed back]
    holds: dict[int, Hold] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        return sum(lot.left for lot in self.lots if lot.pending)

    @property
    def available(self) -> int:
        return sum(lot.left for lot in self.lots if not lot.pending) - self.debt

    @property
    def held(self) -> int:
        return sum(hold.left for hold in self.holds.values())

    def open(self, today: date) -> None:
        for lot in sorted(self.lots, key=lambda lot: lot.matures_on):
            if lot.pending and lot.matures_on <= today:
                lot.pending = False
                amount, lot.left = lot.left, 0
                lot.left = self._repay(amount)
        for lot in self.lots:
            if not lot.pending and lot.expires_on <= today:
                lot.lost += lot.left
                lot.left = 0

    def earn(self, key: int, amount: int, today: date, matures_on: date, expires_on: date) -> None:
        self.open(today)
        same = [lot for lot in self.lots if (lot.matures_on, lot.expires_on) == (matures_on, expires_on)]
        lot = same[0] if same else Lot(matures_on, expires_on, matures_on > today)
        self.lots += [] if same else [lot]
        lot.amount += amount
        lot.left += amount if lot.pending else self._repay(amount)
        self.earned[key] = [lot, amount]

    def hold(self, key: int, amount: int, today: date) -> None:
        self.open(today)
        if self.available < amount:
            raise Refused
        drawn = self._draw(self._ready(), amount)
        self.holds[key] = Hold(amount, drawn)

    def settle(self, key: int, amount: int, today: date) -> None:
        self.open(today)
        self._hold(key, amount).left -= amount

    def release(self, key: int, amount: int, today: date) -> None:
        self.open(today)
        hold = self._hold(key, amount)
        hold.left -= amount
        back = self._repay(amount)
        for drawn in reversed(hold.drawn):
            part = min(back, drawn[1])
            drawn[0].left += part
            drawn[1] -= part
            back -= part

    def claw_back(self, key: int, amount: int, today: date) -> None:
        self.open(today)
        if key not in self.earned or self.earned[key][1] < amount:
            raise Refused
        own = self.earned[key][0]
        if own.left < amount:
            amount = max(0, min(amount, own.amount - own.lost))
        self.earned[key][1] -= amount
        own.lost += amount
        others = [] if own.pending else [lot for lot in self._ready(latest=True) if lot is not own]
        drawn = self._draw([own, *others], amount)
        self.debt += amount - sum(part for _, part in drawn)

    def write_off(self, amount: int, today: date) -> None:
        self.open(today)
        if self.debt < amount:
            raise Refused
        self.debt -= amount

    def _ready(self, *, latest: bool = False) -> list[Lot]:
        """Available lots, soonest expiry first, or latest; lots of one expiry in the order of maturing."""
        ready = sorted((lot for lot in self.lots if not lot.pending), key=lambda lot: lot.matures_on)
        return sorted(ready, key=lambda lot: lot.expires_on, reverse=latest)

    def _draw(self, lots: list[Lot], amount: int) -> list[list]:
        drawn = []
        for lot in lots:
            part = min(amount, lot.left)
            if part:
                lot.left -= part
                amount -= part
                drawn.append([lot, part])
        return drawn

    def _repay(self, amount: int) -> int:
        """Repay the debt from an amount, and return the rest."""
        repaid = min(amount, self.debt)
        self.debt -= repaid
        return amount - repaid

    def _hold(self, key: int, amount: int) -> Hold:
        if key not in self.holds or self.holds[key].left < amount:
            raise Refused
        return self.holds[key]
