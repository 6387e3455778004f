"""What the tests of the patients' pages share: how the page is filled in, and what the house keeps."""

from __future__ import annotations

from typing import Any

from tests.screens import Screen

NEW = {
    "family_name": "Novakova",
    "given_names": "Zdenka Marie",
    "birth_date": "1980-02-03",
    "sex": "female",
    "file_number": "N-1 / 2026",
    "birth_place": "Brno",
}

NOT_THERE = "f" * 32


def fill(client: Any, address: str, **typed: Any) -> Any:
    """Open a page, type into its form and send it, as a browser does."""
    sent = Screen(client.get(address)).form() | typed
    return client.post(address, data=sent)


def key_of(response: Any) -> str:
    """The public id of the record an answer leads to."""
    assert (response.status_code, "Location" in response.headers) == (302, True), Screen(response).errors
    return str(response.headers["Location"].rstrip("/").split("/")[-1])


def nickname(world: Any, name: str) -> str:
    return str(world.house.value("SELECT nickname FROM patient WHERE id = :key", key=world.patients[name][0]))


def how_many(world: Any) -> int:
    return int(world.house.value("SELECT count(*) FROM patient"))


LONG = "Ω" * 10_000
