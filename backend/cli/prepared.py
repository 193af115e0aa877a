"""Whether a database stands as this code wants it, told without loading the code: a second start must be quick."""

import hashlib
from pathlib import Path

import psycopg

from backend.settings import Settings

PACKAGES = [Path(__file__).parents[2] / name for name in ("scanning", "payouts", "backend")]
# The note is a comment in the database, so that it comes and goes with what it is about.
READ = "SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"
WRITE = "COMMENT ON TABLE alembic_version IS '{}'"


def fingerprint(settings: Settings) -> str:
    """A digest of all that preparing depends on: our code and SQL, the locked libraries, and our address."""
    digest = hashlib.sha256(settings.base_url.encode())
    files = [path for package in PACKAGES for path in package.rglob("*") if path.suffix in (".py", ".sql", ".toml")]
    for path in [*sorted(files), *sorted(PACKAGES[0].parent.glob("requirements/run.lock"))]:
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_prepared(settings: Settings, url: str) -> bool:
    """Whether the last preparation of this database was by this very code, and its demo is still told of."""
    if not (settings.data / "demo.json").exists():
        return False
    try:
        with psycopg.connect(_plain(url), connect_timeout=5) as connection:
            row = connection.execute(READ).fetchone()
    except psycopg.OperationalError:
        return False  # preparing will say what is wrong
    return row is not None and row[0] == fingerprint(settings)


def note(settings: Settings, url: str) -> None:
    """Remember that this code has prepared the database."""
    with psycopg.connect(_plain(url)) as connection:
        connection.execute(WRITE.format(fingerprint(settings)).encode())


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
