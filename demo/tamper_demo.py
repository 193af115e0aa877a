"""The demo's last check: a superuser alters one row in a copy of the database, and the audit finds it."""

import asyncio
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from local_postgres import server as postgres_server
from payouts import audit

COPY = "altered"
# Bypasses the triggers that protect history, as a thief with the superuser's password can.
ALTER = """
    SET session_replication_role = replica;
    UPDATE movements SET amount = amount + 100 WHERE id = (SELECT max(id) FROM movements WHERE kind = 1)
"""


def audit_altered_copy(data: Path) -> list[str]:
    """The faults that the ledger audit finds in an altered copy of a stopped data folder's database."""
    with postgres_server.running(data) as url:
        ours = make_url(url)
        with psycopg.connect(_connection_url(url, "postgres"), autocommit=True) as admin:
            original = sql.Identifier(ours.database or "")
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(COPY), original))
        with psycopg.connect(_connection_url(url, COPY)) as copy:
            copy.execute(ALTER.encode())
        return asyncio.run(_audit_faults(ours.set(database=COPY).render_as_string(hide_password=False)))


async def _audit_faults(url: str) -> list[str]:
    engine = create_async_engine(url)
    try:
        return (await audit.audit_ledger(engine)).faults
    finally:
        await engine.dispose()


def _connection_url(url: str, database: str) -> str:
    plain = make_url(url).set(drivername="postgresql", database=database)
    return plain.render_as_string(hide_password=False)
