"""What a password must be."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.identity.rules import passwords


@pytest.mark.parametrize(
    "password", ["correct-horse", "松柏长青之歌与海风九万里", "k9#vLq2!mTzw", "ein blauer Elefant"]
)
def test_an_unusual_password_of_ten_characters_is_accepted(password: str) -> None:
    passwords.ensure_acceptable(password, about=("lilei", "李雷"))


@pytest.mark.parametrize("password", ["", "short", "k9#vLq2!m", "松柏长青"])
def test_fewer_than_ten_characters_are_refused(password: str) -> None:
    with pytest.raises(passwords.PasswordTooShort):
        passwords.ensure_acceptable(password)


@pytest.mark.parametrize(
    "password",
    [
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "1qaz2wsx3edc",
        "password123",
        "Password2026!",
        "P@ssw0rd2026",
        "woaini1314520",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "1357913579",
        "8394017265",
        "Ｐａｓｓｗｏｒｄ１２３",
        "tonglu2026!!",
    ],
)
def test_what_guessers_try_first_is_refused(password: str) -> None:
    with pytest.raises(passwords.PasswordTooCommon):
        passwords.ensure_acceptable(password)


@pytest.mark.parametrize("password", ["hanmeimei2026", "13800138000", "acme-corp-88"])
def test_what_is_known_of_the_person_is_refused(password: str) -> None:
    about = ("hanmeimei@example.cn", "13800138000", "acme-corp")

    assert passwords.is_common(password, about=about)


def test_a_password_longer_than_is_hashed_is_refused() -> None:
    with pytest.raises(passwords.PasswordTooLong):
        passwords.ensure_acceptable("abcdefgh " * 30)


@given(st.text())
def test_any_text_is_accepted_or_refused_in_words(password: str) -> None:
    with suppress(
        passwords.PasswordTooShort, passwords.PasswordTooLong, passwords.PasswordTooCommon
    ):
        passwords.ensure_acceptable(password, about=("lilei",))
