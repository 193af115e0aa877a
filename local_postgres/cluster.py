"""The folder of an embedded database: where it lies, how it is made, and what a killed run leaves in it."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil

from local_postgres import programs as postgres_programs
from local_postgres.programs import DatabaseFailed, Identity, Programs

OWNER = "scanback"  # both the role that migrates and the database it owns

ACCESS = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
PATIENCE_SECONDS = 5.0


def place(data: Path) -> Path:
    """Where the cluster of a data folder lies, or will lie.

    That is `postgres` inside it, or what a link of that name points to: under root the database's user may be
    unable to reach the data folder (say, below /root), and we do not open other people's folders to it.

    Raises:
        DatabaseFailed: the link points to nothing.
    """
    inside = data / "postgres"
    if inside.is_symlink() and not inside.exists():
        raise DatabaseFailed(
            f"{inside} points to {inside.readlink()}, which is gone. Remove the link to begin with nothing."
        )
    return inside.resolve()


def make(data: Path, programs: Programs, who: Identity | None, password: str, *, fast: bool) -> Path:
    """Make an empty cluster with the owner's role and database in it, and say where it lies.

    It gets its name only when it is whole, so that a start cut short leaves nothing half made.
    """
    elsewhere = who is not None and not postgres_programs.reaches(who, data)
    home = _home_elsewhere() if elsewhere else data.resolve()
    part, whole = home / "postgres.part", home / "postgres"
    _create_empty_folder(part, who)
    try:
        _initialise_cluster(part, programs, who, fast=fast)
        _create_database(part, programs, who, password)
        part.rename(whole)
    except BaseException:
        shutil.rmtree(home if elsewhere else part)
        raise
    if elsewhere:
        (data / "postgres").symlink_to(whole)
    return whole


def _home_elsewhere() -> Path:
    home = Path(tempfile.mkdtemp(prefix="scanback-", dir=postgres_programs.STATE))
    home.chmod(0o711)
    return home


def _create_empty_folder(folder: Path, who: Identity | None) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    if who is not None:
        os.chown(folder, who.uid, who.gid)


def _initialise_cluster(folder: Path, programs: Programs, who: Identity | None, *, fast: bool) -> None:
    # The built-in C.UTF-8 knows the case of Cyrillic letters and sorts alike everywhere, whatever LANG is.
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    locale = builtin if programs.major >= 17 else ["--locale=C.UTF-8"]
    options = ["--data-checksums", "--encoding=UTF8", "--username=postgres", "--auth=reject", *locale]
    if fast:
        options.append("--no-sync")
    _run_program([str(programs.folder / "initdb"), "-D", str(folder), *options], who)
    (folder / "pg_hba.conf").write_text(ACCESS, "ascii")


def _create_database(folder: Path, programs: Programs, who: Identity | None, password: str) -> None:
    # Tests empty append-only tables between cases; PostgreSQL 14 cannot lend that right.
    emptying = [f"GRANT SET ON PARAMETER session_replication_role TO {OWNER}"] if programs.major >= 15 else []
    create = f"CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'"
    _run_single_user(folder, programs, who, [create, f"CREATE DATABASE {OWNER} OWNER {OWNER}", *emptying])


def change_password(folder: Path, programs: Programs, who: Identity | None, password: str) -> None:
    """Give the owner a new password while the server is down, for when the file with the old one was lost."""
    clear(folder)
    _run_single_user(folder, programs, who, [f"ALTER ROLE {OWNER} PASSWORD '{password}'"])


def _run_single_user(folder: Path, programs: Programs, who: Identity | None, statements: list[str]) -> None:
    """Run statements in single-user mode: no port is open, and the superuser needs no password."""
    typed = "".join(f"{statement}\n" for statement in statements)
    output = _run_program([str(programs.folder / "postgres"), "--single", "-D", str(folder), "postgres"], who, typed)
    if "ERROR:" in output or "FATAL:" in output:  # it ends with 0 all the same
        # Its words would repeat the statement, and with it the password.
        raise DatabaseFailed("The embedded database refused to make its owner; remove the data folder's postgres.")


def _run_program(command: list[str], who: Identity | None, typed: str = "") -> str:
    done = subprocess.run(
        command,
        check=False,
        input=typed,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **postgres_programs.run_as(who),
    )
    output: str = done.stdout
    if done.returncode != 0:
        raise DatabaseFailed(f"{Path(command[0]).name} failed:\n{output.strip()}")
    return output


def clear(folder: Path) -> None:
    """End what an earlier, killed run left on a cluster, so that its shared memory and pid file block no later run.

    To be called only by who holds the lock. A postmaster still there is asked to stop in order; processes
    that lost theirs end by themselves within seconds. The files alone prove nothing: the number in them
    may by now belong to any other process.
    """
    if not (folder / "postmaster.pid").exists():
        return
    left = _cluster_processes(folder)
    _signal_processes(left, signal.SIGINT)
    _, alive = psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
    _signal_processes(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=PATIENCE_SECONDS)
    for stale in (folder / "postmaster.pid", *folder.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)


def _cluster_processes(folder: Path) -> list[psutil.Process]:
    """Server processes work in the folder of their cluster."""
    everybody = psutil.process_iter(["name", "cwd"])
    return [one for one in everybody if one.info["name"] == "postgres" and one.info["cwd"] == str(folder)]


def _signal_processes(processes: list[psutil.Process], sign: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(sign)
        except psutil.NoSuchProcess:
            continue
