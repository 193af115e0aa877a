import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from backend.earning.scans.pictures.decoder import Decoder, DecoderBusy, Payer
from scanning.pictures import decode
from scanning.pictures.header import Limits
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported, Problem
from tests.scanning.pictures import bombs, draw
from tests.scanning.pictures.draw import URL

LABEL = draw.file(draw.photo(draw.qr()), "JPEG")
SLOW = draw.file(draw.photo(draw.qr(), size=(5700, 4200)), "WEBP", lossless=True, method=0, quality=0)
REPOSITORY = Path(__file__).parents[4]


@pytest.fixture(scope="module")
async def decoder():
    async with Decoder(workers=1) as decoder:
        yield decoder


async def pid_of(decoder, pool="_pictures"):
    """The process that waits for the next picture, or PDF."""
    idle = getattr(decoder, pool)._idle
    child = await idle.get()
    idle.put_nowait(child)
    return child.pid


async def texts(decoder, data=LABEL):
    return [symbol.text for symbol in await decoder.read(data)]


async def test_picture_is_read_in_another_process(decoder):
    (symbol,) = await decoder.read(LABEL)

    assert symbol == decode.Symbol(URL, URL.encode(), "qr", "zxing-cpp", "qr", symbol.corners, symbol.outline, 1)
    assert await pid_of(decoder) != os.getpid()


def test_engines_are_those_of_process(decoder):
    assert decoder.engines == decode.live_engines()


@pytest.mark.parametrize("format_", [*bombs.FORMATS, "PDF"])
async def test_every_format_is_read_under_limits(decoder, format_):
    assert await texts(decoder, draw.file(draw.photo(draw.qr()), format_)) == [URL]


@pytest.mark.parametrize(
    ("picture", "format_", "options"),
    [
        ("L", "JPEG", {"progressive": True}),
        ("RGBA", "PNG", {"compress_level": 1}),
        ("RGBA", "WEBP", {"lossless": True, "method": 0, "quality": 0}),
        ("RGBA", "AVIF", {"speed": 10}),
    ],
)
async def test_picture_of_24_megapixels_fits_memory_limit(picture, format_, options):
    large = draw.photo(draw.qr(), size=(5700, 4200)).convert(picture)
    if picture == "RGBA":
        large.putalpha(254)

    async with Decoder(workers=1, seconds=20) as patient:
        assert await texts(patient, draw.file(large, format_, **options)) == [URL]


@pytest.mark.parametrize(
    ("mode", "format_", "options"),
    [
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("RGB", "HEIF", {"quality": 30}),
        ("RGB", "AVIF", {"speed": 10}),
        ("RGBA", "PNG", {"compress_level": 1}),
    ],
)
async def test_picture_of_50_megapixels_fits_memory_limit(mode, format_, options):
    large = draw.photo(draw.qr(module=12), size=(8192, 6144)).convert(mode)
    if mode == "RGBA":
        large.putalpha(254)
    content = draw.file(large, format_, **options)

    async with Decoder(workers=1, seconds=20) as patient:
        assert await texts(patient, content) == [URL]
        assert len(await patient.clean(content)) > 10_000


async def test_pictures_are_read_concurrently():
    labels = [draw.file(draw.photo(draw.qr(f"HTTPS://EX.RU/P/{number}"))) for number in range(18)]

    async with Decoder(workers=2, queue=16) as busy:
        found = await asyncio.gather(*(busy.read(label) for label in labels))

    assert [symbols[0].text for symbols in found] == [f"HTTPS://EX.RU/P/{number}" for number in range(18)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", PictureUnsupported),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PictureUnsupported),
        (bombs.huge_png(), PictureTooLarge),
        (bytes(21 * 2**20), PictureTooLarge),
        (LABEL[: len(LABEL) // 2], PictureUnreadable),
        (bombs.text_bomb(), PictureUnreadable),
    ],
)
async def test_refused_picture_preserves_the_process(decoder, data, problem):
    before = await pid_of(decoder)
    seconds = []
    for _ in range(3):  # other tests may share the processor
        start = time.perf_counter()
        with pytest.raises(problem):
            await decoder.read(data)
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 0.2
    assert await pid_of(decoder) == before


async def test_decompression_bombs_do_not_grow_memory(decoder):
    bombs_ = [bombs.animated_png(), bombs.animated_webp(), bombs.exif_bomb(), bombs.huge_page(), bombs.text_bomb()]
    before = psutil.Process().memory_info().rss

    for bomb in bombs_:
        try:
            await decoder.read(bomb)
        except Problem as problem:
            assert str(problem)  # noqa: PT017 - read or refused, both are fine

    assert psutil.Process().memory_info().rss - before < 50 * 2**20
    assert await texts(decoder) == [URL]


async def test_picture_that_crashes_library_is_unreadable(decoder):
    before = await pid_of(decoder, "_pdfs")

    with pytest.raises(PictureUnreadable):
        await decoder.read(bombs.looping_pdf())

    assert await texts(decoder, draw.file(draw.photo(draw.qr()), "PDF")) == [URL]
    assert await pid_of(decoder, "_pdfs") != before


async def test_picture_over_time_limit_is_unreadable():
    async with Decoder(workers=1, seconds=0.1) as hasty:
        before = await pid_of(hasty)

        with pytest.raises(PictureUnreadable, match="too long"):
            await hasty.read(SLOW)

        hasty._seconds = 10
        assert await texts(hasty) == [URL]
        assert await pid_of(hasty) != before
        assert not psutil.pid_exists(before)


async def test_picture_over_memory_limit_is_unreadable():
    large = draw.file(Image.new("RGBA", (5700, 4200)), compress_level=1)

    async with Decoder(workers=1, seconds=10, memory_bytes=300 * 2**20) as small:
        with pytest.raises(PictureUnreadable, match="memory"):
            await small.read(large)
        with pytest.raises(PictureUnreadable):
            await small.read(SLOW)  # libwebp gives no reason

        assert await texts(small) == [URL]


async def test_endless_search_is_stopped_without_result(monkeypatch):
    nothing = draw.file(draw.noisy(Image.new("L", (1600, 1200), 128), 60), "JPEG")
    monkeypatch.setattr("backend.earning.scans.pictures.decoder.LAST_ATTEMPT", 0.06)

    async with Decoder(workers=1, seconds=10) as hasty:
        start = time.perf_counter()

        assert await hasty.read(nothing) == []
        assert time.perf_counter() - start < 2


async def test_process_killed_at_work_fails_one_picture(decoder):
    reading = asyncio.create_task(decoder.read(SLOW))
    pid = next(iter(decoder._pictures._children)).pid
    await asyncio.sleep(0.1)
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(PictureUnreadable, match="broke"):
        await reading
    assert await texts(decoder) == [URL]


async def test_process_killed_while_idle_is_replaced(decoder):
    os.kill(await pid_of(decoder), signal.SIGKILL)
    await asyncio.sleep(0.05)

    assert await texts(decoder) == [URL]


async def test_hanging_process_is_replaced():
    async with Decoder(workers=1, seconds=0.5) as decoder:
        os.kill(await pid_of(decoder), signal.SIGSTOP)

        with pytest.raises(PictureUnreadable, match="too long"):
            await decoder.read(LABEL)
        assert await texts(decoder) == [URL]


async def test_full_picture_queue_is_busy():
    async with Decoder(workers=1, queue=1, seconds=20) as busy:
        first, second = asyncio.create_task(busy.read(SLOW)), asyncio.create_task(busy.read(LABEL))
        await asyncio.sleep(0)

        with pytest.raises(DecoderBusy):
            await busy.read(LABEL)

        assert [symbol.text for symbol in await first] == [URL]
        assert [symbol.text for symbol in await second] == [URL]
        assert await texts(busy) == [URL]


async def test_pictures_are_read_beside_endless_pdf():
    async with Decoder(workers=1, pdf_workers=1) as decoder:
        endless = asyncio.create_task(decoder.read(bombs.nested_forms()))
        await asyncio.sleep(0.1)

        assert await texts(decoder) == [URL]
        assert not endless.done()
        with pytest.raises(PictureUnreadable):
            await endless


async def test_picture_is_charged_by_its_seconds():
    charged = []

    async def charge(payer, seconds):
        charged.append((payer.account_id, seconds))

    async with Decoder(workers=1, pdf_seconds=1, charge=charge) as decoder:
        await decoder.read(LABEL, Payer(7, "net"))
        with pytest.raises(PictureUnreadable):
            await decoder.read(bombs.nested_forms(), Payer(8, "net"))

    (first, cheap), (second, dear) = charged
    assert (first, second) == (7, 8)
    assert 0.001 < cheap < 1
    assert dear > 2


async def test_refused_picture_takes_no_queue_place():
    async with Decoder(workers=1, queue=0) as narrow:
        for _ in range(3):
            with pytest.raises(PictureUnsupported):
                await narrow.read(b"nothing")
            with pytest.raises(PictureUnreadable):
                await narrow.read(LABEL[:1000])

        assert await texts(narrow) == [URL]


async def test_cancelled_caller_does_not_shift_responses(decoder):
    leaving = asyncio.create_task(
        decoder.read(draw.file(draw.photo(draw.qr("HTTPS://EX.RU/P/OTHER"), size=(3000, 3000))))
    )
    await asyncio.sleep(0.02)
    leaving.cancel()

    assert await texts(decoder) == [URL]
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_old_process_is_replaced():
    async with Decoder(workers=1, pictures_per_child=2) as ageing:
        pids = []
        for _ in range(5):
            pids.append(await pid_of(ageing))
            assert await texts(ageing) == [URL]

    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


async def test_limits_are_settings():
    async with Decoder(workers=1, limits=Limits(pixels=100)) as strict:
        with pytest.raises(PictureTooLarge):
            await strict.read(LABEL)


async def test_process_has_no_environment_or_files(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")

    async with Decoder(workers=1) as decoder:
        child = psutil.Process(await pid_of(decoder))

        assert "DATABASE_URL" not in child.environ()
        assert child.net_connections() == []
        assert child.num_fds() == 4  # stdin, stdout twice, stderr
        assert child.rlimit(psutil.RLIMIT_NOFILE) == (0, 0)
        assert child.rlimit(psutil.RLIMIT_AS) == (2**30, 2**30)
        assert os.getsid(child.pid) == child.pid


async def test_ctrl_c_does_not_reach_process(decoder):
    pid = await pid_of(decoder)
    os.kill(pid, signal.SIGINT)

    assert await texts(decoder) == [URL]
    assert await pid_of(decoder) == pid


async def test_closed_decoder_leaves_no_process():
    async with Decoder(workers=2) as decoder:
        pids = [child.pid for child in decoder._pictures._children]
        reading = asyncio.create_task(decoder.read(SLOW))
        await asyncio.sleep(0.05)

    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(asyncio.CancelledError):
        await reading


PARENT = """
import asyncio, sys
from backend.earning.scans.pictures.decoder import Decoder

async def main():
    async with Decoder(workers=2) as decoder:
        print(*[child.pid for child in decoder._pictures._children], flush=True)
        picture = open(sys.argv[1], "rb").read()
        while True:
            await decoder.read(picture)

asyncio.run(main())
"""


def test_processes_end_with_their_parent(tmp_path):
    (tmp_path / "slow").write_bytes(SLOW)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "slow"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    with parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        time.sleep(0.2)
        parent.kill()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=2)

    # Their new parent may reap them later.
    alive = [one for one in alive if psutil.pid_exists(one.pid) and one.status() != psutil.STATUS_ZOMBIE]

    assert len(pids) == 2
    assert alive == []


def test_process_without_input_exits():
    command = [sys.executable, "-m", "scanning.pictures.child"]
    done = subprocess.run(
        command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=True
    )

    assert done.stdout == b""
    assert done.stderr == b""
