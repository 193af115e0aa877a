"""Photos are made fit to be kept in the process that opens pictures, under its limits."""

import asyncio
import io

import pytest
from PIL import Image

from backend.earning.scans.pictures.decoder import Decoder, DecoderBusy
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported
from tests.earning.receipts.pictures import photo
from tests.scanning.pictures import bombs, draw


@pytest.fixture(scope="module")
async def decoder():
    async with Decoder(workers=1) as decoder:
        yield decoder


def size_of(jpeg):
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.format, image.size, len(image.getexif())


@pytest.mark.parametrize("format_", [*bombs.FORMATS, "PDF"])
async def test_every_format_becomes_small_jpeg(decoder, format_):
    content = draw.file(draw.photo(draw.qr(), size=(3000, 2400)), format_)

    kind, size, notes = size_of(await decoder.clean(content))

    assert (kind, max(size), notes) == ("JPEG", 2000, 0)


async def test_process_reads_and_cleans_alternately(decoder):
    content = photo("https://scanback.test/one")

    read, cleaned, again = await asyncio.gather(decoder.read(content), decoder.clean(content), decoder.read(content))

    assert [symbol.text for symbol in read] == ["https://scanback.test/one"]
    assert read == again
    assert size_of(cleaned) == ("JPEG", (900, 1200), 0)


async def test_largest_accepted_picture_is_cleaned_in_time(decoder):
    content = draw.file(draw.photo(draw.qr(), size=(5600, 4200)), "JPEG")

    assert max(size_of(await decoder.clean(content))[1]) == 2000


async def test_invalid_photo_has_code_and_process_survives(decoder):
    whole = photo()

    with pytest.raises(PictureUnsupported):
        await decoder.clean(b"only words, and not a picture")
    with pytest.raises(PictureUnreadable):
        await decoder.clean(whole[:3000])
    with pytest.raises(PictureTooLarge):
        await decoder.clean(draw.file(Image.new("L", (8200, 8200)), "PNG"))

    assert size_of(await decoder.clean(whole)) == ("JPEG", (900, 1200), 0)


async def test_photo_over_time_limit_is_refused():
    slow = draw.file(draw.photo(draw.qr(), size=(5600, 4200)), "WEBP", lossless=True, method=0, quality=0)

    async with Decoder(workers=1, seconds=0.05) as decoder:
        with pytest.raises(PictureUnreadable):
            await decoder.clean(slow)


async def test_full_photo_queue_is_busy():
    async with Decoder(workers=1, queue=0) as decoder:
        answers = await asyncio.gather(*(decoder.clean(photo()) for _ in range(3)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["DecoderBusy", "DecoderBusy", "bytes"]
    assert all(answer.retry_after for answer in answers if isinstance(answer, DecoderBusy))
