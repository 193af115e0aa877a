"""A bad day at a provider: two in five questions fail in every documented way, and all receipts are found at last."""

import asyncio

import pytest

from simulators import faults
from tests.earning.receipts.providers.conftest import opened, receipt_query

TRIES = 30


@pytest.mark.parametrize("kind", ["fns", "proverkacheka"])
async def test_every_receipt_is_found_after_faults(simulators, kind):
    receipts = [simulators.put(appears_after=1) for _ in range(60)]
    simulators.set_up(seed=4, faults=0.4, timeout_seconds=1.5, slow_seconds=0.2)

    async def found(provider, receipt):
        """Every result on the way: a receipt's own tries are those that were answered."""
        results, attempt = [], 0
        while "found" not in results and len(results) < TRIES:
            answer = await provider.find_receipt(receipt_query(receipt, attempt))
            attempt += answer.result == "not_yet"
            results.append(answer.result)
        return results, answer.raw

    async with opened(kind, simulators.url, timeout=1.2) as provider:
        ends = await asyncio.gather(*(found(provider, receipt) for receipt in receipts))

    assert all(results[-1] == "found" for results, _ in ends)
    assert [raw["document"]["receipt"] if kind == "fns" else raw for _, raw in ends] == receipts
    assert {result for results, _ in ends for result in results} <= {"found", "not_yet", "unavailable", "limit"}
    assert len(simulators.log(kind)["faults"]) >= len(faults.RANDOM_FAULTS[kind]) - 2  # nearly every kind was met
