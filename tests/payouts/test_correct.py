"""Corrections by staff: from the lots that expire first, and never into debt."""

import pytest

from payouts import ledger
from payouts.ledger import Cause
from tests.payouts.owner import Owner

CORRECTED = 11


async def test_correction_consumes_lots_that_expire_first(agent: Owner):
    await agent.earn(100, lives=30)
    await agent.earn(100, lives=10)

    wallet = await agent.do(ledger.correct, 150, Cause(CORRECTED, 1))

    assert wallet.available == 50
    assert [left for _, left in await agent.lots()] == [50]


async def test_correction_above_available_is_refused(agent: Owner):
    await agent.earn(100)

    with pytest.raises(ledger.InsufficientBalance):
        await agent.do(ledger.correct, 101, Cause(CORRECTED, 2))


async def test_correction_repeated_moves_once(agent: Owner):
    await agent.earn(100)
    await agent.do(ledger.correct, 100, Cause(CORRECTED, 3))

    with pytest.raises(ledger.CauseRepeated):
        await agent.do(ledger.correct, 100, Cause(CORRECTED, 3))


async def test_clawback_after_correction_leaves_same_debt(agent: Owner):
    await agent.earn(100, Cause(1, 9_000_001))
    await agent.do(ledger.correct, 60, Cause(CORRECTED, 4))

    wallet = await agent.claw_back(100, Cause(1, 9_000_001))

    assert wallet.available == -60
