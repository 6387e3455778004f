"""Form fields Flask-AppBuilder lacks: words of ours, records chosen through a right, plain text without traps."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select
from wtforms import Field, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError
from wtforms.validators import Optional as Empty

from app import rights
from app.labels import LABELS
from app.models import db
from app.pages import names
from app.pages.security import acting
from app.words import _

FEW = 12
MOST = 2000


def words(label: object, kinds: Iterable[StrEnum], *, required: bool = True, hint: object = "") -> Any:
    """A choice of words: radios up to twelve, nothing chosen before the person chooses."""
    kinds = list(kinds)
    return RadioField(
        label,
        description=hint,
        choices=[SelectChoice(kind.value, LABELS[kind]) for kind in kinds],
        coerce=_among(kinds),
        validators=[InputRequired(_("Choose one."))] if required else [Empty()],
    )


def _among(kinds: Sequence[StrEnum]) -> Callable[[Any], Any]:
    by_value = {kind.value: kind for kind in kinds}

    def coerce(value: Any) -> Any:
        if value is None or value == "":
            return None
        return by_value.get(str(value), value)

    return coerce


class TextField(StringField):  # type: ignore[misc]
    """One line of text: outer space and control characters go, every script stays."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the typed text."""
        if valuelist:
            self.data = " ".join("".join(c for c in valuelist[0] if _is_text(c)).split()) or None
            self.raw_data = [self.data or ""]  # blanks alone are nothing typed


JOINERS = "\u200c\u200d"
"""Zero-width joiners: letters of some scripts need them."""


def plain(typed: str | None) -> str:
    """Several lines without signs nobody sees."""
    return "".join(sign for sign in typed or "" if sign in "\r\n" or _is_text(sign))


def _is_text(character: str) -> bool:
    """Not a control character, nor one that turns the reading direction of what follows."""
    return character in " \t\n" + JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co"}


def text(label: object, longest: int, *, required: bool = True, hint: object = "", **words_: Any) -> Any:
    """A line of text of at most ``longest`` characters."""
    too_long = _("Use at most %(count)s characters.", count=longest)
    checks: list[Any] = [Length(max=longest, message=too_long)]
    checks.insert(0, InputRequired(_("Fill this in.")) if required else Empty())
    return TextField(label, description=hint, validators=checks, **words_)


def long_text(label: object, hint: object = "", longest: int = 1000, *, required: bool = True) -> Any:
    """Some sentences, at most ``longest`` characters."""
    checks = [
        DataRequired(_("Fill this in.")) if required else Empty(),
        Length(max=longest, message=_("Use at most %(count)s characters.", count=longest)),
    ]
    filters = [lambda typed: (typed or "").strip() or None]
    return TextAreaField(label, description=hint, validators=checks, filters=filters)


class PickField(SelectField):  # type: ignore[misc]
    """A record, chosen by its public id among those on which the actor may do ``act``."""

    def __init__(
        self,
        label: object,
        act: str,
        *,
        describe: Callable[[Any], object] = str,
        narrow: Callable[[Select[Any]], Select[Any]] | None = None,
        required: bool = True,
        by_name: bool = False,
        **given: Any,
    ) -> None:
        """Take the act that says which records are offered.

        Args:
            label: what the field is called.
            act: a row of the access table; its table is what is chosen.
            describe: what to call a record.
            narrow: a further filter and the order.
            required: whether something must be chosen.
            by_name: sort by what the records are called, which the database cannot where a translation says it.
            **given: as for any field.
        """
        checks = [InputRequired(_("Choose one."))] if required else [Empty()]
        super().__init__(label, validators=checks, validate_choice=False, coerce=str, **given)
        self.act, self.describe, self.narrow, self.required = act, describe, narrow, required
        self.by_name = by_name

    def rows(self) -> Select[Any]:
        """The records that may be chosen."""
        table = rights.on(self.act)
        statement = select(table).where(rights.right(acting(), self.act))
        return self.narrow(statement) if self.narrow else statement.order_by(table.id)

    def iter_choices(self) -> Iterator[Any]:
        """What the page offers."""
        chosen = self.data.public_id if hasattr(self.data, "public_id") else self.data
        if not self.required or chosen is None:
            yield "", "", chosen is None, {}
        rows = db.session.scalars(self.rows().limit(MOST)).unique()
        called = [(record, str(self.describe(record))) for record in rows]
        if self.by_name:
            called.sort(key=lambda pair: names.by_letters(pair[1]))
        for record, name in called:
            yield record.public_id, name, record.public_id == chosen, {}

    def process_data(self, value: Any) -> None:
        """Take the record as it is."""
        self.data = value

    def process_formdata(self, valuelist: list[str]) -> None:
        """Find the chosen record."""
        key = valuelist[0][:40] if valuelist else ""
        if not key:
            self.data = None
            return
        table = rights.on(self.act)
        self.data = db.session.scalars(self.rows().where(table.public_id == key)).unique().one_or_none()
        if self.data is None:
            message = self.gettext("Choose one of the list.")
            raise ValueError(message)

    def pre_validate(self, form: Any) -> None:
        """Nothing more: the record was found through the right."""


def not_in_the_future(_form: Any, field: Field) -> None:
    """Refuse a date after today; our day is UTC's, so east of Greenwich tomorrow may have begun."""
    if field.data and field.data > acting().on + dt.timedelta(days=1):
        raise ValidationError(_("This date lies in the future."))
