"""How far apart the regions of two receipts are, and whether one person can have been in both (fraud rule 13)."""

import math
import re
import tomllib
from datetime import datetime
from importlib.resources import files

import msgspec

FASTEST = 500  # kilometres an hour by air, with the way to and from the airports
SLACK = 300  # kilometres: a shop may be anywhere in its region

_EARTH = 6371  # kilometres, mean radius


_NUMBER = re.compile(r"(?:^|[,;]\s*)([0-9]{2}) ?- ?[^\W\d]")  # «47 - Ленинградская область», after the post code or not
_POST_CODE = re.compile(r"(?<![0-9])([1-6][0-9]{2})[0-9]{3}(?![0-9])")


class Region(msgspec.Struct, frozen=True):
    """The seat of a region: degrees north and east, hours ahead of UTC; the heads of its post codes, from and to."""

    town: str
    north: float
    east: float
    utc: int
    post: tuple[int, int] | None = None


REGIONS = msgspec.convert(
    tomllib.loads(files("scanning.receipts").joinpath("regions.toml").read_text("utf-8")), dict[str, Region]
)


def of_address(address: str) -> str | None:
    """The region whose number or post code an address names."""
    numbers: list[str] = [number for number in _NUMBER.findall(address) if number in REGIONS]
    if numbers:
        return numbers[0]
    heads = [int(head) for head in _POST_CODE.findall(address)]
    return next((code for head in heads[:1] for code, region in REGIONS.items() if _has_post(region, head)), None)


def distance_km(a: str, b: str) -> float | None:
    """Kilometres in a straight line between the seats of two regions; None where one is unknown."""
    if a not in REGIONS or b not in REGIONS:
        return None
    here, there = REGIONS[a], REGIONS[b]
    north, other_north = math.radians(here.north), math.radians(there.north)
    east = math.radians(there.east - here.east)
    chord = math.sin((other_north - north) / 2) ** 2 + math.cos(north) * math.cos(other_north) * math.sin(east / 2) ** 2
    return 2 * _EARTH * math.asin(math.sqrt(chord))


def too_fast(first_region: str, first_at: datetime, second_region: str, second_at: datetime) -> bool:
    """Whether one person cannot have bought in both regions at these naive wall times; False if a region is unknown.

    A till keeps its region's time or Moscow's, so the clocks of the two may be as far apart as their zones (ten hours
    at most): all of that is allowed for.
    """
    distance = distance_km(first_region, second_region)
    if distance is None:
        return False
    shift = abs(REGIONS[first_region].utc - REGIONS[second_region].utc)
    hours = abs((second_at - first_at).total_seconds()) / 3600 + shift
    return distance - SLACK > FASTEST * hours


def _has_post(region: Region, head: int) -> bool:
    return region.post is not None and region.post[0] <= head <= region.post[1]
