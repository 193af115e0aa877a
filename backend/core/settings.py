"""What an installation may set: the environment, files with secrets, and dated numbers."""

import os
import secrets
import tomllib
from datetime import date
from pathlib import Path
from typing import Self

import msgspec

from backend.core import atomic_file, keyring
from backend.core.keyring import Keyring

PACKAGED_NUMBERS = Path(__file__).with_name("numbers.toml")


class SettingMissing(RuntimeError):
    """A setting that nothing can stand in for is not there."""


class Dated(msgspec.Struct, frozen=True):
    """A number that is valid from a day on, and its source."""

    start: date = msgspec.field(name="from")
    value: int
    source: str


class Numbers:
    """Business and legal numbers by name and day."""

    def __init__(self, table: dict[str, list[Dated]]) -> None:
        self.table = {name: sorted(rows, key=lambda row: row.start) for name, rows in table.items()}

    @classmethod
    def read(cls, extra: Path | None) -> Self:
        """Read the packaged numbers and, over them, an installation's own file.

        Raises:
            msgspec.ValidationError: a line lacks its day, value or source.
        """
        table = _number_file(PACKAGED_NUMBERS)
        for name, rows in (_number_file(extra) if extra else {}).items():
            table.setdefault(name, []).extend(rows)
        return cls(table)

    def at(self, name: str, day: date) -> int:
        """The value in force on a day.

        Raises:
            SettingMissing: no line of that name begins on or before the day.
        """
        standing = [row.value for row in self.table.get(name, ()) if row.start <= day]
        if not standing:
            raise SettingMissing(f"no number {name!r} is valid on {day}")
        return standing[-1]


def _number_file(path: Path) -> dict[str, list[Dated]]:
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, list[Dated]])


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The process's settings; nothing here changes while it runs."""

    data: Path = Path(".scanback")
    port: int = 8000
    database_url: str = ""
    base_url: str = ""
    code_host: str = ""
    workers: int = 1
    pool_size: int = 4
    decoders: int = 2
    connections: int = 4096
    connections_per_address: int = 1024
    log_level: str = "INFO"
    trusted_proxies: frozenset[str] = frozenset()
    numbers_file: Path | None = None
    forbidden_words: Path | None = None
    bucket_url: str = ""
    metrics_token: str = ""
    webhook_private: bool = False
    receipt_providers: Path | None = None
    suppliers: Path | None = None
    # The first key of each kind: what is never encrypted or hashed anew is under it (docs/keys.md).
    master_key: bytes = b""
    pepper: bytes = b""
    later_master_keys: tuple[tuple[int, bytes], ...] = ()
    later_peppers: tuple[tuple[int, bytes], ...] = ()
    master_file: Path | None = None
    pepper_file: Path | None = None
    numbers: Numbers = msgspec.field(default_factory=lambda: Numbers.read(None))

    @classmethod
    def from_env(cls, environ: dict[str, str] | None = None) -> Self:
        """Read SCANBACK_* and DATABASE_URL; NAME_FILE names a file that holds the value.

        Raises:
            SettingMissing: a named file is not there.
            ValueError: a value does not fit its field.
        """
        env = _Env(dict(os.environ) if environ is None else environ)
        extra = env.get("SCANBACK_NUMBERS")
        port = int(env.get("SCANBACK_PORT") or 8000)
        data = Path(env.get("SCANBACK_DATA") or ".scanback").absolute()
        master_file, pepper_file = data / "secrets" / "master.key", data / "secrets" / "pepper.key"
        master = _parse_keys(env.get("SCANBACK_MASTER_KEY"), master_file)
        peppers = _parse_keys(env.get("SCANBACK_PEPPER"), pepper_file)
        base_url = env.get("SCANBACK_URL") or f"http://127.0.0.1:{port}"
        return cls(
            data=data,
            port=port,
            database_url=_driver_url(env.get("DATABASE_URL")),
            base_url=base_url.rstrip("/"),
            code_host=(env.get("SCANBACK_CODE_URL") or base_url).rstrip("/").upper(),
            workers=int(env.get("SCANBACK_WORKERS") or 1),
            pool_size=int(env.get("SCANBACK_POOL") or 4),
            decoders=int(env.get("SCANBACK_DECODERS") or 2),
            connections=int(env.get("SCANBACK_CONNECTIONS") or 4096),
            connections_per_address=int(env.get("SCANBACK_CONNECTIONS_PER_ADDRESS") or 1024),
            log_level=(env.get("SCANBACK_LOG_LEVEL") or "INFO").upper(),
            trusted_proxies=frozenset(env.get("SCANBACK_TRUSTED_PROXIES").split()),
            numbers_file=Path(extra) if extra else None,
            forbidden_words=_readable_path("SCANBACK_FORBIDDEN_WORDS", env.get("SCANBACK_FORBIDDEN_WORDS")),
            bucket_url=env.get("SCANBACK_BUCKET"),
            metrics_token=env.get("SCANBACK_METRICS_TOKEN"),
            webhook_private=env.get("SCANBACK_WEBHOOK_PRIVATE") == "1",
            suppliers=_readable_path("SCANBACK_SUPPLIERS", env.get("SCANBACK_SUPPLIERS")),
            receipt_providers=_readable_path("SCANBACK_RECEIPT_PROVIDERS", env.get("SCANBACK_RECEIPT_PROVIDERS")),
            master_key=dict(master).get(keyring.FIRST, b""),
            pepper=dict(peppers).get(keyring.FIRST, b""),
            later_master_keys=tuple(one for one in master if one[0] > keyring.FIRST),
            later_peppers=tuple(one for one in peppers if one[0] > keyring.FIRST),
            master_file=env.file("SCANBACK_MASTER_KEY", master_file),
            pepper_file=env.file("SCANBACK_PEPPER", pepper_file),
            numbers=Numbers.read(Path(extra) if extra else None),
        )

    @property
    def master_keys(self) -> Keyring:
        """What secrets are sealed under."""
        return keyring.keyring(_by_number(self.master_key, self.later_master_keys), self.master_file)

    @property
    def peppers(self) -> Keyring:
        """What short secrets are hashed and sealed under."""
        return keyring.keyring(_by_number(self.pepper, self.later_peppers), self.pepper_file)

    def need_keys(self) -> None:
        """Refuse to go on without the two keys that never enter the database.

        Raises:
            SettingMissing: one of them is not set.
        """
        if not (self.master_key or self.later_master_keys) or not self.pepper:
            raise SettingMissing(
                "SCANBACK_MASTER_KEY and SCANBACK_PEPPER (64 hexadecimal digits each, or NAME_FILE) are not set; "
                "`scanback keys` makes them"
            )


class _Env:
    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ

    def get(self, name: str) -> str:
        path = self.environ.get(f"{name}_FILE")
        if not path:
            return self.environ.get(name, "")
        try:
            return Path(path).read_text("utf-8").strip()
        except OSError as error:
            raise SettingMissing(f"{name}_FILE names a file that cannot be read") from error

    def file(self, name: str, otherwise: Path) -> Path | None:
        """The file that a value comes from; none where the variable itself has it."""
        if self.environ.get(f"{name}_FILE"):
            return Path(self.environ[f"{name}_FILE"])
        return None if self.environ.get(name) else otherwise


def _by_number(first: bytes, later: tuple[tuple[int, bytes], ...]) -> tuple[tuple[int, bytes], ...]:
    return ((keyring.FIRST, first), *later) if first else later


def _readable_path(name: str, path: str) -> Path | None:
    if path and not Path(path).is_file():
        raise SettingMissing(f"{name} names a file that cannot be read")
    return Path(path) if path else None


def _driver_url(url: str) -> str:
    """SQLAlchemy wants the driver's name; people write plain postgres URLs."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _parse_keys(text: str, path: Path) -> tuple[tuple[int, bytes], ...]:
    """The keys of a kind, by number."""
    if not text and path.exists():
        text = path.read_text("ascii", "replace").strip()
        if not text:
            raise SettingMissing(f"{path} is empty. Restore it from its backup; if nothing was ever stored, delete it.")
    try:
        return tuple(sorted(keyring.parse(text).items()))
    except keyring.KeyInvalid as error:
        raise SettingMissing(f"{path.stem}: {error}. Restore it from its backup.") from error


def ensure_keys(data: Path) -> None:
    """Make the installation's keys, once; a key that exists is never replaced, and half a one is never seen."""
    folder = data / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("master", "pepper"):
        path = folder / f"{name}.key"
        if not path.exists():
            atomic_file.write(path, secrets.token_hex(keyring.KEY_BYTES) + "\n", replace=False)
