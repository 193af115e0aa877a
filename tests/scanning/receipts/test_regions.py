from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.receipts import regions

NOON = datetime.fromisoformat("2026-08-17T12:00")
CODES = st.sampled_from(sorted(regions.REGIONS))


@pytest.mark.parametrize(
    ("a", "b", "kilometres"), [("77", "78", 635), ("77", "54", 2810), ("77", "25", 6420), ("39", "41", 7360)]
)
def test_distance_between_capitals_is_approximately_right(a, b, kilometres):
    assert regions.distance_km(a, b) == pytest.approx(kilometres, rel=0.03)


def test_regions_of_tax_service_are_known():
    former = {80, 81, 82, 84, 85, 88}

    assert set(regions.REGIONS) == {f"{code:02d}" for code in range(1, 96) if code not in former} | {"99"}


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("47 - Ленинградская область, Приозерск", "47"),
        ("000000, 27 - Хабаровский край", "27"),
        ("Россия, 188643,Ленинградская обл.", "47"),
        ("630049, Новосибирск", "54"),
        ("101000", "77"),
        ("г. Москва, ул. Примерная, 12 - 14", None),
        ("дом 12345678", None),
        ("", None),
    ],
)
def test_region_is_read_from_number_or_postcode(address, code):
    assert regions.of_address(address) == code


def test_regions_share_no_postcode():
    heads = [
        head for region in regions.REGIONS.values() if region.post for head in range(region.post[0], region.post[1] + 1)
    ]

    assert len(heads) == len(set(heads))


def test_unknown_region_has_no_distance():
    assert regions.distance_km("77", "00") is None
    assert not regions.too_fast("77", NOON, "00", NOON)


def test_moscow_to_novosibirsk_in_an_hour_is_impossible():
    # Local noon and local 17:00 are one hour apart.
    assert regions.too_fast("77", NOON, "54", NOON + timedelta(minutes=50))


def test_journey_at_flight_speed_is_possible():
    assert not regions.too_fast("77", NOON, "54", NOON + timedelta(hours=8))
    assert not regions.too_fast("77", NOON, "78", NOON + timedelta(hours=1))


def test_journey_between_neighbours_is_always_possible():
    assert not regions.too_fast("77", NOON, "50", NOON)
    assert not regions.too_fast("78", NOON, "47", NOON)


def test_moscow_and_petersburg_at_once_is_impossible():
    assert regions.too_fast("77", NOON, "78", NOON)


@given(CODES, CODES)
def test_distances_are_symmetric(a, b):
    assert regions.distance_km(a, b) == pytest.approx(regions.distance_km(b, a))
    assert regions.distance_km(a, a) == 0


@given(CODES, CODES, st.integers(-600, 600), st.integers(0, 3000))
def test_longer_journey_stays_possible(a, b, minutes, more):
    second, later = (NOON + timedelta(minutes=minutes + sign) for sign in (0, more if minutes >= 0 else -more))

    assert regions.too_fast(a, NOON, b, second) or not regions.too_fast(a, NOON, b, later)
    assert regions.too_fast(a, NOON, b, second) == regions.too_fast(b, second, a, NOON)


@given(CODES, CODES, st.floats(0, 48), st.booleans())
def test_journey_by_plane_is_possible_in_any_zone(a, b, waited, is_moscow_time):
    distance = regions.distance_km(a, b)
    shift = 0 if is_moscow_time else regions.REGIONS[b].utc - regions.REGIONS[a].utc

    arrived = NOON + timedelta(hours=waited + max(0, distance - regions.SLACK) / regions.FASTEST + shift, seconds=1)

    assert not regions.too_fast(a, NOON, b, arrived)
