"""Brings a database to today's schema: Alembic's steps, then the SQL functions, triggers, grants and policies."""

from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

ROOT = Path(__file__).parents[2]
# One migration at a time: two replicas that start together wait for each other.
LOCK = 4_711_001


def config(url: str) -> Config:
    """Alembic's configuration, without a file."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    found.set_main_option("path_separator", "os")
    found.attributes["url"] = url
    return found


def migrate(url: str) -> None:
    """Upgrade to the newest schema; safe to run again, and by several at once."""
    engine = create_engine(url)
    with engine.connect() as guard:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        try:
            command.upgrade(config(url), "head")
            with engine.begin() as connection:
                apply_sql(connection)
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
            guard.rollback()
    engine.dispose()


def apply_sql(connection: Connection) -> None:
    """Create or replace what is not a table. The files can be run again and again."""
    # Bodies refer to functions of later files; they are looked up when they run.
    connection.execute(text("SET LOCAL check_function_bodies = off"))
    for path in sql_files():
        connection.exec_driver_sql(path.read_text("utf-8").replace("%", "%%"))


def sql_files() -> Iterator[Path]:
    """The sql/ folders of all rooms, in the order of their numbers."""
    found = [path for package in ("payouts", "backend") for path in (ROOT / package).rglob("sql/*.sql")]
    yield from sorted(found, key=lambda path: path.name)
