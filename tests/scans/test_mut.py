
from sqlalchemy import text
from tests.scans.test_races import *
import pytest
from pathlib import Path
MUT=Path('/tmp/mut.sql').read_text(); ORIG=Path('/work/main/backend/programmes/sql/30_award.sql').read_text()
@pytest.fixture(autouse=True)
async def mutate(owner):
    from pathlib import Path

    async with owner.begin() as s:
        raw=(await s.connection()).sync_connection.connection.driver_connection
        await raw.execute(MUT, prepare=False)
    yield
    async with owner.begin() as s:
        raw=(await s.connection()).sync_connection.connection.driver_connection
        await raw.execute(ORIG, prepare=False)
