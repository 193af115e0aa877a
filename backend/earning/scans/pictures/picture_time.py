"""The processor time of reading pictures, counted for the account and for its network."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import TooManyRequests
from backend.core.settings import Settings
from backend.earning.scans.pictures.decoder import Payer
from backend.identity.accounts.authentication import Agent

MINUTE = 60  # seconds
# A network is shared: while its window is full, it stops only accounts that spent over a second more than the same
# number of everyday photos needs.
FREE_MILLISECONDS, EVERYDAY_MILLISECONDS = 1000, 300

PICTURE_WAIT = text("SELECT pictures_wait(:account, :network, :most, :most_of_network, :everyday) AS wait")
CHARGE_PICTURE = text("SELECT pictures_charge(:account, :network, :seconds, :milliseconds)")


def account_key(account_id: int) -> str:
    return f"picture_ms:account:{account_id}"


def network_key(network: str) -> str:
    return f"picture_ms:network:{network}"


async def admit_picture(db: Database, settings: Settings, agent: Agent, now: datetime) -> None:
    """Count a picture before it is opened.

    Raises:
        TooManyRequests: the agent has sent too many pictures in a minute, or their cost fills a window.
    """
    day = now.date()
    counted = await rate_limits.count_request(
        db, f"pictures:{agent.account_id}", seconds=MINUTE, limit=settings.numbers.at("pictures_per_minute", day)
    )
    row = await db.call(
        PICTURE_WAIT,
        account=account_key(agent.account_id),
        network=network_key(agent.network),
        most=settings.numbers.at("picture_seconds_per_minute", day) * 1000,
        most_of_network=settings.numbers.at("picture_seconds_per_minute_per_network", day) * 1000,
        everyday=FREE_MILLISECONDS + counted * EVERYDAY_MILLISECONDS,
    )
    if row.wait is not None:
        raise TooManyRequests(retry_after=max(1, row.wait))


def charge_function(db: Database) -> Callable[[Payer, float], Awaitable[None]]:
    """The function that charges the cost of a picture."""

    async def charge(payer: Payer, seconds: float) -> None:
        await db.rows(
            CHARGE_PICTURE,
            account=account_key(payer.account_id),
            network=network_key(payer.network),
            seconds=MINUTE,
            milliseconds=max(1, round(seconds * 1000)),
        )

    return charge


def payer_of(agent: Agent) -> Payer:
    """The account and network that pay for an agent's pictures."""
    return Payer(agent.account_id, agent.network)
