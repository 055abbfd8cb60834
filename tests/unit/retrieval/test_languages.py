"""Telling whether an embedding model knows the language of a question."""

import pytest

from shared.retrieval.languages import languages_of

ENGLISH = (
    "How many days off do I get?",
    "reactor temperature",
    "de facto standard",
    "naïve Bayes café",
    "What is the El Niño effect in Peru?",
    "who was Antonio de la Vega",
    "what does la dolce vita mean",
    "On what date did he die in Den Haag?",
    "What does 北京 mean in English?",
    "ERR_4711 timeout",
    "123 456",
    "?!",
    "",
)
FOREIGN = {
    "ar": "كم عدد أيام الإجازة",
    "da": "Hvor mange feriedager har jeg?",
    "de": "Wie viele Urlaubstage habe ich?",
    "el": "Πόσες ημέρες άδειας έχω;",
    "es": "¿Cuántos días de vacaciones tengo?",
    "fr": "Combien de jours de congé ai-je ?",
    "he": "כמה ימי חופשה יש לי",
    "hi": "मुझे कितने दिन की छुट्टी मिलती है",
    "ja": "Azure関数を使う",
    "ko": "서울특별시",
    "nl": "Hoeveel dagen heb ik?",
    "pl": "Ile dni urlopu mam?",
    "pt": "Quantos dias de férias eu tenho?",
    "ro": "Câte zile libere am?",
    "ru": "Сколько дней отпуска",
    "th": "มีวันหยุดกี่วัน",
    "tr": "Kaç gün iznim var?",
    "vi": "Có bao nhiêu ngày nghỉ phép?",
    "zh": "北京大学",
}


@pytest.mark.parametrize("text", ENGLISH)
def test_a_model_of_english_knows_english(text: str) -> None:
    assert languages_of(["en"]).know(text)


@pytest.mark.parametrize("language", FOREIGN)
def test_a_model_of_english_knows_no_other_language(language: str) -> None:
    assert not languages_of(["en"]).know(FOREIGN[language])


@pytest.mark.parametrize("language", FOREIGN)
def test_a_model_knows_the_languages_that_are_declared(language: str) -> None:
    assert languages_of(["en", language]).know(FOREIGN[language])


@pytest.mark.parametrize("text", [*ENGLISH, *FOREIGN.values()])
def test_a_model_that_declares_nothing_knows_everything(text: str) -> None:
    assert languages_of(None).know(text)


def test_a_model_of_another_language_does_not_know_english() -> None:
    assert not languages_of(["de"]).know(ENGLISH[0])
    assert not languages_of(["ru"]).know(ENGLISH[0])
    assert not languages_of([]).know(ENGLISH[0])


@pytest.mark.parametrize(
    "text", ["Zwei Fenster nebeneinander »maximieren«.", "Symbole in der Verwaltung", "ERR_4711", ""]
)
def test_a_text_too_short_to_tell_is_in_the_language_of_the_passages_that_share_its_words(text: str) -> None:
    assert not languages_of(["en"]).know(
        text, ["Die Fenster sind auf dem Bildschirm zu sehen.", "Wo ist die Verwaltung?"]
    )
    assert languages_of(["en"]).know(text, ["The windows are shown on the screen.", "Where is it?"])
    assert languages_of(["en"]).know(text, ["4711 windows"])


def test_a_text_that_tells_its_language_keeps_it_whatever_the_passages_say() -> None:
    assert languages_of(["en"]).know(ENGLISH[0], [FOREIGN["de"]])
    assert not languages_of(["en"]).know(FOREIGN["de"], ENGLISH)
