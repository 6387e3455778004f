"""The named peer: a stock Flask-AppBuilder application with the same lists, in a process of its own.

Stock templates and security, 25 rows a page, and for the patients the filter a careful author would write: the reader's
own. It reads a path and how many pages, a line each, and answers with the seconds of each page. ``peers`` starts it; our own
modules cannot import it, for its tables have the names of ours.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from flask import Flask, g
from flask_appbuilder import AppBuilder, Model, ModelView
from flask_appbuilder.models.sqla.filters import FilterEqualFunction
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.security.sqla.models import User
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, ForeignKey, event, insert, text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import String

from tests.bench.peers import MEMBERSHIPS, PATIENTS
from tests.bench.timings import reader, times

OWN = 500
"""Patients of the reader, as in ``crowds``."""
SITE = "http://stock.test"


class Patient(Model):  # type: ignore[misc]
    """A patient, with the columns of ours that the list shows."""

    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    nickname: Mapped[str] = mapped_column(String(60), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    sex: Mapped[str] = mapped_column(String(20))
    birth_year: Mapped[int]
    clinician_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    clinician: Mapped[User] = relationship()


class Centre(Model):  # type: ignore[misc]
    """A centre of a hospital."""

    __tablename__ = "centre"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    hospital: Mapped[str] = mapped_column(String(200))
    network: Mapped[str] = mapped_column(String(200))

    def __repr__(self) -> str:
        return self.name


class Membership(Model):  # type: ignore[misc]
    """A person's place in a centre."""

    __tablename__ = "membership"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"), index=True)
    from_on: Mapped[str] = mapped_column(String(10))
    person: Mapped[User] = relationship()
    centre: Mapped[Centre] = relationship()


class PatientView(ModelView):  # type: ignore[misc]
    """The reader's patients."""

    datamodel = SQLAInterface(Patient)
    list_columns = ("nickname", "state", "birth_year", "sex")
    page_size = 25
    base_filters = (("clinician_id", FilterEqualFunction, lambda: g.user.id),)


class MembershipView(ModelView):  # type: ignore[misc]
    """All memberships."""

    datamodel = SQLAInterface(Membership)
    list_columns = ("person", "centre.name", "centre.hospital", "centre.network", "from_on")
    page_size = 25


def application(folder: Path, patients: int, memberships: int, people: int) -> Flask:
    """The application, built as Flask-AppBuilder's documentation builds one."""
    app = Flask("stock")
    app.config.update(
        SECRET_KEY="a secret of the peer",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/stock-{patients}-{memberships}-{people}.sqlite",
        WTF_CSRF_ENABLED=True,
    )
    db = SQLAlchemy(model_class=Model)
    db.init_app(app)
    with app.app_context():
        house = AppBuilder(app, db.session)
        Model.metadata.create_all(db.engine)
        house.add_view(PatientView, "Patients", category="Patients")
        house.add_view(MembershipView, "Memberships", category="Memberships")
        role = house.sm.add_role("Reader")
        names = ("list", "show", "add", "edit", "delete")
        rights = [(f"can_{name}", view) for view in ("PatientView", "MembershipView") for name in names]
        for right in [*rights, ("menu_access", "Patients"), ("menu_access", "Memberships")]:
            house.sm.add_permission_role(role, house.sm.find_permission_view_menu(*right))
        house.sm.add_user("reader", "Anna", "Reader", "reader@people.example", role, password="a password")
        fill(db.engine, patients, memberships, people)
    return app


def fill(engine: Engine, patients: int, memberships: int, people: int) -> None:
    """The reader is the first person and treats 500 of the patients."""
    step = max(patients // OWN, 1)

    def person(number: int) -> dict[str, Any]:
        name = f"p{number}@people.example"
        known = {"first_name": "Test", "last_name": f"Person {number}", "active": True}
        return known | {"id": number, "username": name, "email": name}

    def patient(number: int) -> dict[str, Any]:
        mine = number % step == 0 and number // step <= OWN
        known = {"state": ("draft", "enrolled")[number % 2], "sex": "female", "birth_year": 1990}
        return known | {"nickname": f"quiet-{number}", "clinician_id": 1 if mine else 2 + number % (people - 1)}

    def membership(number: int) -> dict[str, Any]:
        return {"person_id": 1 + number % people, "centre_id": 1 + number % 60, "from_on": "2026-01-01"}

    centres = [{"id": n, "name": f"Centre {n}", "hospital": f"Hospital {n}", "network": "ERN"} for n in range(1, 61)]
    with engine.begin() as connection:
        connection.execute(insert(User.__table__), [person(n) for n in range(2, people + 2)])
        connection.execute(insert(Centre.__table__), centres)
        if patients:
            connection.execute(insert(Patient.__table__), [patient(n) for n in range(1, patients + 1)])
        if memberships:
            connection.execute(insert(Membership.__table__), [membership(n) for n in range(1, memberships + 1)])
        connection.execute(text("ANALYZE"))


def signed_in(app: Flask) -> str:
    """The cookie of a browser that went through the login form."""
    client = app.test_client()
    page = client.get("/login/", base_url=SITE).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    given = {"username": "reader", "password": "a password", "csrf_token": token[1] if token else ""}
    client.post("/login/", data=given, base_url=SITE)
    cookie = client.get_cookie("session", domain="stock.test")
    assert cookie is not None
    return f"session={cookie.value}"


def main(folder: str, patients: str, memberships: str, people: str) -> None:
    """Serve pages to the bench."""
    app = application(Path(folder), int(patients), int(memberships), int(people))
    cookie = signed_in(app)
    jobs = {path: reader(app, path, cookie, SITE) for path in (PATIENTS, MEMBERSHIPS)}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        path, count = json.loads(line)
        answer: Any = times(jobs[path])(count) if count else _statements(jobs[path])
        print(json.dumps(answer), flush=True)


def _statements(job: Any) -> int:
    seen: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda _c, _k, statement, *_more: seen.append(statement))
    job()
    return len(seen)


if __name__ == "__main__":
    main(*sys.argv[1:])
