"""Whether this code has prepared a database, found out without loading the code, so that a second start is fast."""

import hashlib
from pathlib import Path

import psycopg

from backend.core.settings import Settings

PACKAGES = [
    Path(__file__).parents[3] / name
    for name in ("scanning", "payouts", "backend", "demo", "simulators", "local_postgres")
]
# The fingerprint is a comment on a table, so that it is dropped with the database.
READ_FINGERPRINT = "SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"
WRITE_FINGERPRINT = "COMMENT ON TABLE alembic_version IS '{}'"


def fingerprint(settings: Settings) -> str:
    """A digest of all that the preparation depends on: code, SQL, locked libraries, and the base URL."""
    digest = hashlib.sha256(settings.base_url.encode())
    files = [path for package in PACKAGES for path in package.rglob("*") if path.suffix in (".py", ".sql", ".toml")]
    for path in [*sorted(files), *sorted(PACKAGES[0].parent.glob("requirements/run.lock"))]:
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_prepared(settings: Settings, url: str) -> bool:
    """Whether this code was the last to prepare this database, and demo.json exists."""
    if not (settings.data / "demo.json").exists():
        return False
    try:
        with psycopg.connect(_psycopg_url(url), connect_timeout=5) as connection:
            row = connection.execute(READ_FINGERPRINT).fetchone()
    except psycopg.OperationalError:
        return False  # the preparation reports the reason
    return row is not None and row[0] == fingerprint(settings)


def record_preparation(settings: Settings, url: str) -> None:
    """Record that this code has prepared the database."""
    with psycopg.connect(_psycopg_url(url)) as connection:
        connection.execute(WRITE_FINGERPRINT.format(fingerprint(settings)).encode())


def _psycopg_url(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
