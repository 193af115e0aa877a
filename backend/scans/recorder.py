"""Writing down what became of scans, in the transaction that pays: of several requests where they come together."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from backend.accounts.door import refusal
from backend.database import Database
from backend.scans.guesses import Window
from backend.scans.outcomes import Record

RECORD = text("SELECT * FROM scans_record(CAST(:calls AS jsonb), CAST(:items AS jsonb), :hurry)")


class Call(msgspec.Struct):
    """What one request has recorded: for whom, with how many scans a minute, and where made-up codes are counted."""

    account: int
    device: int
    per_minute: int
    windows: Sequence[Window]
    records: Sequence[Record]


class Recorder:
    """The way to scans_record."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = db.together(self._run)

    async def record(self, call: Call) -> list[Any]:
        """Record a request's scans and pay: a row for each of them.

        Raises:
            Unauthenticated, TooManyRequests: the account may not go on. psycopg.Error: SB010, SB011, see scans_record.
        """
        # A queue is long enough to go by itself. So does who makes codes up: the next of his is to see that count.
        alone = len(call.records) > 1 or call.records[0].reason == "unknown_code"
        rows = (await self._run([call], hurry=False))[0] if alone else await self._together.do(call)
        if rows[0].fault:
            raise refusal(rows[0].fault, rows[0].wait)
        return rows

    async def _run(self, calls: Sequence[Call], *, hurry: bool) -> list[list[Any]]:
        told, items = [], []
        rows_of: list[list[Any]] = [[] for _ in calls]
        for number, call in enumerate(calls):
            told.append(
                {"call": number, "account": call.account, "device": call.device, "per_minute": call.per_minute,
                 "windows": call.windows, "scans": len(call.records)}
            )  # fmt: skip
            for record in call.records:
                record.call = number
                items.append(record)
        json = msgspec.json.encode
        rows = await self._db.rows(RECORD, calls=json(told).decode(), items=json(items).decode(), hurry=hurry)
        for row in rows:
            rows_of[row.call].append(row)
        return rows_of
