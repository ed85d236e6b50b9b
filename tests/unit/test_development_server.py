"""A server for development says so where others can reach it."""

from __future__ import annotations

import pytest

from development import serve


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_of_this_machine_alone_nothing_is_said(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    serve.warn_of_public_secrets(host)
    assert capsys.readouterr().err == ""


def test_of_every_address_it_says_that_the_secrets_are_public(
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve.warn_of_public_secrets("0.0.0.0")  # noqa: S104
    said = capsys.readouterr().err
    assert "HOST=0.0.0.0" in said
    assert "passwords" in said
    assert "SECRET_KEY" in said
