"""What the tests of the consent pages share: addresses, states, and how a page's form is sent."""

from __future__ import annotations

from typing import Any

from tests.screens import Screen, post

NOT_THERE = "f" * 32


def form(world: Any, name: str) -> str:
    return f"/consents/{world.forms[name][1]}"


def state(world: Any, name: str) -> str:
    return str(world.house.value("SELECT state FROM consent_form WHERE id = :key", key=world.forms[name][0]))


def patient_state(world: Any, name: str) -> str:
    return str(world.house.value("SELECT state FROM patient WHERE id = :key", key=world.patients[name][0]))


def column(world: Any, name: str, what: str) -> Any:
    return world.house.value(f"SELECT {what} FROM consent_form WHERE id = :key", key=world.forms[name][0])


def nickname(world: Any, name: str) -> str:
    return str(world.house.value("SELECT nickname FROM patient WHERE id = :key", key=world.patients[name][0]))


def send(client: Any, world: Any, name: str, act: str, **typed: Any) -> Any:
    """Open the form's page, fill one of its forms in and send it."""
    shown = Screen(client.get(form(world, name)))
    return client.post(f"{form(world, name)}/{act}", data=shown.form(f"/{act}") | typed)


def upload(client: Any, world: Any, *files: tuple[bytes, str], name: str = "signed") -> Any:
    shown = Screen(client.get(form(world, name)))
    return post(client, f"{form(world, name)}/archive", shown.form("/archive"), *files)
