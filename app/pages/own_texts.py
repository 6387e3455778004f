"""A hospital's own consent texts: the list, one text with its decision, and the page where it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import jsonify, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.errors import Conflict, Refusal
from app.models import Hospital, OwnText, db
from app.outside import paper
from app.outside.paper import own_texts as sheets
from app.outside.paper.differences import differences
from app.pages import files
from app.pages.base import ActForm, expose, find, has_access, once_key, sent_version, submitted
from app.pages.choices import ask_only_if_several, only_hospital
from app.pages.lists import ListPage, prefill, reach, words_filter
from app.pages.own_text_forms import (
    AcceptForm,
    ProposeForm,
    RetireForm,
    SendBackForm,
    StartForm,
    control,
    writing_form,
    written,
)
from app.pages.own_text_words import (
    FIELD_WORDS,
    PAPER_FAULTS,
    PART_WORDS,
    by_key,
    label_of,
    paper_fault,
    readable,
    renewing,
    standing,
)
from app.pages.security import acting
from app.services import own_texts, text_changes
from app.services.days import day_at
from app.words import OwnTextState, _

OFFERED = (
    "own_text.open",
    "own_text.write",
    "own_text.drop",
    "own_text.propose",
    "own_text.take-back",
    "own_text.accept",
    "own_text.send-back",
    "own_text.retire",
)
LOAD = (
    joinedload(OwnText.hospital).joinedload(Hospital.country),
    joinedload(OwnText.author),
    joinedload(OwnText.proposed_by),
    joinedload(OwnText.decided_by),
)


class OwnTextPage(ListPage):
    """The own texts of the hospital one represents or whose data-protection contact one is, and those one decides about."""

    route_base = "/own-texts"
    datamodel = SQLAInterface(OwnText)
    acts: ClassVar[dict[str, str]] = {
        "list": "own_text.open",
        "add": "own_text.start",
        "show": "own_text.open",
        "preview": "own_text.open",
        "edit": "own_text.write",
        "propose": "own_text.propose",
        "take_back": "own_text.take-back",
        "drop": "own_text.drop",
        "accept": "own_text.accept",
        "send_back": "own_text.send-back",
        "retire": "own_text.retire",
    }
    list_title = _("Own consent texts")
    add_title = _("Start an own text")
    edit_title = _("Write the text")
    list_columns: ClassVar[list[str]] = ["name", "state", "standing", "variant", "hospital"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Text"),
        "state": _("State"),
        "standing": _("In force"),
        "variant": _("Who signs"),
        "hospital": _("Hospital"),
    }
    show_columns: ClassVar[list[str]] = ["state"]
    filters = {"state": words_filter(_("State"), OwnText.state, OwnTextState)}  # noqa: RUF012
    load: ClassVar[tuple[Any, ...]] = (joinedload(OwnText.hospital).joinedload(Hospital.country),)
    empty: ClassVar[object] = _(
        "Your hospital prints the standard texts. Start an own text where national or internal rules ask for other words."
    )

    def cell(self, record: Any, column: str) -> Any:
        """Language and number; whether the text counts, and whether the standard has changed since."""
        if column == "name":
            return self.named(record)
        return standing(record) if column == "standing" else super().cell(record, column)

    def named(self, record: Any) -> str:
        """A text by its language and number."""
        name = paper.language_name(record.language)
        return str(gettext("%(language)s, no. %(number)s", language=name, number=record.number))

    def label_in(self, record: OwnText) -> Callable[[str], object]:
        """What the entries of a text are called."""
        return lambda key: label_of(key, record.base)

    # --- start ---

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Choose the language, and start from the standard text or from an earlier version."""
        form, like = StartForm(), self._like()
        form.offer()
        if like is None:
            ask_only_if_several(form, "hospital")
        else:
            form.keep_only_the_keys()
        if request.method == "GET":
            form.once.data = once_key()
            prefill(form, "hospital")
        made = submitted(form, lambda: self._start(form, like))
        if made is None:
            return self.page("own_texts/start.html", form=form, like=like)
        return self.done(_("The text is yours to write. It is saved as you type."), ".edit", key=made.public_id)

    def _start(self, form: StartForm, like: OwnText | None) -> OwnText:
        if like is None:
            given = form.given()
            hospital = given.pop("hospital", None) or only_hospital("own_text.start")
        else:
            given = {"language": like.language, "base_language": like.base_language, "variant": like.variant}
            hospital = like.hospital
        made: OwnText = own_texts.start(acting(), hospital, **given, like=like, once=form.words()["once"])
        return made

    def _like(self) -> OwnText | None:
        """The version a new one takes its words from."""
        key = request.args.get("like")
        like: OwnText | None = find(OwnText, key, "own_text.open", options=self.load) if key else None
        return like

    # --- one text ---

    def _text(self, key: str, act: str = "own_text.open") -> OwnText:
        own: OwnText = reach(OwnText, key, act, *OFFERED, options=LOAD)
        return own

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """The text: how it stands, what differs from the standard, what can be done."""
        own = self._text(key)
        base = own_texts.current_base(own.language, own.variant, own.base_language)
        return self.page(
            "own_texts/record.html",
            record=own,
            standing=standing(own),
            language=paper.language_name(own.language),
            changes=differences(own.base, own.content),
            renewed=differences(own.base, base),
            open_faults=own_texts.faults(own) if own.state is OwnTextState.DRAFT else [],
            paper_fault=paper_fault(own),
            renewing=renewing(own),
            versions=_versions(own),
            readable=readable,
        )

    @expose("/<key>/preview")
    @has_access
    def preview(self, key: str) -> Any:
        """The text as paper, marked as not valid."""
        own = self._text(key)
        try:
            content = own_texts.set_paper(own).pdf
        except paper.PaperFault as fault:
            told = PAPER_FAULTS.get(fault.code, _("The text cannot be set as paper at this moment."))
            return self.page("own_texts/unset.html", sentence=told, record=own)
        return files.paper(content, "own-text.pdf")

    # --- written ---

    @expose("/<key>/edit", methods=["GET", "POST"])
    @has_access
    def edit(self, key: str) -> Any:
        """Write the text; a script saves as one types and asks for an answer as data."""
        own = self._text(key, "own_text.write")
        if request.method == "GET" and own.state is not OwnTextState.DRAFT:
            return redirect(url_for(".show", key=key))
        form = writing_form(own)
        if request.method == "GET":
            form.seen.data = str(own.version)
        if request.accept_mimetypes.best == "application/json":
            return self._autosave(own, form)
        saved = submitted(form, lambda: self._write(own, form))
        if saved is None:
            return self._writing(own, form)
        return self.done(_("Saved."), ".show", key=key)

    def _write(self, own: OwnText, form: ActForm) -> None:
        own_texts.write(acting(), own, content=written(form, own), seen=form.words()["seen"] or 0)

    def _writing(self, own: OwnText, form: ActForm) -> Any:
        db.session.refresh(own)
        theirs = []
        if request.method == "POST":  # refused: what somebody else saved meanwhile stands beside what was typed
            typed = {key: paper.markup.cleaned(words) for key, words in written(form, own).items()}
            theirs = [(form[control(one)], own.content[one]) for one in typed if own.content[one] != typed[one]]
            form.seen.data = str(own.version)
        keys = list(own.base)
        return self.page(
            "own_texts/edit.html",
            form=form,
            record=own,
            theirs=theirs,
            language=paper.language_name(own.language),
            parts=[part for part in sheets.PARTS if f"{part}.body" in own.base],
            part_words=PART_WORDS,
            lines=[key for key in keys if sheets.kind_of(key) in {"word", "title"} or key == "national.heading"],
            field_words={name: FIELD_WORDS[name] for name in sheets.OFFERED},
            all_field_words={name: str(word) for name, word in FIELD_WORDS.items()},
            faults=by_key(own_texts.faults(own)),
            control=control,
            readable=readable,
            kind_of=sheets.kind_of,
        )

    def _autosave(self, own: OwnText, form: ActForm) -> Any:
        """Save what was typed so far. The answer: the version now, and the faults by control."""
        try:
            if not form.validate():
                return jsonify({"told": gettext("Something is longer than the form allows.")}), 422
            self._write(own, form)
        except Conflict as refusal:
            return jsonify({"told": str(refusal)}), refusal.status
        except Refusal as refusal:
            return jsonify({"told": str(refusal)}), refusal.status
        found = by_key(own_texts.faults(own))
        return jsonify({"seen": own.version, "faults": {control(key): told for key, told in found.items() if key}})

    # --- proposed and decided ---

    @expose("/<key>/propose", methods=["GET", "POST"])
    @has_access
    def propose(self, key: str) -> Any:
        """Record the opinion, and ask a second person to decide."""
        own = self._text(key, "own_text.propose")
        form = ProposeForm(data={"opinion_by": own.hospital.dpo_name})
        return self._ask(own, form, own_texts.propose, "own_texts/propose.html", told=_("The text is proposed."))

    @expose("/<key>/accept", methods=["GET", "POST"])
    @has_access
    def accept(self, key: str) -> Any:
        """Accept the text for a day."""
        own = self._text(key, "own_text.accept")
        form = AcceptForm(data={"counts_from": day_at(own.hospital)})
        return self._ask(own, form, own_texts.accept, "own_texts/accept.html", told=_("The text is accepted."))

    @expose("/<key>/send-back", methods=["GET", "POST"])
    @has_access
    def send_back(self, key: str) -> Any:
        """Send the proposal back."""
        own = self._text(key, "own_text.send-back")
        return self._ask(
            own,
            SendBackForm(),
            own_texts.send_back,
            "own_texts/send_back.html",
            told=_("The text is sent back."),
            onwards=".list",
        )

    @expose("/<key>/retire", methods=["GET", "POST"])
    @has_access
    def retire(self, key: str) -> Any:
        """Print the standard text again."""
        own = self._text(key, "own_text.retire")
        form = RetireForm()
        if not own_texts.gives_way_to_standard(own):
            form.keep_only_the_reason()
        done = _("Retired. Your hospital prints the standard text again.")
        return self._ask(own, form, own_texts.retire, "own_texts/retire.html", told=done)

    def _ask(
        self, own: OwnText, form: ActForm, perform: Any, template: str, *, told: object, onwards: str = ".show"
    ) -> Any:
        if request.method == "GET":
            form.seen.data = str(own.version)
        saved = submitted(form, lambda: perform(acting(), own, **form.given(), seen=form.words()["seen"]))
        if saved is None:
            faults = own_texts.faults(own) if perform is own_texts.propose else []
            given = {"form": form, "record": own, "base": own.base, "label_of": label_of, "renewing": renewing(own)}
            if perform is own_texts.retire:
                given["standard"] = text_changes.of_standard_since(own)
            return self.page(template, faults=by_key(faults), **given)
        return self.done(told, onwards, **({"key": own.public_id} if onwards == ".show" else {}))

    @expose("/<key>/take-back", methods=["POST"])
    @has_access
    def take_back(self, key: str) -> Any:
        """Make the proposal a draft again."""
        own_texts.take_back(acting(), self._text(key, "own_text.take-back"), seen=sent_version())
        return self.done(_("The text is a draft again."), ".edit", key=key)

    @expose("/<key>/drop", methods=["POST"])
    @has_access
    def drop(self, key: str) -> Any:
        """Give a draft up."""
        own_texts.drop(acting(), self._text(key, "own_text.drop"), seen=sent_version())
        return self.done(_("The draft is dropped."), ".list")


def _versions(own: OwnText) -> list[OwnText]:
    """The other versions of the same text, the newest first."""
    same = select(OwnText).where(
        OwnText.hospital_id == own.hospital_id,
        OwnText.language == own.language,
        OwnText.variant == own.variant,
        OwnText.id != own.id,
    )
    return list(db.session.scalars(same.order_by(OwnText.number.desc()).limit(20)))
