"""The embedded database: whose it is, what it survives, and what it leaves behind."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import psutil
import psycopg
import pytest

from local_postgres import data_folder
from local_postgres import programs as postgres_programs
from local_postgres import server as postgres_server
from local_postgres.programs import DatabaseFailed, Identity

ROOT = Path(__file__).parents[2]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as another user")


@pytest.fixture
def fresh():
    """A data folder that the database's user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="scanback-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def data():
    """A data folder whose cluster serves many tests, for making one takes time. None leaves it running."""
    folder = Path(tempfile.mkdtemp(prefix="scanback-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(data):
    server = postgres_server.start(data)
    yield server
    server.stop()


def ask(url, question):
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchall() if cursor.description else None


def running_in(place):
    everybody = psutil.process_iter(["name", "cwd"])
    return [one for one in everybody if one.info["name"] == "postgres" and one.info["cwd"] == str(place)]


def gone_within(seconds, place):
    deadline = time.monotonic() + seconds
    while running_in(place) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not running_in(place)


def start_elsewhere(data):
    """Start the database of a folder in another process, which then sleeps."""
    code = (
        "import sys, time; from pathlib import Path; from local_postgres import server as postgres_server;"
        "print(postgres_server.start(Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, data], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def test_database_restarted_has_its_rows(data):
    first = postgres_server.start(data)
    ask(first.url, "CREATE TABLE written AS SELECT 7 AS number")
    first.stop()

    second = postgres_server.start(data)
    rows = ask(second.url, "SELECT number FROM written")
    second.stop()

    assert rows == [(7,)]
    assert gone_within(0, second.place)


def test_database_killed_restarts_with_committed_rows(server):
    address = server.url
    ask(server.url, "CREATE TABLE kept (number int)")
    with psycopg.connect(server.url.replace("+psycopg", "")) as left_behind:
        left_behind.execute("INSERT INTO kept VALUES (1)")
        ask(server.url, "INSERT INTO kept VALUES (2)")

        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while server.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        server.start()
        with pytest.raises(psycopg.OperationalError):
            left_behind.execute("SELECT 1")

    assert server.url == address
    assert ask(server.url, "SELECT number FROM kept") == [(2,)]


def test_database_ends_with_its_parent_process(data):
    owner = start_elsewhere(data)
    place = (data / "postgres").resolve()
    assert running_in(place)

    owner.kill()
    owner.communicate()

    assert gone_within(5, place)
    with postgres_server.running(data) as url:
        assert ask(url, "SELECT 1") == [(1,)]


def test_pid_file_of_another_process_stops_nothing(data):
    postgres_server.start(data).stop()
    place = (data / "postgres").resolve()
    (place / "postmaster.pid").write_text(f"{os.getpid()}\n{place}\n0\n1\n\n127.0.0.1\n0 0\nready\n")

    server = postgres_server.start(data)
    server.stop()

    assert server.place == place


def test_database_in_use_is_refused_with_its_holder(data, server, monkeypatch):
    monkeypatch.setattr(postgres_server, "IN_USE_SECONDS", 0.1)

    with pytest.raises(DatabaseFailed, match=f"in use by another process .pid {os.getpid()}"):
        postgres_server.start(data)

    assert ask(server.url, "SELECT 1") == [(1,)]


def test_command_uses_a_running_database(data, server):
    with postgres_server.running(data) as url:
        assert url == server.url

    assert server.is_alive()


def test_command_starts_a_stopped_database_temporarily(data):
    with postgres_server.running(data) as url:
        assert ask(url, "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user") == [
            ("scanback", False)
        ]

    assert gone_within(0, (data / "postgres").resolve())


def test_lost_database_password_is_replaced(data):
    postgres_server.start(data).stop()
    (data / "postgres.json").unlink()

    with postgres_server.running(data) as url:
        assert ask(url, "SELECT 1") == [(1,)]


def test_database_without_its_password_refuses_connections(server):
    url = server.url.replace("+psycopg", "")
    password = url.split(":")[2].split("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guessed"))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://postgres:{password}@127.0.0.1:{server.port}/scanback")
    assert (server.place.parent / "postgres.json").stat().st_mode & 0o777 == 0o600


def test_database_port_in_use_is_replaced(data):
    first = postgres_server.start(data)
    first.stop()
    listen = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(flush=True)"
    blocker = subprocess.Popen(
        [sys.executable, "-c", f"{listen}; sys.stdin.read()", str(first.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    blocker.stdout.readline()

    second = postgres_server.start(data)
    port = second.port
    second.stop()
    blocker.communicate()

    assert port != first.port


def test_long_socket_path_uses_the_loopback_interface(fresh):
    folder = fresh / ("long" * 20)
    folder.mkdir(mode=0o711)

    with postgres_server.running(folder) as url:
        assert "@127.0.0.1:" in url
        assert ask(url, "SELECT lower('ПРИВЕТ')") == [("привет",)]


@needs_root
def test_database_under_root_runs_as_another_user(server):
    processes = running_in(server.place)

    assert processes
    assert all(process.uids().effective != 0 for process in processes)


@needs_root
def test_data_folder_closed_to_the_database_stays_closed(fresh):
    closed = fresh / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "home"

    server = postgres_server.start(folder)
    server.stop()
    again = postgres_server.start(folder)
    again.stop()
    shutil.rmtree(server.place.parent)

    assert not server.place.is_relative_to(fresh)
    assert again.place == server.place
    assert closed.stat().st_mode & 0o777 == 0o700
    with pytest.raises(DatabaseFailed, match="which is gone"):
        postgres_server.start(folder)


@needs_root
def test_data_folder_of_another_user_is_refused(fresh):
    unprivileged = pwd.getpwuid(65534)
    os.chown(fresh, unprivileged.pw_uid, unprivileged.pw_gid)

    def start_and_stop():
        with postgres_server.running(fresh) as url:
            assert ask(url, "SELECT 1") == [(1,)]

    assert as_user(unprivileged.pw_uid, start_and_stop) == ""
    assert (fresh / "postgres").stat().st_uid == unprivileged.pw_uid
    # Root may use the folder of another user; a third user may not.
    start_and_stop()
    assert "FolderUnusable" in as_user(unprivileged.pw_uid - 1, start_and_stop)


def as_user(uid, action):
    """Run an action as another user, in a fork, because that user may be unable to start this interpreter."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of Python warn of forks with threads
        child = os.fork()
    if child == 0:
        message = ""
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            action()
        except BaseException as error:  # noqa: BLE001 - the parent reports any error
            message = f"{type(error).__name__}: {error}"
        os.write(write, message.encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        message = pipe.read()
    os.waitpid(child, 0)
    return message


@needs_root
def test_programs_in_a_closed_folder_are_copied_once(fresh, monkeypatch):
    monkeypatch.setattr(postgres_programs, "STATE", fresh)
    unprivileged = Identity(uid=65534, gid=65534)
    source = next(postgres_programs.folders()).parent
    closed = fresh / "closed"
    shutil.copytree(source, closed / "pginstall18", symlinks=True, ignore=shutil.ignore_patterns("include"))
    closed.chmod(0o700)

    found = [postgres_programs.find(fresh / "none", unprivileged, [closed / "pginstall18" / "bin"]) for _ in range(2)]

    assert found[0] == found[1]
    assert found[0].folder.is_relative_to(fresh / f"scanback-postgresql-{found[0].version}")
    assert postgres_programs.reaches(unprivileged, found[0].folder / "initdb")


def test_missing_programs_are_reported_with_a_remedy(tmp_path):
    with pytest.raises(DatabaseFailed, match="Install PostgreSQL, or set DATABASE_URL"):
        postgres_programs.find(tmp_path / "none", None, [tmp_path])


def test_database_of_another_version_is_not_changed(tmp_path):
    (tmp_path / "PG_VERSION").write_text("9\n")

    with pytest.raises(DatabaseFailed, match="made by PostgreSQL 9"):
        postgres_programs.find(tmp_path, None, postgres_programs.folders())


def test_temporary_database_leaves_no_files():
    with postgres_server.throwaway() as server:
        place = server.place
        assert ask(server.url, "SHOW fsync") == [("off",)]

    assert not place.exists()
    assert not place.parent.exists()
    assert gone_within(0, place)


def test_large_database_log_is_rotated(tmp_path, monkeypatch):
    monkeypatch.setattr(data_folder, "LOG_BYTES", 10)
    data_folder.prepare(tmp_path)
    for text in (b"a first long line", b"a second"):
        with data_folder.open_log(tmp_path, "API") as log:
            log.write(text)

    assert data_folder.log_tail(tmp_path, "API") == "a second"
    assert (tmp_path / "logs" / "API.log.1").read_bytes() == b"a first long line"
