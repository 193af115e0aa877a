"""Check that DATABASE_URL names a usable database. The message of a failure does not contain the password."""

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from backend.cli.server.migration import MIGRATIONS
from local_postgres.programs import DatabaseFailed

SECONDS = 5
MIN_VERSION = 150_000  # PostgreSQL 15
STATE = """
    SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
        to_regclass('public.alembic_version') IS NOT NULL,
        (SELECT count(*) FROM pg_tables WHERE schemaname = 'public')
"""
REVISIONS = "SELECT version_num FROM public.alembic_version"


class DatabaseUnusable(DatabaseFailed):
    """The database of DATABASE_URL cannot be used; the message has the reason."""


def parse_url(url: str) -> URL:
    """Parse DATABASE_URL.

    Raises:
        DatabaseUnusable: it is not the address of a PostgreSQL.
    """
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnusable(
            "DATABASE_URL is not an address of a database: postgresql://user:password@host/name."
        ) from error
    if address.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise DatabaseUnusable(f"DATABASE_URL names a database of another kind ({address.drivername}), not PostgreSQL.")
    return address


def check_database(url: str) -> None:
    """Connect to the database once.

    Raises:
        DatabaseUnusable: it does not answer, is too old, or belongs to another program.
    """
    address = parse_url(url)
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, connect_timeout=SECONDS, autocommit=True) as connection:
            _check_state(connection)
    except (psycopg.Error, UnicodeError) as error:
        raise DatabaseUnusable(
            f"The database at {_format_address(address)} does not answer: {_first_line(error)}"
        ) from error


def _check_state(connection: psycopg.Connection[TupleRow]) -> None:
    version, encoding, is_migrated, tables = connection.execute(STATE).fetchone() or (0, "", False, 0)
    if version < MIN_VERSION:
        raise DatabaseUnusable(f"The database is PostgreSQL {version // 10_000}; 15 or newer is needed.")
    if encoding != "UTF8":
        raise DatabaseUnusable(f"The database is encoded in {encoding}; UTF8 is needed.")
    if not is_migrated:
        if tables:
            raise DatabaseUnusable("The database holds tables of another program. Give Scanback one of its own.")
        return
    known = _known_revisions()
    unknown = [name for (name,) in connection.execute(REVISIONS) if name not in known]
    if unknown:
        raise DatabaseUnusable(
            f"The database's schema ({unknown[0]}) is of another program, or of a newer Scanback than this one."
        )


def _known_revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py")}


def _format_address(address: URL) -> str:
    port = f":{address.port}" if address.port else ""
    return f"{address.host or 'this machine'}{port}/{address.database or ''}"


def _first_line(error: Exception) -> str:
    """The first line of the driver's message, without the addresses that it tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
