"""The schema of a database: which versions of migrations and SQL files were applied."""

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


class SqlFile(Base):
    """An SQL file as it was last applied, so that a migration applies only the files that changed."""

    __tablename__ = "sql_files"

    name: Mapped[str] = mapped_column(primary_key=True)
    # SHA-256, hexadecimal.
    checksum: Mapped[str]
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
    """The files of all sql/ folders, in the order of their numbers. No two have one name."""
    found = [path for package in ("payouts", "backend") for path in (ROOT / package).rglob("sql/*.sql")]
    yield from sorted(found, key=lambda path: path.name)
