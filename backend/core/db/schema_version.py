"""The schema of a database: a row for each version of migrations and SQL functions that was applied."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

ROOT = Path(__file__).parents[3]
MIGRATIONS = ROOT / "backend" / "migrations" / "versions"


class SchemaVersion(Base):
    """A schema that was applied. Rows stay, so that the last version's code finds its own beside a newer one."""

    __tablename__ = "schema_versions"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    applied_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


@cache
def head() -> str:
    """The newest migration that this code knows: their names begin with ascending numbers."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py"))


@cache
def fingerprint() -> str:
    """SHA-256 of all migrations and SQL files, hexadecimal.

    The number of the newest migration is not enough: an SQL function may change without a migration.
    """
    digest = hashlib.sha256()
    for path in [*sorted(MIGRATIONS.glob("[0-9]*.py")), *sql_files()]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def sql_files() -> Iterator[Path]:
    """The sql/ folders of all packages, in the order of their numbers."""
    found = [path for package in ("payouts", "backend") for path in (ROOT / package).rglob("sql/*.sql")]
    yield from sorted(found, key=lambda path: path.name)
