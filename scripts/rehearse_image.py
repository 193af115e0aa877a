"""Runs the steps of docker/Dockerfile in a clean folder, without a container engine: `make rehearse`."""  # noqa: INP001

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

from local_postgres import server as postgres_server

ROOT = Path(__file__).parents[1]
PATHS = ("/venv", "/app", "/requirements", "/data")  # folders of the image's files
# Commands of the base image's system, which are skipped; all others run.
SYSTEM = ("apt-get", "useradd")
# Network settings of this machine; an engine has its own.
NETWORK = ("_proxy", "ssl_cert_file", "ssl_cert_dir", "pip_cert")
READY_SECONDS = 60


class Rehearsal:
    """A folder in place of the image's file system, and the Dockerfile's metadata so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        network = {name: value for name, value in os.environ.items() if name.lower().endswith(NETWORK)}
        self.environ = network | {"HOME": str(folder), "PATH": f"{folder}/base/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        self.context = folder / "context"
        self.metadata: dict[str, list[str]] = {}

    def map_paths(self, text: str) -> str:
        """A text with the image's paths moved into the folder."""
        return re.sub(rf"(?<![\w.])({'|'.join(PATHS)})\b", rf"{self.folder}\1", text)

    def run_instruction(self, word: str, rest: str) -> None:
        """Run one instruction."""
        print(f"{word} {rest}", flush=True)
        if word == "COPY":
            self.copy(rest.split())
        elif word == "RUN" and rest.startswith(SYSTEM):
            print("    (skipped: a command of the base image's system)")
        elif word == "RUN":
            subprocess.run(["/bin/sh", "-ec", self.map_paths(rest)], check=True, env=self.environ, cwd=self.folder)
        elif word == "ENV":
            self.environ |= dict(pair.split("=", 1) for pair in shlex.split(self.map_paths(rest)))
            self.environ["PATH"] += os.pathsep + f"{self.folder}/base/bin"
        elif word in ("ENTRYPOINT", "CMD"):
            self.metadata[word] = json.loads(rest)
        elif word == "HEALTHCHECK":
            self.metadata[word] = json.loads(rest[rest.index("CMD ") + 4 :])

    def copy(self, arguments: list[str]) -> None:
        """COPY from the context; an earlier stage is the same folder here."""
        if arguments[0].startswith("--from="):
            return
        *sources, target = arguments
        for source in sources:
            found, place = self.context / source, Path(self.map_paths(target))
            if found.is_dir():
                shutil.copytree(found, place)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, place)


def copy_context(folder: Path) -> None:
    """Copy the build context: the repository's files that .dockerignore includes."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    included = tuple(line.removeprefix("!") + "/" for line in lines if line.startswith("!"))
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if name.startswith(included) and (ROOT / name).exists():
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


def check_image(rehearsal: Rehearsal) -> None:
    """Run migrate, serve and worker from the folder only; the health check must succeed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with postgres_server.throwaway() as server:
        keys = {name: os.urandom(32).hex() for name in ("SCANBACK_MASTER_KEY", "SCANBACK_PEPPER")}
        own = {"DATABASE_URL": server.url, "SCANBACK_PORT": str(port), "SCANBACK_HOST": "127.0.0.1"}
        environ = rehearsal.environ | keys | own
        entry = rehearsal.metadata["ENTRYPOINT"]
        subprocess.run([*entry, "migrate"], check=True, env=environ, cwd=rehearsal.folder / "app")
        with (
            running_process([*entry, *rehearsal.metadata["CMD"]], environ),
            running_process([*entry, "worker"], environ),
        ):
            deadline = time.monotonic() + READY_SECONDS
            while subprocess.run(
                rehearsal.metadata["HEALTHCHECK"], check=False, env=environ, stderr=subprocess.DEVNULL
            ).returncode:
                if time.monotonic() > deadline:
                    sys.exit("The health check did not succeed.")
                time.sleep(0.5)
    print(f"Ready at 127.0.0.1:{port}; the health check succeeded.")


@contextlib.contextmanager
def running_process(command: list[str], environ: dict[str, str]) -> Iterator[None]:
    """Run a process for the block; it must end on SIGTERM with exit code 0."""
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
        copy_context(rehearsal.context)
        print("FROM: this machine's Python in its own environment")
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", "--without-pip", folder / "base"], check=True)
        subprocess.run([base, "-m", "pip", "--python", folder / "base/bin/python", "install", "-q", "pip"], check=True)
        for word, rest in instructions():
            rehearsal.run_instruction(word, rest)
        check_image(rehearsal)
    finally:
        shutil.rmtree(folder)


main()
