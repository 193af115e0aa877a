"""Messages of commands without an installation, or with damaged keys."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from backend.core.settings import Settings, ensure_keys


def scanback(data, *words, **environ):
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("SCANBACK_", "DATABASE_"))}
    command = [sys.executable, "-m", "backend.cli", *words]
    environ = ours | {"SCANBACK_DATA": str(data)} | environ
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_ledger_check_without_installation_creates_nothing(tmp_path):
    result = scanback(tmp_path / "elsewhere", "books", "check")

    assert result.returncode == 1
    assert "There is no installation in" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_ledger_check_without_tables_has_message(own_database_url, tmp_path):
    with psycopg.connect(own_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    result = scanback(tmp_path, "books", "check", DATABASE_URL=own_database_url)

    assert result.returncode == 1
    assert "Run `scanback migrate`" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("text", ["", "\n", "abc", "0" * 63, "z" * 64, "\0" * 64])
@pytest.mark.parametrize("name", ["master", "pepper"])
def test_key_file_spoiled_is_named_in_one_line(tmp_path, name, text):
    ensure_keys(tmp_path)
    (tmp_path / "secrets" / f"{name}.key").write_text(text)

    result = scanback(tmp_path, "keys")

    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert name in result.stderr
    assert "backup" in result.stderr


def test_keys_created_concurrently_are_one_and_whole(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ensure_keys(tmp_path), range(32)))

    files = sorted(path.name for path in (tmp_path / "secrets").iterdir())
    settings = Settings.from_env({"SCANBACK_DATA": str(tmp_path)})
    assert files == ["master.key", "pepper.key"]
    assert stat.S_IMODE((tmp_path / "secrets" / "master.key").stat().st_mode) == 0o600
    assert settings.master_key != settings.pepper
