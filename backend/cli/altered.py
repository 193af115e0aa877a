"""The demo's last proof: one row is altered in a copy of the database, by somebody who may do anything, and found."""

import asyncio
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from backend.cli import embedded
from payouts import books

COPY = "altered"
# Around the triggers that keep history; a thief with the superuser's password can do that.
ALTER = """
    SET session_replication_role = replica;
    UPDATE movements SET amount = amount + 100 WHERE id = (SELECT max(id) FROM movements WHERE kind = 1)
"""


def found_in_copy(data: Path) -> list[str]:
    """What the proof of the books says of the altered copy of a data folder's database, whose server is not in use."""
    with embedded.running(data) as url:
        ours = make_url(url)
        with psycopg.connect(_plain(url, "postgres"), autocommit=True) as admin:
            original = sql.Identifier(ours.database or "")
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(COPY), original))
        with psycopg.connect(_plain(url, COPY)) as copy:
            copy.execute(ALTER.encode())
        return asyncio.run(_faults(ours.set(database=COPY).render_as_string(hide_password=False)))


async def _faults(url: str) -> list[str]:
    engine = create_async_engine(url)
    try:
        return (await books.prove(engine)).faults
    finally:
        await engine.dispose()


def _plain(url: str, database: str) -> str:
    plain = make_url(url).set(drivername="postgresql", database=database)
    return plain.render_as_string(hide_password=False)
