"""`scanback demo`: the product's story over real HTTP on a throwaway server, each step checked."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from httpx2 import Client, Response, TransportError
from PIL import Image, ImageFilter

from backend.cli import simulate
from backend.cli.altered import found_in_copy
from backend.cli.stand_ins import settings_files
from backend.cli.story import brand_story
from backend.cli.story_invoice import invoice_story
from backend.cli.story_receipt import receipt_story
from backend.cli.story_shop import shop_story
from backend.cli.story_spending import spending_story
from backend.packages.labels.design import Label, LabelDesign
from backend.packages.labels.picture import picture
from scanning import symbols

READY_SECONDS = 60


class Surprise(click.ClickException):
    """The story did not go as it should."""


@click.command()
def demo() -> None:
    """Play the story: join, photograph a label, see the money, be refused, come back, and prove the books."""
    with tempfile.TemporaryDirectory(prefix="scanback-demo-") as folder:
        Path(folder).chmod(0o755)
        with simulate.running() as stand_ins, _server(Path(folder), stand_ins) as base_url:
            known = json.loads((Path(folder) / "demo.json").read_text("utf-8")) | {"stand_ins": stand_ins}
            with Client(base_url=base_url, timeout=30, headers={"Accept-Language": "en"}) as http:
                Story(http, known, Path(folder)).play()
            _books(Path(folder))
        _altered(Path(folder))
    click.echo("\nThe story went as it should.")


@contextmanager
def _server(folder: Path, stand_ins: str) -> Iterator[str]:
    """A throwaway `scanback run` with impatient workers and the stand-ins for a tax service; gone with its data
    afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    child = subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "run"],
        env=environ | {"SCANBACK_DATA": str(folder), "SCANBACK_PORT": str(port)} | _impatience(folder, stand_ins),
        stdout=subprocess.DEVNULL,
    )
    try:
        _await_ready(child, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def _impatience(folder: Path, stand_ins: str) -> dict[str, str]:
    """Settings under which a receipt that was not there yet is asked for again after a second."""
    numbers = folder / "numbers.toml"
    steps = (f'[[receipt_retry_{n}]]\nfrom = 2026-01-01\nvalue = 1\nsource = "The demo."\n' for n in range(1, 9))
    numbers.write_text("".join(steps), "utf-8")
    return settings_files(folder, stand_ins) | {"SCANBACK_NUMBERS": str(numbers)}


def _await_ready(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with Client(base_url=f"http://127.0.0.1:{port}", timeout=2) as http:
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise Surprise("the server did not start")
            try:
                if http.get("/ready").status_code == 200:
                    return
            except TransportError:
                pass
            time.sleep(0.1)
    raise Surprise("the server is not ready")


def _books(folder: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "backend.cli", "books", "check", "--json"],
        env=os.environ | {"SCANBACK_DATA": str(folder)},
        capture_output=True,
        check=False,
    )
    if checked.returncode:
        raise Surprise(f"the books do not balance: {checked.stdout.decode()} {checked.stderr.decode()}")
    click.echo(f"\nThe books balance: {checked.stdout.decode().strip()}")


def _altered(folder: Path) -> None:
    """After the last guest has gone: the copy of the database in which somebody helped himself."""
    click.echo(click.style("\n* In a copy of the database one row is altered behind everybody's back", bold=True))
    faults = found_in_copy(folder)
    if not faults:
        raise Surprise("nobody noticed")
    for fault in faults:
        click.echo(f"  found: {fault}")


class Story:
    """The people of the story and what they do; a step that surprises ends it."""

    def __init__(self, http: Client, known: dict[str, Any], folder: Path) -> None:
        self.http = http
        self.folder = folder
        self.known = known
        self.codes = iter(known["package_codes"])

    def play(self) -> None:
        """All chapters in order."""
        agent = self.join("An installer joins: no phone number, no e-mail, no name")
        code = next(self.codes)
        first = self.photograph(agent, code)
        self.balance(agent, 150_00)
        self.repeat(agent, first, code)
        self.refusals(code)
        self.basement(agent)
        self.balance(agent, 5 * 150_00)
        agent = self.lost_phone(agent)
        self.balance(agent, 5 * 150_00)
        brand_story(self)
        shop_story(self)
        receipt_story(self)
        spending_story(self)
        invoice_story(self)

    def step(self, sentence: str) -> None:
        click.echo(click.style(f"\n* {sentence}", bold=True))

    def tell(self, sentence: str) -> None:
        click.echo(f"  {sentence}")

    def expect(self, response: Response, status: int = 200) -> Any:
        """The answer's JSON, if it is the answer that the story wants."""
        if response.status_code != status:
            raise Surprise(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
        return response.json() if response.content else None

    def insist(self, true: bool, what: object) -> None:
        if not true:
            raise Surprise(f"not what the story wants: {what}")

    def join(self, sentence: str) -> dict[str, str]:
        self.step(sentence)
        account: dict[str, str] = self.expect(self.http.post("/v1/accounts"), 201)
        self.tell(f"card {account['card_number']}; a token and a recovery code for his eyes only")
        return account

    def scan(self, agent: dict[str, str], text: str, scan_id: str = "") -> Any:
        path = f"/v1/scans/{scan_id or uuid.uuid4()}"
        answer = self.expect(self.http.put(path, json={"text": text}, headers=bearer(agent)))
        self.tell(shown(answer))
        return answer

    def photograph(self, agent: dict[str, str], code: str) -> str:
        self.step("He photographs the label: turned, out of focus, compressed")
        label = Label(1, code, f"{self.known['base_url'].upper()}/C/{code}")
        content = photo(picture(label, LabelDesign(name="Розетка двойная", sku="RA16-374")))
        scan_id = str(uuid.uuid4())
        files = {"file": ("label.jpg", content, "image/jpeg")}
        answer = self.expect(self.http.put(f"/v1/scans/{scan_id}", files=files, headers=bearer(agent)))
        self.tell(f"a JPEG of {len(content):,} bytes: {shown(answer)}")
        self.insist(answer["kind"] == "package" and answer["status"] == "credited", answer)
        return scan_id

    def balance(self, agent: dict[str, str], kopecks: int) -> None:
        home = self.expect(self.http.get("/v1/me", headers=bearer(agent)))
        available = sum(wallet.get("available", 0) for wallet in home["wallets"])
        self.tell(f"in the wallet: {available / 100:.2f} RUB")
        self.insist(available == kopecks, home)

    def repeat(self, agent: dict[str, str], scan_id: str, code: str) -> None:
        self.step("The network was bad, he scans it again; the money comes once")
        answer = self.scan(agent, code)
        self.insist(answer["status"] == "repeated", answer)
        self.balance(agent, 150_00)
        changed = self.http.put(f"/v1/scans/{scan_id}", json={"text": code}, headers=bearer(agent))
        self.insist(changed.status_code == 422 and changed.json()["code"] == "body_changed", changed.text)
        self.tell(f"the same id with another body: {changed.json()['detail']}")

    def refusals(self, code: str) -> None:
        other = self.join("Somebody else finds the empty box")
        self.insist(self.scan(other, code)["reason"] == "already_claimed", code)
        self.step("And mistypes, and makes one up")
        self.insist(self.scan(other, code[:-1] + ("A" if code[-1] != "A" else "B"))["reason"] == "typing_error", code)
        self.insist(self.scan(other, made_up(code))["reason"] == "unknown_code", code)

    def basement(self, agent: dict[str, str]) -> None:
        self.step("A basement without a signal: four scans wait in the phone and go up in one request, twice")
        queue = {"scans": [{"id": str(uuid.uuid4()), "text": next(self.codes)} for _ in range(4)]}
        answers = [self.expect(self.http.post("/v1/scans/batch", json=queue, headers=bearer(agent))) for _ in range(2)]
        for item in answers[0]["items"]:
            self.tell(shown(item))
        self.insist(answers[0] == answers[1], answers)

    def lost_phone(self, agent: dict[str, str]) -> dict[str, str]:
        self.step("The phone is lost: the recovery code brings the wallet to a new one")
        body = {"recovery_code": agent["recovery_code"].lower(), "device_name": "New phone"}
        fresh: dict[str, str] = self.expect(self.http.post("/v1/sessions", json=body), 201)
        self.tell(f"same card {fresh['card_number']}; spending waits until {fresh['spending_held_until']}")
        old = self.http.get("/v1/me", headers=bearer(agent))
        self.insist(old.status_code == 401, old.text)
        self.tell("the old phone is signed out")
        return fresh


def bearer(holder: dict[str, str]) -> dict[str, str]:
    """The header everybody signs in with."""
    return {"Authorization": f"Bearer {holder['token']}"}


def shown(answer: dict[str, Any]) -> str:
    """An answer in a line."""
    words = [answer["status"], answer.get("reason", ""), (answer.get("explanation") or {}).get("text", "")]
    return " - ".join(word for word in [*words, answer.get("next", "")] if word)


def photo(png: bytes) -> bytes:
    """A label as a hurried phone sees it."""
    image = Image.open(io.BytesIO(png)).convert("RGB").rotate(9, expand=True, fillcolor="white")
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.5)).save(out, "JPEG", quality=40)
    return out.getvalue()


def made_up(code: str) -> str:
    """A code that nobody printed, with a check symbol that fits."""
    body = code[:5] + ("Z" if code[5] != "Z" else "Y") + code[6:15]
    return body + symbols.check_symbol(body)
