"""A DATABASE_URL without a usable database gives a message of one sentence."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

ROOT = Path(__file__).parents[2]


def run_failing(url: str, folder: Path, command: str = "migrate") -> str:
    """The error output of a command that must fail."""
    environ = os.environ | {
        "DATABASE_URL": url,
        "SCANBACK_DATA": str(folder),
        "PYTHONPATH": str(ROOT),
        "SCANBACK_MASTER_KEY": "00" * 32,
        "SCANBACK_PEPPER": "11" * 32,
    }
    words = [sys.executable, "-P", "-m", "backend.cli", command]
    run = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1, run.stderr
    return run.stderr


@pytest.fixture
def silent() -> str:
    """The address of a server that accepts and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://u:SECRET@127.0.0.1:{listening.getsockname()[1]}/x"


@pytest.mark.parametrize("command", ["migrate", "serve", "worker"])
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://u:SECRET@127.0.0.1/x", "another kind"),
        ("SECRET", "not an address"),
    ],
)
def test_url_of_another_database_has_message(tmp_path, url, expected, command):
    output = run_failing(url, tmp_path, command)

    assert expected in output
    assert len(output.splitlines()) == 1
    assert "SECRET" not in output


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:SECRET@127.0.0.1:1/x",
        "postgresql://u:SECRET@nowhere.invalid/x",
        "postgresql://u:SECRET@127.0.0.1:99999/x",
    ],
)
def test_unreachable_database_has_message(tmp_path, url):
    output = run_failing(url, tmp_path)

    assert "does not answer" in output
    assert len(output.splitlines()) == 1
    assert "SECRET" not in output


def test_silent_database_has_message_in_time(tmp_path, silent):
    assert "does not answer" in run_failing(silent, tmp_path)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "newer Scanback"),
        ("DROP TABLE alembic_version", "another program"),
    ],
)
def test_database_of_another_program_has_message(own_database_url, tmp_path, statement, expected):
    url = make_url(own_database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)

    output = run_failing(own_database_url, tmp_path)

    assert expected in output
    assert len(output.splitlines()) == 1
