"""A database as the last released version left it, and a server of today's code over it."""

import gzip

import psycopg
import pytest
from httpx2 import Client

from backend.core.settings import Settings
from tests.live import serving
from tests.released.release_data import HERE, KNOWN


@pytest.fixture
def released_url(own_database_url):
    """A database as the last released version left it."""
    # The role is the server's, not the database's, and there in all tests.
    with psycopg.connect(own_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        restore(connection, gzip.decompress((HERE / "0.1.0.sql.gz").read_bytes()).decode())
    return own_database_url


def restore(connection, dump: str) -> None:
    """What psql does with a plain dump: statements one by one, and the rows of COPY."""
    statements, rows = [], iter(dump.splitlines(keepends=True))
    for line in rows:
        if line.startswith("\\"):
            continue
        if line.startswith("COPY "):
            connection.execute("".join(statements))
            statements = []
            with connection.cursor().copy(line.strip().rstrip(";")) as copy:
                for row in iter(lambda: next(rows), "\\.\n"):
                    copy.write(row)
            continue
        statements.append(line)
    connection.execute("".join(statements))
    connection.execute("SET search_path TO DEFAULT")


@pytest.fixture
def released(released_url, tmp_path):
    """The settings of the released installation, with its keys."""
    secrets = tmp_path / "data" / "secrets"
    secrets.mkdir(parents=True)
    for name in ("master", "pepper"):
        (secrets / f"{name}.key").write_text(KNOWN["keys"][name] + "\n")
    return Settings.from_env({"SCANBACK_DATA": str(tmp_path / "data"), "DATABASE_URL": released_url})


@pytest.fixture
def server(released, tmp_path):
    with serving(released, tmp_path) as url, Client(base_url=url, timeout=30) as client:
        yield client
