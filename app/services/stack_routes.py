"""Whose form a scanned page is: one's own, a blank one, or a colleague's of the same hospital, found by the code on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select

from app import rights, sight
from app.actors import Actor, memberships_in_force
from app.models import BlankForm, ConsentForm, Patient, Person, db, today


@dataclass
class Scanned:
    """One page as the job found it, before it is a row."""

    public_id: str
    position: int
    storage_key: str
    wrapped_key: bytes
    code: str | None = None
    number: int | None = None
    turned: int = 0
    foreign: bool = False
    form_id: int | None = None
    blank_id: int | None = None
    of_pages: int | None = None
    sealed: bytes | None = None
    reading: dict[str, Any] = field(default_factory=dict)


def whose(actor: Actor, pages: Sequence[Scanned], hospital_id: int | None) -> dict[str, int]:
    """Note on each page its form, or its blank form while that is nobody's.

    Gives for the codes of colleagues' forms the clinician. Another hospital's code is of no form here.
    """
    codes = {page.code for page in pages if page.code}
    forms, blanks = _own(actor, codes)
    others: dict[str, int] = {}
    with sight.wide("scan-route") as session:
        for code, key, clinician in session.execute(
            _elsewhere(ConsentForm, codes - forms.keys(), hospital_id).join(Patient)
        ):
            forms[code], others[code] = key, clinician
        for code, key, clinician in session.execute(
            _elsewhere(BlankForm, codes - forms.keys() - blanks.keys(), hospital_id)
        ):
            blanks[code], others[code] = key, clinician
    for page in pages:
        page.form_id, page.blank_id = forms.get(page.code or ""), blanks.get(page.code or "")
    return others


def _own(actor: Actor, codes: set[str]) -> tuple[dict[str, int], dict[str, int]]:
    """The forms and blank forms of these codes that one may open."""
    forms = select(ConsentForm.code, ConsentForm.id).where(
        ConsentForm.code.in_(codes), rights.right(actor, "consent.open")
    )
    blanks = select(BlankForm.code, BlankForm.id).where(
        BlankForm.code.in_(codes), BlankForm.form_id.is_(None), rights.right(actor, "blank.open")
    )
    found = tuple({code: key for code, key in db.session.execute(one)} for one in (forms, blanks))  # noqa: C416  typed
    db.session.rollback()
    return found  # type: ignore[return-value]


def _elsewhere(table: type[ConsentForm | BlankForm], codes: set[str], hospital_id: int | None) -> Select[Any]:
    """Code, key and clinician of forms of a hospital whose clinician still works there."""
    owner: Any = BlankForm if table is BlankForm else Patient
    member = memberships_in_force(today()).subquery()
    there = (member.c.person_id == owner.clinician_id) & (member.c.hospital_id == owner.hospital_id)
    works = select(member.c.person_id).where(there).correlate(owner).limit(1).scalar_subquery()
    known = select(Person.id).where(Person.active.is_(True), Person.disabled_at.is_(None))
    statement = select(table.code, table.id, owner.clinician_id).select_from(table).where(table.code.in_(codes))
    statement = statement.where(works.is_not(None), owner.clinician_id.in_(known), owner.hospital_id == hospital_id)
    return statement.where(BlankForm.form_id.is_(None)) if table is BlankForm else statement
