"""Logs of `make run`: put aside while their processes write on."""

import subprocess
import sys

import pytest

from local_postgres import data_folder

WRITER = """
import sys
for line in sys.stdin:
    print("x" * 999, flush=True)
    print("wrote", file=sys.stderr, flush=True)
"""


@pytest.fixture
def small(monkeypatch) -> int:
    monkeypatch.setattr(data_folder, "LOG_BYTES", 5000)
    return 5000


def test_log_of_running_process_is_rotated(tmp_path, small):
    (tmp_path / "logs").mkdir()
    with data_folder.open_log(tmp_path, "API") as log:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.PIPE, text=True
        )
    for _ in range(6):
        _write(writer)
    data_folder.rotate_log(tmp_path, "API")
    _write(writer)
    writer.communicate()

    assert (tmp_path / "logs" / "API.log.1").stat().st_size == 6000
    assert (tmp_path / "logs" / "API.log").read_text() == "x" * 999 + "\n"


def _write(writer: subprocess.Popen) -> None:
    writer.stdin.write("\n")
    writer.stdin.flush()
    writer.stderr.readline()


def test_small_log_is_not_rotated(tmp_path, small):
    (tmp_path / "logs").mkdir()
    data_folder.log_path(tmp_path, "API").write_bytes(b"x" * small)

    data_folder.rotate_log(tmp_path, "API")
    data_folder.rotate_log(tmp_path, "worker")

    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["API.log"]
