"""What every client here needs: http on loopback, and somebody with a browser."""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from person import Person, people


@pytest.fixture(autouse=True)
def plain_http_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def make_person() -> Iterator[Callable[..., Person]]:
    with people() as make:
        yield make
