"""`scanback demo`: runs all flows of the product over real HTTP on a temporary server, and checks each step."""

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

from backend.cli.server import simulate
from backend.cli.server.simulator_process import write_settings_files
from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign
from backend.earning.packages.print_runs.labels.label_picture import draw_label
from demo.story import brand_story
from demo.story_invoice import invoice_story
from demo.story_receipt import receipt_story
from demo.story_shop import shop_story
from demo.story_spending import spending_story
from demo.tamper_demo import audit_altered_copy
from scanning.codes import symbols

READY_SECONDS = 60


class StoryFailed(click.ClickException):
    """A step of the demo had an unexpected result."""


@click.command()
def demo() -> None:
    """Run all flows: join, photograph a label, see the balance, refusals, recovery, and the audit of the ledger."""
    with tempfile.TemporaryDirectory(prefix="scanback-demo-") as folder:
        Path(folder).chmod(0o755)
        with simulate.run_simulators() as stand_ins, _run_server(Path(folder), stand_ins) as base_url:
            setup = json.loads((Path(folder) / "demo.json").read_text("utf-8")) | {"stand_ins": stand_ins}
            with Client(base_url=base_url, timeout=30, headers={"Accept-Language": "en"}) as http:
                Story(http, setup, Path(folder)).play()
            _check_ledger(Path(folder))
        _check_altered_copy(Path(folder))
    click.echo("\nAll steps succeeded.")


@contextmanager
def _run_server(folder: Path, stand_ins: str) -> Iterator[str]:
    """A temporary `scanback run` with short retries and a simulated tax service."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    child = subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "run"],
        env=environ | {"SCANBACK_DATA": str(folder), "SCANBACK_PORT": str(port)} | _short_retries(folder, stand_ins),
        stdout=subprocess.DEVNULL,
    )
    try:
        _await_ready(child, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def _short_retries(folder: Path, stand_ins: str) -> dict[str, str]:
    """Settings by which the worker retries a missing receipt after a second."""
    numbers = folder / "numbers.toml"
    steps = (f'[[receipt_retry_{n}]]\nfrom = 2026-01-01\nvalue = 1\nsource = "The demo."\n' for n in range(1, 9))
    numbers.write_text("".join(steps), "utf-8")
    return write_settings_files(folder, stand_ins) | {"SCANBACK_NUMBERS": str(numbers)}


def _await_ready(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with Client(base_url=f"http://127.0.0.1:{port}", timeout=2) as http:
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise StoryFailed("the server did not start")
            try:
                if http.get("/ready").status_code == 200:
                    return
            except TransportError:
                pass
            time.sleep(0.1)
    raise StoryFailed("the server is not ready")


def _check_ledger(folder: Path) -> None:
    audit = subprocess.run(
        [sys.executable, "-m", "backend.cli", "books", "check", "--json"],
        env=os.environ | {"SCANBACK_DATA": str(folder)},
        capture_output=True,
        check=False,
    )
    if audit.returncode:
        raise StoryFailed(f"the ledger does not balance: {audit.stdout.decode()} {audit.stderr.decode()}")
    click.echo(f"\nThe books balance: {audit.stdout.decode().strip()}")


def _check_altered_copy(folder: Path) -> None:
    """Check that the audit finds an altered row in a copy of the database."""
    click.echo(click.style("\n* In a copy of the database one row is altered around the application", bold=True))
    faults = audit_altered_copy(folder)
    if not faults:
        raise StoryFailed("the audit did not find it")
    for fault in faults:
        click.echo(f"  found: {fault}")


class Story:
    """The steps of the demo and their checks; a failed check ends it."""

    def __init__(self, http: Client, setup: dict[str, Any], folder: Path) -> None:
        self.http = http
        self.folder = folder
        self.setup = setup
        self.codes = iter(setup["package_codes"])

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

    def report(self, sentence: str) -> None:
        click.echo(f"  {sentence}")

    def expect(self, response: Response, status: int = 200) -> Any:
        """The response's JSON; checks its status."""
        if response.status_code != status:
            raise StoryFailed(
                f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
            )
        return response.json() if response.content else None

    def check(self, condition: bool, details: object) -> None:
        if not condition:
            raise StoryFailed(f"unexpected: {details}")

    def join(self, sentence: str) -> dict[str, str]:
        self.step(sentence)
        account: dict[str, str] = self.expect(self.http.post("/v1/accounts"), 201)
        self.report(f"card {account['card_number']}; a secret token and a recovery code")
        return account

    def scan(self, agent: dict[str, str], text: str, scan_id: str = "") -> Any:
        path = f"/v1/scans/{scan_id or uuid.uuid4()}"
        answer = self.expect(self.http.put(path, json={"text": text}, headers=bearer_header(agent)))
        self.report(format_answer(answer))
        return answer

    def photograph(self, agent: dict[str, str], code: str) -> str:
        self.step("The agent photographs the label: rotated, out of focus, compressed")
        label = Label(1, code, f"{self.setup['base_url'].upper()}/C/{code}")
        content = photograph_label(draw_label(label, LabelDesign(name="Розетка двойная", sku="RA16-374")))
        scan_id = str(uuid.uuid4())
        files = {"file": ("label.jpg", content, "image/jpeg")}
        answer = self.expect(self.http.put(f"/v1/scans/{scan_id}", files=files, headers=bearer_header(agent)))
        self.report(f"a JPEG of {len(content):,} bytes: {format_answer(answer)}")
        self.check(answer["kind"] == "package" and answer["status"] == "credited", answer)
        return scan_id

    def balance(self, agent: dict[str, str], kopecks: int) -> None:
        home = self.expect(self.http.get("/v1/me", headers=bearer_header(agent)))
        available = sum(wallet.get("available", 0) for wallet in home["wallets"])
        self.report(f"in the wallet: {available / 100:.2f} RUB")
        self.check(available == kopecks, home)

    def repeat(self, agent: dict[str, str], scan_id: str, code: str) -> None:
        self.step("After a lost response the agent scans it again; the points are awarded once")
        answer = self.scan(agent, code)
        self.check(answer["status"] == "repeated", answer)
        self.balance(agent, 150_00)
        changed = self.http.put(f"/v1/scans/{scan_id}", json={"text": code}, headers=bearer_header(agent))
        self.check(changed.status_code == 422 and changed.json()["code"] == "body_changed", changed.text)
        self.report(f"the same id with another body: {changed.json()['detail']}")

    def refusals(self, code: str) -> None:
        other = self.join("Another person finds the empty box")
        self.check(self.scan(other, code)["reason"] == "already_claimed", code)
        self.step("And sends a mistyped and an invented code")
        self.check(self.scan(other, code[:-1] + ("A" if code[-1] != "A" else "B"))["reason"] == "typing_error", code)
        self.check(self.scan(other, unprinted_code(code))["reason"] == "unknown_code", code)

    def basement(self, agent: dict[str, str]) -> None:
        self.step("Offline in a basement: the phone queues four scans and sends them in one request, twice")
        queue = {"scans": [{"id": str(uuid.uuid4()), "text": next(self.codes)} for _ in range(4)]}
        answers = [
            self.expect(self.http.post("/v1/scans/batch", json=queue, headers=bearer_header(agent))) for _ in range(2)
        ]
        for item in answers[0]["items"]:
            self.report(format_answer(item))
        self.check(answers[0] == answers[1], answers)

    def lost_phone(self, agent: dict[str, str]) -> dict[str, str]:
        self.step("The phone is lost: the recovery code opens the wallet on a new one")
        body = {"recovery_code": agent["recovery_code"].lower(), "device_name": "New phone"}
        session: dict[str, str] = self.expect(self.http.post("/v1/sessions", json=body), 201)
        self.report(f"same card {session['card_number']}; spending is held until {session['spending_held_until']}")
        pin = self.http.put("/v1/me/pin", json={"pin": "4071"}, headers=bearer_header(agent))
        self.check(pin.json().get("code") == "account_held", pin.text)
        self.report("until then the old phone cannot spend or change credentials, and then it is signed out")
        return session


def bearer_header(holder: dict[str, str]) -> dict[str, str]:
    """The header with the token of an agent or till."""
    return {"Authorization": f"Bearer {holder['token']}"}


def format_answer(answer: dict[str, Any]) -> str:
    """The result of a scan in one line."""
    words = [answer["status"], answer.get("reason", ""), (answer.get("explanation") or {}).get("text", "")]
    return " - ".join(word for word in [*words, answer.get("next", "")] if word)


def photograph_label(png: bytes) -> bytes:
    """A bad photo of a label."""
    image = Image.open(io.BytesIO(png)).convert("RGB").rotate(9, expand=True, fillcolor="white")
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.5)).save(out, "JPEG", quality=40)
    return out.getvalue()


def unprinted_code(code: str) -> str:
    """A code that was not printed, with a valid check symbol."""
    body = code[:5] + ("Z" if code[5] != "Z" else "Y") + code[6:15]
    return body + symbols.check_symbol(body)
