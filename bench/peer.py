"""The peer: hf-nostro, the best library of PyPI for single-use codes, called in-process on the same server."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from nostro import AccountRef, Ledger, LedgerError
from nostro.migrate import migrate
from psycopg import sql
from psycopg_pool import ConnectionPool
from sqlalchemy import make_url

ACCOUNTS, SCALE, TRIAL = 500, 2, 300
THREADS = (1, 4, 16)  # the peer is measured with the fastest of these
DATABASE = "peer"


class PeerUnsupported(Exception):
    """The peer does not run on this server."""


class Peer:
    """Redeems single-use codes, each once, in the fastest set-up: no HTTP, accounts by the peer's own ids, a connection
    for each thread, and the best number of threads."""

    def __init__(self, ledger: Ledger, accounts: list[UUID]) -> None:
        self._ledger, self._accounts, self._numbers = ledger, accounts, itertools.count()
        self.threads = max(THREADS)

    def choose_threads(self) -> None:
        """Find the fastest number of threads, after a warm-up."""
        self.standing(TRIAL)
        self.threads = max(THREADS, key=lambda threads: self._rate(self._redeem_existing, TRIAL, threads))

    def standing(self, count: int) -> float:
        """Redemptions a second into existing accounts."""
        return self._rate(self._redeem_existing, count, self.threads)

    def fresh(self, count: int) -> float:
        """Redemptions a second, each into a new account, as for a first purchase."""
        return self._rate(self._redeem_new, count, self.threads)

    def _redeem_existing(self, number: int) -> None:
        self._redeem(self._accounts[number % ACCOUNTS], number)

    def _redeem_new(self, number: int) -> None:
        self._redeem(self._ledger.accounts.get_or_create("bench", f"buyer-{number}"), number)

    def _redeem(self, account: AccountRef, number: int) -> None:
        self._ledger.promos.redeem(account, f"CODE{number}", idempotency_key=f"sale-{number}")

    def _rate(self, redeem: Callable[[int], None], count: int, threads: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(redeem, itertools.islice(self._numbers, threads)))
            begun = time.perf_counter()
            list(pool.map(redeem, itertools.islice(self._numbers, count)))
            return count / (time.perf_counter() - begun)


@contextmanager
def open_peer(url: str, count: int) -> Iterator[Peer]:
    """The peer in its own database on our server, with codes for `count` redemptions and its trials.

    Raises:
        PeerUnsupported: it does not run on this server.
    """
    own = _create_database(url)
    try:
        migrate(dsn=own, scale=SCALE)
    except (psycopg.Error, LedgerError) as error:
        raise PeerUnsupported(f"its migration refuses this server: {type(error).__name__}: {error}") from error
    most = max(THREADS)
    with ConnectionPool[Any](own, min_size=most, max_size=most) as pool:
        ledger = Ledger(pool=pool, scale=SCALE)
        yield Peer(ledger, _fill(pool, ledger, count + (1 + len(THREADS)) * (TRIAL + most)))


def _create_database(url: str) -> str:
    """Create the peer's database on our server; returns its URL."""
    ours = make_url(url).set(drivername="postgresql")
    with psycopg.connect(ours.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(DATABASE)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return ours.set(database=DATABASE).render_as_string(hide_password=False)


def _fill(pool: ConnectionPool[Any], ledger: Ledger, codes: int) -> list[UUID]:
    """Create accounts and codes, in one transaction."""
    with pool.connection() as connection, connection.cursor() as cursor:
        accounts = [ledger.accounts.create("bench", f"agent-{n}", cur=cursor).id for n in range(ACCOUNTS)]
        for number in range(codes):
            ledger.promos.mint(f"CODE{number}", ledger.amount("39.90"), max_redemptions=1, cur=cursor)
    with psycopg.connect(str(pool.conninfo), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return accounts
