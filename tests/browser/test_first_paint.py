"""What a deployment gives out: the page in few pieces, compressed, kept by browsers for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Response

from tests.browser.conftest import Visit
from tests.harness.browser import Person
from tests.harness.process import run_python
from tests.harness.servers import Daphne
from tests.harness.stack import Stack

PIECES = 6
"""As many as a browser asks one server for at once, over HTTP/1.1: one round trip for all."""


@pytest.fixture(scope="module")
def deployment(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daphne]:
    """A server as in production, with its files collected, beside the one of the stack."""
    directory = tmp_path_factory.mktemp("deployment")
    environment = stack.environment | {
        "DJANGO_SETTINGS_MODULE": "tests.harness.collected",
        "STATIC_ROOT": str(directory / "static"),
        "DEBUG": "0",
        "SECRET_KEY": "for-development-only-and-refused-by-check-deploy",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SSL_REDIRECT": "0",
        "HSTS_SECONDS": "0",
    }
    run_python(environment, "manage.py", "collectstatic", "--noinput", "--verbosity=0")
    web = Daphne(environment=environment, directory=directory)
    web.start()
    yield web
    web.stop()


async def loaded(person: Person) -> dict[str, Response]:
    """Load the page anew; return the answers for its pieces."""
    answers: dict[str, Response] = {}
    person.page.on("response", lambda answer: answers.update({answer.url: answer}))
    await person.page.reload()
    await person.page.get_by_label("Password").wait_for()
    return {url: answer for url, answer in answers.items() if "/static/" in url}


async def test_a_deployment_gives_the_page_out_in_one_round_trip(
    visit: Visit, deployment: Daphne
) -> None:
    nobody = await visit(None, origin=deployment.url)
    pieces = await loaded(nobody)
    pieces = {url: answer for url, answer in pieces.items() if not url.endswith(".svg")}
    assert len(pieces) <= PIECES, pieces.keys()
    for answer in pieces.values():
        headers = await answer.all_headers()
        assert "immutable" in headers["cache-control"], answer.url
        size = len(await answer.body())
        assert size < 500 or headers.get("content-encoding") in ("gzip", "br"), answer.url


async def test_the_page_works_in_one_piece(
    visit: Visit, deployment: Daphne, project_id: int
) -> None:
    alice = await visit("alice", project_id, origin=deployment.url)
    bob = await visit("bob", project_id)
    await alice.edit("title", "From one piece")
    await bob.sees("title", "From one piece")
    await bob.edit("description", "To one piece")
    await alice.sees("description", "To one piece")


async def test_a_checkout_names_all_modules_at_once(visit: Visit) -> None:
    nobody = await visit(None)
    named = set(
        await nobody.page.evaluate(
            "[...document.querySelectorAll('[rel=modulepreload]')].map(({ href }) => href)"
        )
    )
    scripts = {url for url in await loaded(nobody) if Path(url).suffix == ".js"}
    assert scripts - named == {f"{nobody.origin}/static/projects/js/theme.js"}
