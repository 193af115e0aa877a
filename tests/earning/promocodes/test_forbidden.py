"""Words that codes must not contain."""

import pytest

from backend.core.settings import SettingMissing, Settings
from backend.earning.promocodes.words.forbidden import is_forbidden
from scanning.codes import symbols


@pytest.mark.parametrize("word", ["ADMIN", "admin7", "Тест", "TECT1", "xfuckx", "СУКА", "CYKA", "нахуй", "ПИД0Р"])
def test_forbidden_word_is_found_in_any_spelling(word):
    assert is_forbidden(symbols.fold(word))


@pytest.mark.parametrize("word", ["IVAN7", "TESTER", "ATTEST", "МАСТЕР", "СТРАХОВКА", "SCANDINAVIA", "ПОТРЕБИТЕЛЬ"])
def test_word_with_similar_beginning_is_allowed(word):
    assert not is_forbidden(symbols.fold(word))


def test_installation_file_adds_forbidden_words(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("# a rival\nСОПЕРНИК\n=RIVAL\n", "utf-8")
    settings = Settings.from_env({"SCANBACK_FORBIDDEN_WORDS": str(words)})

    found = [is_forbidden(symbols.fold(word), settings.forbidden_words) for word in ("МойСоперник", "RIVAL1", "ADMIN")]

    assert found == [True] * 3
    assert not is_forbidden(symbols.fold("СОПЕРНИК"))


def test_missing_file_of_forbidden_words_raises(tmp_path):
    with pytest.raises(SettingMissing):
        Settings.from_env({"SCANBACK_FORBIDDEN_WORDS": str(tmp_path / "none.txt")})
