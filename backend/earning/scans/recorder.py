"""Records and credits scans in one transaction; concurrent requests are batched."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.scans import abuse_limits
from backend.earning.scans.abuse_limits import GuessWindow
from backend.earning.scans.outcomes import ScanRecord
from backend.identity.accounts.authentication import error_from_sqlstate

RECORD_SCANS = text("SELECT * FROM scans_record_v2(CAST(:calls AS jsonb), CAST(:items AS jsonb), :fail_on_lock)")


class RecordRequest(msgspec.Struct):
    """The records of one request, with its account, its limit of scans a minute, and its windows of made-up codes."""

    account: int
    device: int
    per_minute: int
    windows: Sequence[GuessWindow]
    records: Sequence[ScanRecord]


class ScanRecorder:
    """Calls the SQL function scans_record_v2, for several requests at once under load."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.batcher = db.batcher(self._run)

    async def record(self, call: RecordRequest) -> list[Any]:
        """Record and credit the scans of a request: a row for each of them.

        Raises:
            Unauthenticated, TooManyRequests: the account is not admitted. psycopg.Error: SB010, SB011.
        """
        # A queue is large enough to run by itself. So does a made-up code: the next one of the same account must see
        # that it was counted.
        is_single = len(call.records) > 1 or call.records[0].reason == "unknown_code"
        rows = (await self._run([call], fail_on_lock=False))[0] if is_single else await self.batcher.execute(call)
        if rows[0].fault:
            raise error_from_sqlstate(rows[0].fault, rows[0].wait)
        return rows

    async def _run(self, calls: Sequence[RecordRequest], *, fail_on_lock: bool) -> list[list[Any]]:
        limits, items = [], []
        rows_of: list[list[Any]] = [[] for _ in calls]
        for number, call in enumerate(calls):
            limits.append(
                {
                    "call": number,
                    "account": call.account,
                    "device": call.device,
                    "per_minute": call.per_minute,
                    "windows": call.windows,
                    "scans": len(call.records),
                    "made_up": abuse_limits.count_guessed_codes(call.records),
                }
            )
            for record in call.records:
                record.call = number
                items.append(record)
        json = msgspec.json.encode
        rows = await self._db.rows(
            RECORD_SCANS, calls=json(limits).decode(), items=json(items).decode(), fail_on_lock=fail_on_lock
        )
        for row in rows:
            rows_of[row.call].append(row)
        return rows_of
