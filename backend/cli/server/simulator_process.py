"""The demo's simulated tax service and supplier, and receipts to scan.

They run only where the installation has the embedded database and no providers of receipts or suppliers.
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

from backend.cli.seeds.rewards import SUPPLIER
from backend.cli.server.supervisor import Child
from backend.core.settings import Settings
from simulators.receipts import receipt_factory
from simulators.receipts.receipt_factory import ReceiptItem
from simulators.serve import HOST

NAME = "stand-ins"
START_SECONDS = 30.0
# Five lines; the first and the fourth are the demo brand's socket, as two tills print it.
LINES = (
    ReceiptItem("РОЗЕТКА ДВОЙНАЯ С ЗАЗЕМЛ. RA16-374", 45_000, 2),
    ReceiptItem("Кабель ВВГнг(А)-LS 3х2,5 бухта 20м", 214_000),
    ReceiptItem("Саморез 3,5х41 дер. черн. (200шт)", 15_300),
    ReceiptItem("[622240], Розетка двойная с заземл. PA16-374", 44_000),
    ReceiptItem("Перчатки х/б с ПВХ 10кл", 4_200, 3),
)
RECEIPTS = 5


class SimulatorProcess:
    """The process of the simulators, and the settings files of API and worker for them."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.data = data
        self.files = write_settings_files(data, self.url)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def create_child(self, environ: dict[str, str]) -> Child:
        """The child process, not started."""
        return Child(NAME, ["simulators", "--port", str(self.port)], self.data, environ)

    def add_receipts(self) -> None:
        """Add new receipts to the simulators, and the texts of their QR codes to demo.json."""
        path = self.data / "demo.json"
        if not path.exists():
            return
        texts = put_receipts(self.url, [create_receipt(number) for number in range(RECEIPTS)])
        demo = json.loads(path.read_text("utf-8")) | {"receipts": texts}
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(demo, indent=2, ensure_ascii=False), "utf-8")
        part.replace(path)


def needs_simulators(settings: Settings) -> bool:
    """Whether this is a trial installation, without its own database, providers or suppliers."""
    return not settings.database_url and settings.receipt_providers is None and settings.suppliers is None


def write_settings_files(data: Path, url: str) -> dict[str, str]:
    """Write the settings files for the simulators; returns the environment variables that name them."""
    variables = {"SCANBACK_RECEIPT_PROVIDERS": provider_settings(url), "SCANBACK_SUPPLIERS": supplier_settings(url)}
    for variable, content in variables.items():
        path = data / f"{NAME}-{variable.rpartition('_')[2].lower()}.toml"
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(content, "utf-8")
        part.replace(path)
        variables[variable] = os.fspath(path)
    return variables


def supplier_settings(url: str) -> str:
    """The table of the suppliers' file for the simulated aggregator of certificates."""
    table = {"name": SUPPLIER, "kind": "generic", "url": f"{url}/aggregator", "token": "demo", "per_second": 5.0}
    return "[[supplier]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def provider_settings(url: str, **more: object) -> str:
    """The table of the providers' file for the simulated proverkacheka.com."""
    table = {"name": NAME, "kind": "proverkacheka", "url": url, "token": "demo", "per_second": 5.0} | more
    return "[[provider]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def create_receipt(number: int, operation: int = 1, minutes: int = 70, shop: int | None = None) -> dict[str, Any]:
    """A purchase of an hour ago with the demo brand's socket among its lines; its number is today's."""
    at = datetime.now(UTC) + timedelta(hours=3, minutes=-minutes)  # a shop in Moscow
    return receipt_factory.make_receipt(
        int(time.time()) % 10**8 * 10 + number,
        at=at.replace(tzinfo=None, second=0, microsecond=0),
        lines=LINES,
        shop=number if shop is None else shop,
        operation=operation,
    )


def put_receipts(url: str, receipts: list[dict[str, Any]], appears_after: int = 0) -> list[str]:
    """Add receipts to the simulators; returns the texts of their QR codes.

    Raises:
        click.ClickException: the simulators do not answer.
    """
    entries = [{"receipt": receipt, "appears_after": appears_after} for receipt in receipts]
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
