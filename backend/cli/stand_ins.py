"""The demo's tax service and bookshop: stand-ins beside the demo brand, and receipts that a newcomer can scan.

They are started only where the installation has neither a database of its own choice nor providers of receipts.
"""

import json
import os
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from httpx2 import Client, TransportError

from backend.cli.seed_offers import SUPPLIER
from backend.cli.supervise import Child
from backend.settings import Settings
from backend.simulators import receipts_made
from backend.simulators.receipts_made import Line
from backend.simulators.serve import HOST

NAME = "stand-ins"
START_SECONDS = 30.0
# Five lines; the first and the fourth are the demo brand's socket, as two tills would print it.
LINES = (
    Line("РОЗЕТКА ДВОЙНАЯ С ЗАЗЕМЛ. RA16-374", 45_000, 2),
    Line("Кабель ВВГнг(А)-LS 3х2,5 бухта 20м", 214_000),
    Line("Саморез 3,5х41 дер. черн. (200шт)", 15_300),
    Line("[622240], Розетка двойная с заземл. PA16-374", 44_000),
    Line("Перчатки х/б с ПВХ 10кл", 4_200, 3),
)
RECEIPTS = 5


class StandIns:
    """Where they answer, and the file that tells API and worker of them."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.data = data
        self.files = settings_files(data, self.url)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def child(self, environ: dict[str, str]) -> Child:
        """Their process."""
        return Child(NAME, ["simulators", "--port", str(self.port)], self.data, environ)

    def fill(self) -> None:
        """Put fresh receipts into the book, and what their QR codes say into demo.json."""
        path = self.data / "demo.json"
        if not path.exists():
            return
        texts = put(self.url, [receipt(number) for number in range(RECEIPTS)])
        demo = json.loads(path.read_text("utf-8")) | {"receipts": texts}
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(demo, indent=2, ensure_ascii=False), "utf-8")
        part.replace(path)


def wanted(settings: Settings) -> bool:
    """Whether this installation is one that only tries things out."""
    return not settings.database_url and settings.receipt_providers is None and settings.suppliers is None


def settings_files(data: Path, url: str) -> dict[str, str]:
    """Write the files that tell API and worker of the stand-ins; the variables that name them."""
    named = {"SCANBACK_RECEIPT_PROVIDERS": provider(url), "SCANBACK_SUPPLIERS": supplier(url)}
    for variable, content in named.items():
        path = data / f"{NAME}-{variable.rpartition('_')[2].lower()}.toml"
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(content, "utf-8")
        part.replace(path)
        named[variable] = os.fspath(path)
    return named


def supplier(url: str) -> str:
    """The stand-in for an aggregator of certificates as a table of the suppliers' file."""
    table = {"name": SUPPLIER, "kind": "generic", "url": f"{url}/aggregator", "token": "demo", "per_second": 5.0}
    return "[[supplier]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def provider(url: str, **more: Any) -> str:
    """The stand-in for proverkacheka.com as a table of the providers' file."""
    table = {"name": NAME, "kind": "proverkacheka", "url": url, "token": "demo", "per_second": 5.0} | more
    return "[[provider]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def receipt(number: int, operation: int = 1, minutes: int = 70, shop: int | None = None) -> dict[str, Any]:
    """A purchase of an hour ago with the demo brand's socket among its lines; its number is today's."""
    at = datetime.now(UTC) + timedelta(hours=3, minutes=-minutes)  # a shop in Moscow
    return receipts_made.made(
        int(time.time()) % 10**8 * 10 + number,
        at=at.replace(tzinfo=None, second=0, microsecond=0),
        lines=LINES,
        shop=number if shop is None else shop,
        operation=operation,
    )


def put(url: str, receipts: list[dict[str, Any]], appears_after: int = 0) -> list[str]:
    """Put receipts into the stand-ins' book; what their QR codes say.

    Raises:
        click.ClickException: the stand-ins do not answer.
    """
    entries = [{"receipt": one, "appears_after": appears_after} for one in receipts]
    deadline = time.monotonic() + START_SECONDS
    with Client(base_url=url, timeout=5, trust_env=False) as http:
        while True:
            try:
                answer = http.post("/_simulator/receipts", json=entries)
                break
            except TransportError as error:
                if time.monotonic() > deadline:
                    raise click.ClickException(f"The {NAME} do not answer: {error}") from error
                time.sleep(0.05)
    answer.raise_for_status()
    texts: list[str] = answer.json()["qr"]
    return texts
