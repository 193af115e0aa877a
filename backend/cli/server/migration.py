"""Upgrades a database to the newest schema: Alembic's steps, then SQL functions, triggers, grants and policies."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, select, text

from backend.core.db.schema_version import SqlFile, fingerprint, sql_files
from local_postgres.programs import DatabaseFailed

# One migration at a time: two replicas that start together wait for each other.
LOCK = 4_711_001
LOCK_SECONDS = 0.2  # between two attempts
FIRST = "0001"
# The columns of 0001 as released. The file was edited in place before the release: a database with revision 0001 may
# have other columns.
FIRST_COLUMNS = "1be42fb9779e0d2524c86045359ec3f90f7c382bc2518f3dcf3710752875947f"
APPLIED = text("SELECT to_regclass('alembic_version') IS NOT NULL AND to_regclass('schema_versions') IS NULL")
COLUMNS = text("""
    SELECT string_agg(format('%s.%s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull),
        E'\n' ORDER BY c.relname COLLATE "C", a.attname COLLATE "C")
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'procrastinate%'
        AND c.relname <> 'alembic_version'
""")
NOTE = text("""
    INSERT INTO schema_versions (fingerprint) VALUES (:fingerprint)
    ON CONFLICT (fingerprint) DO UPDATE SET applied_at = clock_timestamp()
""")

# Grants and policies cover all tables, also those of new migrations.
EVERY_TIME = frozenset({"90_grants.sql"})
RECORD_FILE = text("""
    INSERT INTO sql_files (name, checksum) VALUES (:name, :checksum)
    ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = clock_timestamp()
""")


class SchemaUnknown(DatabaseFailed):
    """The database was made by code from before the first release: its tables are those of no released version."""

    def __init__(self) -> None:
        super().__init__(
            "The database was made by code from before the first release, and its tables are those of no released"
            " version. Nothing was changed. Name another folder in SCANBACK_DATA (or another DATABASE_URL)."
        )


MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"


def alembic_config(url: str) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS.parent))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def migrate(url: str) -> None:
    """Upgrade to the newest schema. Idempotent, also concurrently.

    Raises:
        SchemaUnknown: the schema is of no released version.
    """
    engine = create_engine(url)
    try:
        with _migration_lock(engine) as guard:
            _refuse_unknown(guard)
            command.upgrade(alembic_config(url), "head")
            with engine.begin() as connection:
                apply_sql(connection)
                connection.execute(NOTE, {"fingerprint": fingerprint()})
    finally:
        engine.dispose()


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[Connection]:
    """A connection that holds the migration lock."""
    with engine.connect() as guard:
        # Polls, because a statement that waits holds a snapshot, and CREATE INDEX CONCURRENTLY waits for all snapshots,
        # also for that of another replica's migration.
        while not guard.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}).scalar_one():
            guard.rollback()
            time.sleep(LOCK_SECONDS)
        guard.rollback()
        try:
            yield guard
        finally:
            guard.rollback()
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
            guard.rollback()


def _refuse_unknown(connection: Connection) -> None:
    """Without a recorded schema version the database must be exactly what the released 0001 created."""
    if not connection.execute(APPLIED).scalar_one():
        return
    revision = connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar_one()
    columns = connection.execute(COLUMNS).scalar_one()
    if revision == FIRST and hashlib.sha256((columns or "").encode()).hexdigest() != FIRST_COLUMNS:
        raise SchemaUnknown


def apply_sql(connection: Connection) -> None:
    """Apply the SQL files that changed since they were last applied, and those of `EVERY_TIME`. Idempotent.

    Functions that no file has any more stay in the database, because code of the last release may still call them.
    """
    # Bodies refer to functions of later files, which are resolved when they run.
    connection.execute(text("SET LOCAL check_function_bodies = off"))
    applied: dict[str, str] = dict(iter(connection.execute(select(SqlFile.name, SqlFile.checksum))))
    for path in sql_files():
        source = path.read_bytes()
        checksum = hashlib.sha256(source).hexdigest()
        if path.name in EVERY_TIME or applied.get(path.name) != checksum:
            connection.exec_driver_sql(source.decode().replace("%", "%%"))
            connection.execute(RECORD_FILE, {"name": path.name, "checksum": checksum})
