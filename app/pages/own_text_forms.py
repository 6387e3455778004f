"""What a person fills in about a hospital's own text, and what its points, fields and faults are called."""

from __future__ import annotations

from typing import Any

from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.models import Hospital, OwnText
from app.outside import paper
from app.outside.paper import own_texts as sheets
from app.pages import names
from app.pages.base import ActForm
from app.pages.fields import PickField, not_in_the_future, text, words
from app.pages.own_text_words import label_of
from app.services.own_texts import RETIRING
from app.words import Opinion, Renews, Variant, _


class StartForm(ActForm):
    """Which text to write."""

    hospital = PickField(_("Hospital"), "own_text.start", narrow=lambda rows: rows.order_by(Hospital.name))
    language = SelectField(
        _("Language"),
        description=_("The letters of the form’s font are Latin, Greek and Cyrillic."),
        validators=[InputRequired(_("Choose one."))],
    )
    base_language = SelectField(
        _("Start from the standard text in"),
        description=_("Where the chosen language has a standard text, yours starts from that one."),
        validators=[InputRequired(_("Choose one."))],
        default="en",
    )
    variant = words(_("Who signs"), Variant)

    def keep_only_the_keys(self) -> None:
        """An earlier version says where, in which language and for whom."""
        for name in ("hospital", "language", "base_language", "variant"):
            delattr(self, name)

    def offer(self) -> None:
        """Fill in the languages: those with a standard text first, then what else can be printed."""
        standard = paper.languages(sheets.PROCEDURE)
        further = sorted(map(_named, sheets.further_languages()), key=lambda one: names.by_letters(str(one[1])))
        self.base_language.choices = [SelectChoice(*_named(code)) for code in standard]
        self.language.choices = [*self.base_language.choices, *(SelectChoice(*one) for one in further)]


def _named(code: str) -> tuple[str, str]:
    return code, names.both(code, paper.language_name(code))


class ProposeForm(ActForm):
    """The opinion of the data-protection officer, and whether what is done with the data changes."""

    opinion = words(_("Opinion of the data-protection officer"), Opinion)
    opinion_by = text(_("Who gave the opinion"), 200)
    opinion_on = DateField(_("Date of the opinion"), validators=[InputRequired(_("Fill this in.")), not_in_the_future])
    reference = text(_("Reference of the opinion"), 100)
    note = TextAreaField(
        _("What the opinion says"),
        description=_("Against a negative opinion: why the hospital wants the text all the same."),
        validators=[Optional(), Length(max=2000)],
    )
    renews = words(
        _("Does this version change what is done with the data?"),
        Renews,
        hint=_(
            "Compared with what your hospital prints now: what the data are used for, who receives them, how long they"
            " are kept. From the day the text counts, whoever signed before signs anew; until then education and"
            " registries are paused for them, and care goes on."
        ),
    )
    renews_because = text(
        _("What has changed"),
        300,
        required=False,
        hint=_("If yes: one sentence in plain words. Clinicians read it beside each form to renew."),
    )


class AcceptForm(ActForm):
    """From when the text counts."""

    counts_from = DateField(
        _("The text counts from"),
        description=_("Forms prepared from this day on have it. Forms already prepared keep theirs."),
        validators=[InputRequired(_("Fill this in."))],
    )


class SendBackForm(ActForm):
    """What is wrong with a proposal."""

    reason = TextAreaField(
        _("What has to be changed"), validators=[InputRequired(_("Fill this in.")), Length(max=1000)]
    )


class RetireForm(ActForm):
    """Why a text is retired, and whether the standard text does something else with the data."""

    reason = text(_("Reason"), 300)
    renews = words(
        _("Does the standard text do something else with the data?"),
        RETIRING,
        hint=_(
            "Compared with your text: what the data are used for, who receives them, how long they are kept. If yes, whoever"
            " signed your text is due for renewal from today; until then education and registries are paused for them, and"
            " care goes on."
        ),
    )
    renews_because = text(
        _("What has changed"),
        300,
        required=False,
        hint=_("If yes: one sentence in plain words. Clinicians read it beside each form to renew."),
    )

    def keep_only_the_reason(self) -> None:
        """Nobody prints the standard text in its place."""
        del self.renews, self.renews_because


# --- the text itself ----------------------------------------------------------------------------------------------------


def control(key: str) -> str:
    """The name of an entry's control on the page."""
    return key.replace(".", "-")


def writing_form(own: OwnText) -> ActForm:
    """The form of a text: a line or an area for each entry, filled in with what is written so far."""
    fields: dict[str, Any] = {}
    for key in own.base:
        kind = sheets.kind_of(key)
        checks = [Optional(), Length(max=sheets.LONGEST[kind])]
        maker = TextAreaField if kind in {"body", "word"} else StringField
        fields[control(key)] = maker(label_of(key, own.base), validators=checks)
    form: ActForm = type("WritingForm", (ActForm,), fields)(
        data={control(key): value for key, value in own.content.items()}
    )
    return form


def written(form: ActForm, own: OwnText) -> dict[str, str]:
    """What was sent, by the text's own keys; an entry that was not sent is left out."""
    return {key: form[control(key)].data or "" for key in own.base if form[control(key)].raw_data}
