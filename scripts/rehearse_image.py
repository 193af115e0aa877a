"""Does by hand what docker/Dockerfile says, in a clean folder, where no engine is at hand: `make rehearse`."""  # noqa: INP001

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from backend.cli import embedded

ROOT = Path(__file__).parents[1]
PATHS = ("/venv", "/app", "/requirements", "/data")  # those the image's files live under
# What the base image's system does; the rest is ours and is done for real.
SYSTEM = ("apt-get", "useradd")
# How this machine gets out; an engine has its own way.
NETWORK = ("_proxy", "ssl_cert_file", "ssl_cert_dir", "pip_cert")
READY_SECONDS = 60


class Rehearsal:
    """A folder that stands for the image's file system, and what the Dockerfile has said so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        network = {name: value for name, value in os.environ.items() if name.lower().endswith(NETWORK)}
        self.environ = network | {"HOME": str(folder), "PATH": f"{folder}/base/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        self.context = folder / "context"
        self.said: dict[str, list[str]] = {}

    def inside(self, text: str) -> str:
        """The same words with the image's paths moved into the folder."""
        return re.sub(rf"(?<![\w.])({'|'.join(PATHS)})\b", rf"{self.folder}\1", text)

    def step(self, word: str, rest: str) -> None:
        """Carry out one instruction."""
        print(f"{word} {rest}", flush=True)
        if word == "COPY":
            self.copy(rest.split())
        elif word == "RUN" and rest.startswith(SYSTEM):
            print("    (left to the base image's system)")
        elif word == "RUN":
            subprocess.run(["/bin/sh", "-ec", self.inside(rest)], check=True, env=self.environ, cwd=self.folder)
        elif word == "ENV":
            self.environ |= dict(pair.split("=", 1) for pair in shlex.split(self.inside(rest)))
            self.environ["PATH"] += os.pathsep + f"{self.folder}/base/bin"
        elif word in ("ENTRYPOINT", "CMD"):
            self.said[word] = json.loads(rest)
        elif word == "HEALTHCHECK":
            self.said[word] = json.loads(rest[rest.index("CMD ") + 4 :])

    def copy(self, arguments: list[str]) -> None:
        """COPY: from the context, or from an earlier stage, which is the same folder here."""
        if arguments[0].startswith("--from="):
            return
        *sources, target = arguments
        for source in sources:
            found, place = self.context / source, Path(self.inside(target))
            if found.is_dir():
                shutil.copytree(found, place)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, place)


def context(folder: Path) -> None:
    """What the engine would be sent: the repository's files that .dockerignore lets in."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = tuple(line.removeprefix("!") + "/" for line in lines if line.startswith("!"))
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if name.startswith(let_in) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, rest = line.split(maxsplit=1)
            yield word, " ".join(rest.split())


def prove(rehearsal: Rehearsal) -> None:
    """Migrate, serve and work from the folder alone; the health check must come to like it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with embedded.throwaway() as server:
        keys = {name: os.urandom(32).hex() for name in ("SCANBACK_MASTER_KEY", "SCANBACK_PEPPER")}
        own = {"DATABASE_URL": server.url, "SCANBACK_PORT": str(port), "SCANBACK_HOST": "127.0.0.1"}
        environ = rehearsal.environ | keys | own
        entry = rehearsal.said["ENTRYPOINT"]
        subprocess.run([*entry, "migrate"], check=True, env=environ, cwd=rehearsal.folder / "app")
        with started([*entry, *rehearsal.said["CMD"]], environ), started([*entry, "worker"], environ):
            deadline = time.monotonic() + READY_SECONDS
            while subprocess.run(
                rehearsal.said["HEALTHCHECK"], check=False, env=environ, stderr=subprocess.DEVNULL
            ).returncode:
                if time.monotonic() > deadline:
                    sys.exit("The health check did not succeed.")
                time.sleep(0.5)
    print(f"Ready at 127.0.0.1:{port}; the health check succeeded.")


@contextlib.contextmanager
def started(command: list[str], environ: dict[str, str]) -> Iterator[None]:
    """A process for the while; it must end on SIGTERM, and with 0."""
    process = subprocess.Popen(command, env=environ)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(15)
    if code != 0:
        sys.exit(f"{' '.join(command)} ended with {code}")


def main() -> None:
    """Rehearse the image from the first line to the health check."""
    folder = Path(tempfile.mkdtemp(prefix="scanback-image-"))
    try:
        rehearsal = Rehearsal(folder)
        context(rehearsal.context)
        print("FROM: this machine's Python in an environment of its own")
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", "--without-pip", folder / "base"], check=True)
        subprocess.run([base, "-m", "pip", "--python", folder / "base/bin/python", "install", "-q", "pip"], check=True)
        for word, rest in instructions():
            rehearsal.step(word, rest)
        prove(rehearsal)
    finally:
        shutil.rmtree(folder)


main()
