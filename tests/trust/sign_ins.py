"""Accounts that sign in, and the browsers they do it with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from app.services import passwords
from tests import factories as make
from tests.houses import House, Visitor

PASSWORD = "correct horse battery staple"
OTHER = "another long password of mine"
HASH = passwords.hashed(PASSWORD)


def account(house: House, name: str = "Anna", **given: Any) -> SimpleNamespace:
    """A person with a password."""
    with house.system():
        made = make.person(name, password=HASH, **given)
        return SimpleNamespace(id=made.id, email=made.email, public_id=made.public_id)


def sign_in(house: House, name: str, password: str = PASSWORD, visitor: Visitor | None = None, **sent: Any) -> Any:
    """A browser after the login form, and the answer."""
    visitor = visitor or house.visitor()
    visitor.csrf = ""
    address = "/login/" + sent.pop("query", "")
    answer = visitor.post(address, data={"name": name, "password": password}, **sent)
    visitor.csrf = ""
    return visitor, answer


def inside(visitor: Visitor) -> bool:
    """Whether the browser is signed in."""
    return visitor.get("/password/").status_code == 200


def cookie(house: House, visitor: Visitor) -> str:
    """The value of the session's cookie."""
    kept = visitor.get_cookie(house.cookie, domain="cpms.test")
    return kept.value if kept else ""


def accounts_of(house: House) -> list[tuple[str, str]]:
    """First name and address of every account."""
    return [tuple(row) for row in house.rows("SELECT first_name, email FROM ab_user ORDER BY id")]


def entries(house: House) -> list[tuple[str, str]]:
    """What the log holds."""
    return [tuple(row) for row in house.rows("SELECT act, outcome FROM audit_entry ORDER BY seq")]
