from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning import regions

NOON = datetime.fromisoformat("2026-08-17T12:00")
CODES = st.sampled_from(sorted(regions.REGIONS))


@pytest.mark.parametrize(
    ("a", "b", "kilometres"), [("77", "78", 635), ("77", "54", 2810), ("77", "25", 6420), ("39", "41", 7360)]
)
def test_the_distance_between_two_capitals_is_known_to_a_few_per_cent(a, b, kilometres):
    assert regions.distance_km(a, b) == pytest.approx(kilometres, rel=0.03)


def test_every_region_of_the_tax_service_is_known():
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
def test_the_region_of_an_address_is_its_number_or_its_post_code(address, code):
    assert regions.of_address(address) == code


def test_no_two_regions_share_a_post_code():
    heads = [
        head for region in regions.REGIONS.values() if region.post for head in range(region.post[0], region.post[1] + 1)
    ]

    assert len(heads) == len(set(heads))


def test_an_unknown_region_is_at_no_distance_and_accuses_nobody():
    assert regions.distance_km("77", "00") is None
    assert not regions.too_fast("77", NOON, "00", NOON)


def test_moscow_and_novosibirsk_in_one_hour_is_too_fast():
    # Noon and five in the afternoon on the walls is one hour apart.
    assert regions.too_fast("77", NOON, "54", NOON + timedelta(minutes=50))


def test_a_flight_is_not_too_fast():
    assert not regions.too_fast("77", NOON, "54", NOON + timedelta(hours=8))
    assert not regions.too_fast("77", NOON, "78", NOON + timedelta(hours=1))


def test_neighbouring_regions_are_never_too_fast():
    assert not regions.too_fast("77", NOON, "50", NOON)
    assert not regions.too_fast("78", NOON, "47", NOON)


def test_moscow_and_saint_petersburg_at_once_is_too_fast():
    assert regions.too_fast("77", NOON, "78", NOON)


@given(CODES, CODES)
def test_distances_are_the_same_both_ways(a, b):
    assert regions.distance_km(a, b) == pytest.approx(regions.distance_km(b, a))
    assert regions.distance_km(a, a) == 0


@given(CODES, CODES, st.integers(-600, 600), st.integers(0, 3000))
def test_more_time_never_makes_it_too_fast(a, b, minutes, more):
    second, later = (NOON + timedelta(minutes=minutes + sign) for sign in (0, more if minutes >= 0 else -more))

    assert regions.too_fast(a, NOON, b, second) or not regions.too_fast(a, NOON, b, later)
    assert regions.too_fast(a, NOON, b, second) == regions.too_fast(b, second, a, NOON)


@given(CODES, CODES, st.floats(0, 48), st.booleans())
def test_a_journey_at_a_plane_s_speed_is_never_accused_whatever_the_clocks_show(a, b, waited, is_moscow_time):
    distance = regions.distance_km(a, b)
    shift = 0 if is_moscow_time else regions.REGIONS[b].utc - regions.REGIONS[a].utc

    arrived = NOON + timedelta(hours=waited + max(0, distance - regions.SLACK) / regions.FASTEST + shift, seconds=1)

    assert not regions.too_fast(a, NOON, b, arrived)
