"""The peer: hf-nostro, the best library of PyPI for single-use codes, called in-process on the same server."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from nostro import AccountRef, Ledger, LedgerError
from nostro.migrate import migrate
from psycopg import sql
from psycopg_pool import ConnectionPool
from sqlalchemy import make_url

ACCOUNTS, SCALE, THREADS, WARM = 500, 2, 16, 200
DATABASE = "peer"


class Redeemed(msgspec.Struct):
    """Redemptions a second: into accounts that stand, and into a new one each time, as for a buyer who comes first.
    Without figures, why there are none."""

    standing: float = 0
    fresh: float = 0
    refused: str = ""


def redemptions(url: str, count: int) -> Redeemed:
    """Redeem so many single-use codes by 16 threads, twice.

    The peer gets what suits it: no HTTP, accounts by the peer's own ids, a connection for each thread.
    """
    own = _database(url)
    try:
        migrate(dsn=own, scale=SCALE)
    except (psycopg.Error, LedgerError) as error:
        return Redeemed(refused=f"its migration refuses this server: {type(error).__name__}: {error}")
    with ConnectionPool[Any](own, min_size=THREADS, max_size=THREADS) as pool:
        ledger = Ledger(pool=pool, scale=SCALE)
        accounts = _fill(pool, ledger, 2 * (WARM + count))
        numbers = itertools.count()

        def standing(_: object) -> None:
            number = next(numbers)
            _redeem(ledger, accounts[number % ACCOUNTS], number)

        def fresh(_: object) -> None:
            number = next(numbers)
            _redeem(ledger, ledger.accounts.get_or_create("bench", f"buyer-{number}"), number)

        return Redeemed(_rate(standing, count), _rate(fresh, count))


def _redeem(ledger: Ledger, account: AccountRef, number: int) -> None:
    ledger.promos.redeem(account, f"CODE{number}", idempotency_key=f"sale-{number}")


def _rate(redeem: Callable[[object], None], count: int) -> float:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(redeem, range(WARM)))
        begun = time.perf_counter()
        list(threads.map(redeem, range(count)))
        return count / (time.perf_counter() - begun)


def _database(url: str) -> str:
    """A database of its own on our server; where it is."""
    ours = make_url(url).set(drivername="postgresql")
    with psycopg.connect(ours.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return ours.set(database=DATABASE).render_as_string(hide_password=False)


def _fill(pool: ConnectionPool[Any], ledger: Ledger, codes: int) -> list[UUID]:
    """Accounts and codes, in one transaction."""
    with pool.connection() as connection, connection.cursor() as cursor:
        accounts = [ledger.accounts.create("bench", f"agent-{n}", cur=cursor).id for n in range(ACCOUNTS)]
        for number in range(codes):
            ledger.promos.mint(f"CODE{number}", ledger.amount("39.90"), max_redemptions=1, cur=cursor)
    with psycopg.connect(pool.conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return accounts
