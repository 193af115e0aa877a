"""Fixtures of all tests of receipts."""

import pytest

from tests.make import World
from tests.receipts.buying import Buying


@pytest.fixture
def buying(world: World) -> Buying:
    return Buying(world)
