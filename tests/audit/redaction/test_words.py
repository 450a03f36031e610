"""Words searched for at once stand where each of them alone would be found."""

from hypothesis import given
from hypothesis import strategies as st

from leitstand.audit.redaction.words import Words

LETTERS = st.sampled_from("ab\u00e4\U0001f511")
WORDS = st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, unique=True)


def naive(words: list[str], text: str) -> set[tuple[int, int, int]]:
    """The same, one word after the other."""
    return {
        (number, start, start + len(word))
        for number, word in enumerate(words)
        for start in range(len(text))
        if text.startswith(word, start)
    }


@given(WORDS, st.text(LETTERS, max_size=60))
def test_every_word_is_found_wherever_it_stands_also_where_words_overlap(
    words: list[str], text: str
) -> None:
    assert naive(words, text) == set(Words(words).stand_in(text))
    assert {number for number, *_ in naive(words, text)} == Words(words).numbers_in(text)


@given(WORDS, st.text(st.sampled_from("ab\udcff\ud83d"), max_size=20))
def test_half_a_character_hides_nothing_that_stands_beside_it(words: list[str], text: str) -> None:
    assert naive(words, text) == set(Words(words).stand_in(text))


def test_a_word_with_half_a_character_is_found() -> None:
    assert [(0, 1, 4)] == list(Words(["a\udcffb"]).stand_in("-a\udcffb"))


def test_no_words_stand_nowhere() -> None:
    assert ([], set()) == (list(Words([]).stand_in("a")), Words([]).numbers_in("a"))


def test_a_word_on_the_edge_of_a_piece_is_found() -> None:
    for before in range(65_530, 65_540):
        assert {0} == Words(["geheim"]).numbers_in("-" * before + "geheim" + "-" * 9)
