"""A batch's files in a local folder: the same bytes however often the writing is broken off."""

import contextlib
import csv
import hashlib
import io
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import msgspec
import pytest

from backend.core.settings import Settings
from backend.earning.packages import export as module
from backend.earning.packages.export import RECORD_NAME, SUMS_NAME, FolderInUse, HandOverRecord, export_files
from backend.earning.packages.models import Batch
from backend.earning.packages.print_runs.labels import files
from backend.earning.packages.print_runs.labels.files import PrintFormat
from backend.earning.packages.print_runs.print_run import DesignRefused, LabelStyle, PrintRun, plan_run
from scanning.codes import package

KEY = bytes(range(16))
SETTINGS = Settings(code_host="HTTPS://EX.RU", master_key=bytes(32))
STYLE = LabelStyle(name="Радиатор", sku="RB-500")


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """Files and blocks of a size that tests can fill."""
    for kind in PrintFormat:
        monkeypatch.setitem(files.FILE_SIZES, kind, 40)
    for kind in files.BLOCK_SIZES:
        monkeypatch.setitem(files.BLOCK_SIZES, kind, 10)


@pytest.mark.parametrize("kind", PrintFormat)
def test_export_has_each_code_once_and_record(tmp_path, kind):
    run = make_run(kind, 100)
    heard = []

    record = export_files(run, KEY, tmp_path / "out", about(run), heard.append)

    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {file.name for file in record.files} | {RECORD_NAME, SUMS_NAME}
    assert sum(heard) == sum(file.codes for file in record.files) == 100
    assert [(file.first, file.last) for file in record.files][-1][1] == 100
    assert msgspec.json.decode((tmp_path / "out" / RECORD_NAME).read_bytes(), type=HandOverRecord) == record
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} <= {0o600, 0o644}


def test_exported_codes_are_those_of_batch(tmp_path):
    run = make_run(PrintFormat.CSV, 100, first_serial=5)

    export_files(run, KEY, tmp_path, about(run), lambda _: None)

    texts = [path.read_text() for path in sorted(tmp_path.glob("*.csv"))]
    codes = [row["code"] for text in texts for row in csv.DictReader(io.StringIO(text))]
    assert [package.decode(KEY, code).serial for code in codes] == list(range(5, 105))


def test_checksums_match_sha256sum(tmp_path):
    run = make_run(PrintFormat.CSV, 100)
    export_files(run, KEY, tmp_path, about(run), lambda _: None)

    subprocess.run(["sha256sum", "--check", "--strict", SUMS_NAME], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("kind", PrintFormat)
@pytest.mark.parametrize("fall", [0, 13, 52, 91])
def test_aborted_export_resumes_to_same_bytes(tmp_path, kind, fall):
    run = make_run(kind, 100)
    export_files(run, KEY, tmp_path / "whole", about(run), lambda _: None)

    done = 0

    def fall_down(more):
        nonlocal done
        done += more
        if done > fall:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        export_files(run, KEY, tmp_path / "broken", about(run), fall_down)
    for path in (tmp_path / "broken").glob("*.partial"):
        path.write_bytes(path.read_bytes() + b"half a li")
    heard = []
    record = export_files(run, KEY, tmp_path / "broken", about(run), heard.append)

    assert sum(heard) == 100
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert [file.sha256 for file in record.files] == [
        hashlib.sha256((tmp_path / "whole" / file.name).read_bytes()).hexdigest() for file in record.files
    ]


@pytest.mark.parametrize("kind", files.BLOCK_SIZES)
@pytest.mark.parametrize("cut", range(0, 3000, 97))
def test_truncated_file_resumes_after_last_block(tmp_path, kind, cut):
    run = make_run(kind, 35)
    export_files(run, KEY, tmp_path / "whole", about(run), lambda _: None)
    (whole,) = (tmp_path / "whole").glob("*.csv" if kind is PrintFormat.CSV else "*.zpl")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / (whole.name + ".partial")).write_bytes(whole.read_bytes()[:cut])

    export_files(run, KEY, tmp_path / "cut", about(run), lambda _: None)

    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_resumed_export_writes_only_missing_files(tmp_path, monkeypatch):
    run = make_run(PrintFormat.CSV, 100)
    export_files(run, KEY, tmp_path, about(run), lambda _: None)
    made = []
    monkeypatch.setattr(module.PrintRun, "labels", lambda *args: made.append(args) or iter(()))

    export_files(run, KEY, tmp_path, about(run), lambda _: None)

    assert made == []


@pytest.mark.parametrize(
    "other", [{"kind": PrintFormat.ZPL}, {"style": LabelStyle(dpi=300)}, {"slot": 4}, {"count": 99}]
)
def test_folder_with_other_content_is_unchanged(tmp_path, other):
    run = make_run(PrintFormat.CSV, 100)
    export_files(run, KEY, tmp_path, about(run), lambda _: None)
    before = contents(tmp_path)
    changed = msgspec.structs.replace(run, **other)

    with pytest.raises(FolderInUse, match="another batch, format or design"):
        export_files(changed, KEY, tmp_path, about(changed), lambda _: None)

    assert contents(tmp_path) == before


def test_foreign_record_file_is_unchanged(tmp_path):
    (tmp_path / RECORD_NAME).write_text("my notes")
    run = make_run(PrintFormat.CSV, 100)

    with pytest.raises(FolderInUse):
        export_files(run, KEY, tmp_path, about(run), lambda _: None)

    assert (tmp_path / RECORD_NAME).read_text() == "my notes"


def test_killed_export_resumes_to_same_bytes(tmp_path, monkeypatch):
    script = (
        "import sys; from pathlib import Path; from tests.earning.packages.test_export import *\n"
        "files.FILE_SIZES[PrintFormat.CSV], files.BLOCK_SIZES[PrintFormat.CSV] = 150_000, 100\n"
        "run = make_run(PrintFormat.CSV, 200_000)\n"
        "export_files(run, KEY, Path(sys.argv[1]), about(run), lambda done: None)"
    )
    root, folder = Path(__file__).parents[3], tmp_path / "killed"

    def begin():
        command = [sys.executable, "-c", script, str(folder)]
        return subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})

    sizes = []
    for _ in range(2):
        grown = size_of(folder) + 2_000_000
        with begin() as process:
            while size_of(folder) < grown and process.poll() is None:
                time.sleep(0.005)
            process.kill()
        sizes.append(size_of(folder))
    with begin() as process:
        assert process.wait() == 0
    monkeypatch.setitem(files.FILE_SIZES, PrintFormat.CSV, 150_000)
    monkeypatch.setitem(files.BLOCK_SIZES, PrintFormat.CSV, 100)
    run = make_run(PrintFormat.CSV, 200_000)
    digests = [hashlib.sha256(b"".join(run.chunks(KEY, run.part(number)))).hexdigest() for number in (1, 2)]
    record = msgspec.json.decode((folder / RECORD_NAME).read_bytes(), type=HandOverRecord)

    assert 0 < sizes[0] < sizes[1] < size_of(folder)
    assert [file.sha256 for file in record.files] == digests


@pytest.mark.parametrize(
    ("style", "why"),
    [
        (LabelStyle(width_mm=5), "10 to 210 mm wide"),
        (LabelStyle(module_mm=0.1), "0.4 to 5 mm"),
        (LabelStyle(width_mm=20, height_mm=15), "mm"),
        (LabelStyle(name="龍"), "no sign for: 龍"),
    ],
)
def test_unprintable_label_is_refused(style, why):
    with pytest.raises(DesignRefused) as refused:
        plan_run(PrintFormat.PDF, make_batch(), style, SETTINGS)

    assert why in refused.value.detail()
    assert refused.value.detail().startswith("These labels cannot be made: ")


def test_imported_code_list_is_not_printable():
    batch = make_batch()
    batch.slot = batch.first_serial = None

    with pytest.raises(DesignRefused):
        plan_run(PrintFormat.CSV, batch, LabelStyle(), SETTINGS)


def test_csv_does_not_depend_on_label_style():
    plans = {
        plan_run(PrintFormat.CSV, make_batch(), style, SETTINGS).fingerprint
        for style in (LabelStyle(), LabelStyle(name="龍"), LabelStyle(dpi=300))
    }

    assert len(plans) == 1


def make_batch():
    return Batch(key=uuid.UUID(int=7), slot=3, first_serial=0, count=100)


def make_run(kind, count, first_serial=0):
    return PrintRun(kind, 3, first_serial, count, "batch", "HTTPS://EX.RU/C/", STYLE)


def about(run):
    return HandOverRecord("00000000-0000-0000-0000-000000000007", "RB-500", run.kind, run.count, run.fingerprint)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def size_of(folder):
    return sum(path.stat().st_size for path in folder.glob("*.csv*")) if folder.exists() else 0
