"""What is remembered of harmless texts is bounded, and forgotten when more is known."""

from leitstand.audit.redaction.clean import CleanTexts


def test_a_text_is_remembered_until_all_is_forgotten():
    clean = CleanTexts()
    clean.add("a")
    assert "a" in clean
    clean.clear()
    assert "a" not in clean


def test_a_long_text_is_not_remembered():
    clean = CleanTexts()
    clean.add("a" * 100_000)
    assert "a" * 100_000 not in clean


def test_many_texts_push_out_the_earlier_ones():
    clean = CleanTexts()
    texts = [f"{number:010}" * 1_000 for number in range(1_000)]
    for text in texts:
        clean.add(text)
    kept = sum(len(text) for text in texts if text in clean)
    assert 0 < kept <= 4_000_000
    assert texts[-1] in clean
