"""`scanback run`, as `make run` starts it: from nothing to ready, what is killed, and how it ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import psutil
import pytest
import zxingcpp
from PIL import Image

from backend.cli.server import preparation
from backend.core.settings import Settings
from local_postgres import server as postgres_server

ROOT = Path(__file__).parents[2]
BACK_SECONDS = 20


class House:
    """A `scanback run` process and its output."""

    def __init__(self, data, port):
        self.data, self.port = data, port
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "run"],
            cwd=ROOT,
            env=environ(data, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        while "Ctrl-C" not in self.output:
            line = self.process.stdout.readline()
            self.output += line
            if not line:
                self.process.communicate()
                pytest.fail(f"it ended early:\n{self.output}")
        self.seen = {*self.children()}

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name):
        """A direct child by a word of its command line; None while there is none."""
        children = psutil.Process(self.process.pid).children()
        return next((child for child in children if name in " ".join(child.cmdline())), None)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def end(self, sign):
        """Send a signal, and give the exit code and what still runs a while later."""
        self.seen |= {*self.children()}
        self.process.send_signal(sign)
        output, _ = self.process.communicate(timeout=20)
        self.output += output
        _, alive = psutil.wait_procs(self.seen, timeout=15)
        return self.process.returncode, alive


def environ(data, port):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SCANBACK_", "DATABASE_"))}
    return inherited | {"SCANBACK_DATA": str(data), "SCANBACK_PORT": str(port), "PYTHONPATH": str(ROOT)}


def run_to_its_end(data, port):
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", "run"],
        cwd=ROOT,
        env=environ(data, port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def within(seconds, question):
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def a_free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


port = pytest.fixture(scope="module")(a_free_port)
free_port = pytest.fixture(a_free_port)


@pytest.fixture(scope="module")
def data():
    folder = Path(tempfile.mkdtemp(prefix="scanback-run-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def house(data, port):
    house = House(data, port)
    yield house
    if house.process.poll() is None:
        house.end(signal.SIGTERM)


def test_first_start_prints_address_and_logins(house):
    demo = json.loads((house.data / "demo.json").read_text("utf-8"))

    assert house.is_ready()
    assert demo["base_url"] == f"http://127.0.0.1:{house.port}"
    assert demo["base_url"] in house.output
    assert demo["staff"]["email"] in house.output
    assert demo["staff"]["password"] in house.output
    assert (house.data / "demo.json").stat().st_mode & 0o777 == 0o600


def test_printed_qr_code_has_the_address(house):
    blocks = [line for line in house.output.splitlines() if set(line) & set("█▀▄")]
    upper = {"█": (0, 0), "▀": (0, 255), "▄": (255, 0)}
    width = max(map(len, blocks))
    picture = Image.new("L", (width, len(blocks) * 2), 255)
    for y, line in enumerate(blocks):
        for x, block in enumerate(line):
            top, bottom = upper.get(block, (255, 255))
            picture.putpixel((x, 2 * y), top)
            picture.putpixel((x, 2 * y + 1), bottom)
    picture = picture.resize((width * 8, len(blocks) * 16), Image.Resampling.NEAREST)

    (found,) = zxingcpp.read_barcodes(picture)

    assert found.text == f"http://127.0.0.1:{house.port}"


def test_second_start_in_a_folder_is_refused(house):
    second = run_to_its_end(house.data, house.port)

    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"already runs in {house.data} (pid {house.process.pid}, http://127.0.0.1:{house.port})" in second.stderr
    assert house.is_ready()


def test_busy_port_is_refused_without_processes_left(house, tmp_path):
    second = run_to_its_end(tmp_path / "other", house.port)

    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"Port {house.port} cannot be used" in second.stderr
    assert not (tmp_path / "other" / "postgres").exists()


@pytest.mark.parametrize("name", ["serve", "worker", "postgres"])
def test_killed_process_is_restarted(house, name):
    before = house.part(name)
    belonging = before.children(recursive=True)

    before.kill()

    assert within(BACK_SECONDS, lambda: not before.is_running() and house.is_ready() and house.part(name))
    assert psutil.wait_procs(belonging, timeout=5)[1] == []


def test_killed_api_process_is_restarted(house):
    inner = house.part("serve").children()[-1]

    inner.kill()

    assert within(BACK_SECONDS, lambda: not inner.is_running() and house.is_ready())


def test_sigterm_ends_all_processes_and_data_stays(house, free_port):
    demo = json.loads((house.data / "demo.json").read_text("utf-8"))

    assert house.end(signal.SIGTERM) == (0, [])

    again = House(house.data, free_port)
    updated = json.loads((house.data / "demo.json").read_text("utf-8"))
    assert again.is_ready()
    # The receipts to try are made anew at each start: old ones are refused.
    assert updated.pop("receipts") != demo.pop("receipts")
    assert updated == demo | {"base_url": f"http://127.0.0.1:{free_port}"}
    # Ctrl-C reaches the whole group of the terminal.
    os.killpg(again.process.pid, signal.SIGINT)
    assert again.end(signal.SIGINT) == (0, [])


def test_killed_supervisor_ends_all_processes(house):
    killed = House(house.data, house.port)

    code, alive = killed.end(signal.SIGKILL)

    assert (code, alive) == (-signal.SIGKILL, [])
    # And nothing it left is in the way of the next start.
    assert House(house.data, house.port).end(signal.SIGTERM) == (0, [])


def test_preparation_is_skipped_until_something_changes(house):
    settings = Settings.from_env(environ(house.data, house.port))

    with postgres_server.running(house.data) as url:
        assert preparation.is_prepared(settings, url)
        assert not preparation.is_prepared(msgspec.structs.replace(settings, base_url="http://elsewhere.test"), url)
        assert not preparation.is_prepared(msgspec.structs.replace(settings, data=house.data / "logs"), url)
