"""Fixtures of all tests of receipts."""

import pytest

from tests.earning.receipts.receipt_builders import Buying
from tests.make import World


@pytest.fixture
def buying(world: World) -> Buying:
    return Buying(world)
