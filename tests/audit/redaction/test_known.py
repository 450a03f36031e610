import json

import pytest

from leitstand.audit.redaction import MARK, Redactor

SALT = b"0123456789abcdef"
SECRET = "q7Wz-4kLm_9XyT2vB8nR"


def test_the_same_secret_gets_the_same_mark_in_one_run_and_another_one_in_the_next():
    one, other = Redactor([SECRET], salt=SALT), Redactor([SECRET], salt=SALT[::-1])
    first, second = one.text(f"a {SECRET} b {SECRET}").split(" ")[1::2]
    assert first == second
    assert first != other.mark(SECRET)


def test_a_mark_has_a_fixed_form():
    assert MARK.fullmatch(Redactor(salt=SALT).mark("x"))


def test_a_short_salt_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        Redactor(salt=b"short")


def test_the_password_of_a_known_connection_string_is_masked_alone_and_decoded():
    masking = Redactor(["postgresql://app:ab%2Fcd9XyZ@10.0.0.3/app"], salt=SALT)
    assert f"Kennung {masking.mark('ab/cd9XyZ')}" == masking.text("Kennung ab/cd9XyZ")


def test_the_private_key_in_a_known_service_account_is_masked_line_by_line():
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
    pem = f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"
    masking = Redactor([json.dumps({"type": "service_account", "private_key": pem})], salt=SALT)
    assert line not in masking.text(f"Zeile 2: {line}")


@pytest.mark.parametrize(("value", "text"), [("app", "app läuft"), ("geheim", "das geheimnis")])
def test_a_short_value_does_not_destroy_words(value, text):
    assert text == Redactor([value], salt=SALT).text(text)


def test_a_short_value_is_masked_as_a_word_of_its_own():
    masking = Redactor(["geheim"], salt=SALT)
    assert f"Wert {masking.mark('geheim')}." == masking.text("Wert geheim.")


def test_a_value_is_found_that_is_printed_with_a_line_break_after_every_character():
    masking = Redactor([SECRET], salt=SALT)
    assert f"a\n{masking.mark(SECRET)}\nb" == masking.text("a\n" + "\n".join(SECRET) + "\nb")


def test_a_value_learnt_later_is_masked_from_then_on():
    masking = Redactor(salt=SALT)
    assert SECRET == masking.text(SECRET)
    masking.learn([SECRET])
    assert masking.mark(SECRET) == masking.text(SECRET)


def test_a_number_that_is_a_known_value_is_masked_in_data():
    masking = Redactor(["4711471147"], salt=SALT)
    assert {"a": masking.mark("4711471147"), "b": 12} == masking.data({"a": 4711471147, "b": 12})


def test_what_was_masked_is_counted_by_kind():
    masking = Redactor([SECRET], salt=SALT)
    masking.text(f"{SECRET} {SECRET} anna.muster@kunde.de DB_PASSWORD=xyz123abc")
    assert {"known_value": 2, "email": 1, "password": 1} == dict(masking.counts)


def test_a_text_that_was_harmless_is_masked_once_it_is_known_to_be_a_secret():
    masking = Redactor(salt=SALT)
    words = "harmlos-wie-ein-wort"
    table = f'<table><tr title="{words}"><td>{words}</td></tr></table>'
    assert (words, table) == (masking.text(words), masking.html(table))
    masking.learn([words])
    assert words not in masking.text(words) + masking.html(table)


@pytest.mark.parametrize("value", ["abc<b>def12345", "q7Wz>4kLm_9Xy", "Tr0ub4"])
def test_a_value_is_masked_in_html_that_only_the_source_shows(value):
    masking = Redactor([value], salt=SALT)
    assert value not in masking.html(f"<p>x<i>{value}</i>y</p>")


def test_a_value_is_masked_in_html_where_tags_make_it_look_like_a_mark():
    masking = Redactor(["0123abcd"], salt=SALT)
    assert "0123abcd" not in masking.html("[geheim:<b>0123abcd</b>]")


def test_html_without_anything_is_clean_only_until_more_is_known():
    masking = Redactor(salt=SALT)
    words = "harmlos-wie-ein-wort-" * 40
    assert words == masking.text(words)
    masking.learn([words])
    assert words not in masking.text(words)


def test_a_secret_in_a_tag_is_masked_among_many_that_are_alike():
    masking = Redactor(salt=SALT)
    token = "ghp_Zr8Kq2Lm5Np7Tv9Wx3Yb1Cd4Ef6Gh0Ij2Kl3"
    row = '<tr style="color:red"><td>web</td></tr>'
    assert token not in masking.html(f'{row * 3}<a href="?t={token}">x</a>{row}<!-- {token} -->')
    assert row * 2 == masking.html(row * 2)
