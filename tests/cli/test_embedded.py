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

from backend.cli import data_folder, embedded, postgres_programs
from backend.cli.postgres_programs import DatabaseFailed, Identity

ROOT = Path(__file__).parents[2]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


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
    server = embedded.start(data)
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
        "import sys, time; from pathlib import Path; from backend.cli import embedded;"
        "print(embedded.start(Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, data], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def test_what_was_written_is_there_after_a_restart(data):
    first = embedded.start(data)
    ask(first.url, "CREATE TABLE written AS SELECT 7 AS number")
    first.stop()

    second = embedded.start(data)
    kept = ask(second.url, "SELECT number FROM written")
    second.stop()

    assert kept == [(7,)]
    assert gone_within(0, second.place)


def test_a_killed_server_starts_again_with_all_that_was_committed(server):
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


def test_the_server_ends_with_the_process_that_started_it(data):
    owner = start_elsewhere(data)
    place = (data / "postgres").resolve()
    assert running_in(place)

    owner.kill()
    owner.communicate()

    assert gone_within(5, place)
    with embedded.running(data) as url:
        assert ask(url, "SELECT 1") == [(1,)]


def test_a_pid_file_that_names_another_process_stops_nobody(data):
    embedded.start(data).stop()
    place = (data / "postgres").resolve()
    (place / "postmaster.pid").write_text(f"{os.getpid()}\n{place}\n0\n1\n\n127.0.0.1\n0 0\nready\n")

    server = embedded.start(data)
    server.stop()

    assert server.place == place


def test_a_second_process_is_told_who_holds_the_database(data, server, monkeypatch):
    monkeypatch.setattr(embedded, "IN_USE_SECONDS", 0.1)

    with pytest.raises(DatabaseFailed, match=f"in use by another process .pid {os.getpid()}"):
        embedded.start(data)

    assert ask(server.url, "SELECT 1") == [(1,)]


def test_a_command_uses_the_server_that_runs_and_leaves_it_running(data, server):
    with embedded.running(data) as url:
        assert url == server.url

    assert server.is_alive()


def test_a_command_without_a_server_brings_one_for_the_while(data):
    with embedded.running(data) as url:
        assert ask(url, "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user") == [
            ("scanback", False)
        ]

    assert gone_within(0, (data / "postgres").resolve())


def test_a_lost_password_is_replaced(data):
    embedded.start(data).stop()
    (data / "postgres.json").unlink()

    with embedded.running(data) as url:
        assert ask(url, "SELECT 1") == [(1,)]


def test_nobody_gets_in_without_the_password(server):
    url = server.url.replace("+psycopg", "")
    password = url.split(":")[2].split("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guessed"))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://postgres:{password}@127.0.0.1:{server.port}/scanback")
    assert (server.place.parent / "postgres.json").stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_exchanged_for_another(data):
    first = embedded.start(data)
    first.stop()
    listen = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(flush=True)"
    blocker = subprocess.Popen(
        [sys.executable, "-c", f"{listen}; sys.stdin.read()", str(first.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    blocker.stdout.readline()

    second = embedded.start(data)
    port = second.port
    second.stop()
    blocker.communicate()

    assert port != first.port


def test_a_long_path_is_reached_over_the_loopback_interface(fresh):
    folder = fresh / ("long" * 20)
    folder.mkdir(mode=0o711)

    with embedded.running(folder) as url:
        assert "@127.0.0.1:" in url
        assert ask(url, "SELECT lower('ПРИВЕТ')") == [("привет",)]


@needs_root
def test_under_root_the_database_is_somebody_else(server):
    processes = running_in(server.place)

    assert processes
    assert all(process.uids().effective != 0 for process in processes)


@needs_root
def test_a_folder_that_is_closed_to_the_database_stays_closed(fresh):
    closed = fresh / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "home"

    server = embedded.start(folder)
    server.stop()
    again = embedded.start(folder)
    again.stop()
    shutil.rmtree(server.place.parent)

    assert not server.place.is_relative_to(fresh)
    assert again.place == server.place
    assert closed.stat().st_mode & 0o777 == 0o700
    with pytest.raises(DatabaseFailed, match="which is gone"):
        embedded.start(folder)


@needs_root
def test_a_plain_user_runs_it_and_others_are_sent_away(fresh):
    nobody = pwd.getpwnam("nobody")
    os.chown(fresh, nobody.pw_uid, nobody.pw_gid)

    def start_and_stop():
        with embedded.running(fresh) as url:
            assert ask(url, "SELECT 1") == [(1,)]

    assert as_user(nobody.pw_uid, start_and_stop) == ""
    assert (fresh / "postgres").stat().st_uid == nobody.pw_uid
    # Root takes over what a plain user began; a third user does not.
    start_and_stop()
    assert "FolderUnusable" in as_user(nobody.pw_uid - 1, start_and_stop)


def as_user(uid, deed):
    """Do something as another user, in a fork: that user may be unable to start this interpreter anew."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks when threads run
        child = os.fork()
    if child == 0:
        said = ""
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            deed()
        except BaseException as error:  # noqa: BLE001 - the parent shall see whatever it was
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@needs_root
def test_programs_in_a_closed_environment_are_copied_once(fresh, monkeypatch):
    monkeypatch.setattr(postgres_programs, "STATE", fresh)
    nobody = Identity(uid=65534, gid=65534)
    source = next(postgres_programs.folders()).parent
    closed = fresh / "closed"
    shutil.copytree(source, closed / "pginstall18", symlinks=True, ignore=shutil.ignore_patterns("include"))
    closed.chmod(0o700)

    found = [postgres_programs.find(fresh / "none", nobody, [closed / "pginstall18" / "bin"]) for _ in range(2)]

    assert found[0] == found[1]
    assert found[0].folder.is_relative_to(fresh / f"scanback-postgresql-{found[0].version}")
    assert postgres_programs.reaches(nobody, found[0].folder / "initdb")


def test_a_machine_without_programs_says_what_to_do(tmp_path):
    with pytest.raises(DatabaseFailed, match="Install PostgreSQL, or set DATABASE_URL"):
        postgres_programs.find(tmp_path / "none", None, [tmp_path])


def test_a_database_of_another_version_is_not_touched(tmp_path):
    (tmp_path / "PG_VERSION").write_text("9\n")

    with pytest.raises(DatabaseFailed, match="made by PostgreSQL 9"):
        postgres_programs.find(tmp_path, None, postgres_programs.folders())


def test_a_throwaway_server_leaves_nothing():
    with embedded.throwaway() as server:
        place = server.place
        assert ask(server.url, "SHOW fsync") == [("off",)]

    assert not place.exists()
    assert not place.parent.exists()
    assert gone_within(0, place)


def test_a_log_that_grew_large_is_put_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(data_folder, "LOG_BYTES", 10)
    data_folder.prepare(tmp_path)
    for text in (b"a first long line", b"a second"):
        with data_folder.open_log(tmp_path, "API") as log:
            log.write(text)

    assert data_folder.log_tail(tmp_path, "API") == "a second"
    assert (tmp_path / "logs" / "API.log.1").read_bytes() == b"a first long line"
