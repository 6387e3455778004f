"""Lists of forms, of patients or blank: found by the code on their paper; and how consent forms are narrowed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from markupsafe import Markup
from sqlalchemy import ColumnElement, select

from app import rights
from app.models import ConsentForm, ConsentText, Hospital, db, now
from app.outside import paper
from app.pages.lists import Filter, ListPage, words_filter
from app.pages.renewals import RENEWAL
from app.pages.security import acting
from app.words import FormState, _


class FormListPage(ListPage):
    """A list of forms, each with its code and its language."""

    def typed(self, text: str) -> str:
        """A form code as it is stored: without the dashes it is read with."""
        return text.replace("-", "").replace(" ", "")

    def cell(self, record: Any, column: str) -> Any:
        """Codes grouped for reading, languages by their names."""
        if column == "code":
            return Markup('<span class="code">{}</span>').format(paper.grouped_code(record.code))
        if column == "language":
            name = paper.language_name(record.language)
            return Markup('<span lang="{}">{}</span>').format(record.language, name)
        return super().cell(record, column)


def _languages() -> list[tuple[str, object]]:
    codes = db.session.scalars(select(ConsentText.language).distinct()).all()
    return [(code, paper.language_name(code)) for code in sorted(codes)]


PRINTED: list[tuple[str, object]] = [
    ("back", _("Printed and not yet back")),
    ("week", _("In the last 7 days")),
    ("month", _("In the last 30 days")),
    ("older", _("Earlier")),
]


def _printed(value: str) -> ColumnElement[bool]:
    """The forms of a choice of ``PRINTED``."""
    if value == "back":
        return ConsentForm.state == FormState.PRINTED
    edge = now() - dt.timedelta(days=7 if value == "week" else 30)
    return ConsentForm.printed_at < edge if value == "older" else ConsentForm.printed_at >= edge


def _hospitals() -> list[tuple[str, object]]:
    """The hospitals of the forms one may see, where there are several."""
    seen = select(ConsentForm.hospital_id).where(rights.right(acting(), "consent.see"))
    found = db.session.scalars(select(Hospital).where(Hospital.id.in_(seen)).order_by(Hospital.name).limit(100))
    return [(hospital.public_id, hospital.name) for hospital in found]


def _of_hospital(key: str) -> ColumnElement[bool]:
    return ConsentForm.hospital_id.in_(select(Hospital.id).where(Hospital.public_id == key))


FILTERS = {
    "state": words_filter(_("State"), ConsentForm.state, FormState),
    "language": Filter(_("Language"), _languages, lambda code: ConsentForm.language == code),
    "hospital": Filter(_("Hospital"), _hospitals, _of_hospital),
    "printed": Filter(_("Printed"), lambda: PRINTED, _printed, alone=True),
    "renewal": RENEWAL,
}
"""How the list of consent forms is narrowed."""
