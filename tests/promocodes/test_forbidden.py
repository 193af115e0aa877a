"""Words that no code may hold."""

import pytest

from backend.promocodes import spelling
from backend.promocodes.forbidden import is_forbidden
from backend.settings import SettingMissing, Settings


@pytest.mark.parametrize("word", ["ADMIN", "admin7", "Тест", "TECT1", "xfuckx", "СУКА", "CYKA", "нахуй", "ПИД0Р"])
def test_a_forbidden_word_is_found_in_any_spelling(word):
    assert is_forbidden(spelling.fold(word))


@pytest.mark.parametrize("word", ["IVAN7", "TESTER", "ATTEST", "МАСТЕР", "СТРАХОВКА", "SCANDINAVIA", "ПОТРЕБИТЕЛЬ"])
def test_words_that_only_begin_alike_are_allowed(word):
    assert not is_forbidden(spelling.fold(word))


def test_an_installation_forbids_words_of_its_own(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("# a rival\nСОПЕРНИК\n=RIVAL\n", "utf-8")
    settings = Settings.from_env({"SCANBACK_FORBIDDEN_WORDS": str(words)})

    found = [is_forbidden(spelling.fold(word), settings.forbidden_words) for word in ("МойСоперник", "RIVAL1", "ADMIN")]

    assert found == [True] * 3
    assert not is_forbidden(spelling.fold("СОПЕРНИК"))


def test_a_file_of_words_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(SettingMissing):
        Settings.from_env({"SCANBACK_FORBIDDEN_WORDS": str(tmp_path / "none.txt")})
