"""What clients of the released installation know, and the proof of its ledger."""

import json
from pathlib import Path

from backend.core.db.database import Database
from payouts import audit

HERE = Path(__file__).parent
KNOWN = json.loads((HERE / "0.1.0.json").read_text("utf-8"))
STATEMENTS = json.loads((HERE / "0.1.0_statements.json").read_text("utf-8"))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def prove(url):
    owner = Database(url, pool_size=1, role="")
    try:
        return (await audit.audit_ledger(owner.engine)).faults
    finally:
        await owner.close()
