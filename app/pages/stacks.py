"""Scans to file: stacks one has dropped or been passed, the forms found in them to confirm, and the pages to place by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response, flash, request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext
from sqlalchemy import Select, select
from wtforms import BooleanField, HiddenField, IntegerField, MultipleFileField, RadioField
from wtforms.validators import InputRequired, Optional

from app import audit
from app.errors import Incomplete, NotFound, Refusal
from app.models import ConsentForm, Hospital, Job, Stack, StackPage, db
from app.outside import paper
from app.pages.base import ActForm, expose, has_access, once_key, show_refusal, submitted
from app.pages.consent_forms import ACCEPTED, question, sign_form, uploads_of
from app.pages.fields import PickField
from app.pages.jobs import KIND_WORDS
from app.pages.lists import ListPage, reach, words_filter
from app.pages.security import acting
from app.services import archives, identities, stack_drops, stack_filings, stack_readings, stacks
from app.services.stacks import Group
from app.words import AWAITED_FORMS, StackState, _

KIND_WORDS[stack_readings.READING] = _("Reading a stack of scans")
WIDTH = 1100
"""Dots of a page's picture: its handwriting can be read."""
FAULTS = archives.UNFIT | {
    "too_large": _("The file is larger than 60 MB. Scan with 200 dots per inch, or in grey."),
    "not_a_scan": _("The file is not a PDF, TIFF, JPEG or PNG."),
    "too_many_pages": _("The stack has more than 200 pages. Send it in parts."),
    "lost": _("The file could not be stored safely. Send it again."),
    "too_slow": _(
        "The pages take too long to read, so some were left out. Scan them in grey with 200 dots per inch, and send fewer."
    ),
    "signed": _(
        "The PDF is signed digitally. Taking it apart would destroy the signature: archive it on its form’s page."
    ),
}
"""Why a file of a stack was not read."""
UNSIGNED = {
    "signer": _("The signature of the patient or representative seems to be missing."),
    "date": _("Place and date beside the signature seem to be missing."),
    "clinician": _("The signature of the clinician who explained seems to be missing."),
}


class DropForm(ActForm):
    """The scans of many forms."""

    hospital = RadioField(
        _("Hospital"), description=_("Only pages of this hospital’s forms are sorted."), validators=[Optional()]
    )
    files = MultipleFileField(
        _("Scans"),
        description=_(
            "One PDF or TIFF of up to 200 pages, or photographs (JPEG, PNG). Any order, any way up. At most 60 MB."
        ),
        render_kw={"accept": ACCEPTED, "required": ""},
    )

    def uploads(self) -> list[archives.Upload]:
        """The chosen files."""
        return uploads_of(self.files)


class FileForm(ActForm):
    """The one button for all confirmed forms."""


def _awaited(statement: Select[Any]) -> Select[Any]:
    return statement.where(ConsentForm.state.in_(AWAITED_FORMS)).order_by(ConsentForm.code)


class PlaceForm(ActForm):
    """Which form a page belongs to."""

    form = PickField(
        _("Form"), "consent.sign", describe=lambda form: paper.grouped_code(form.code), narrow=_awaited, by_name=False
    )
    number = IntegerField(
        _("Page"),
        description=_("The number at the foot of the page."),
        validators=[InputRequired(_("Fill this in."))],
    )


class StacksPage(ListPage):
    """Scans to file: what one has dropped, and what a colleague’s stack held of one’s own forms."""

    route_base = "/stacks"
    datamodel = SQLAInterface(Stack)
    acts: ClassVar[dict[str, str]] = {
        "list": "stack.see",
        "add": "stack.upload",
        "show": "stack.open",
        "file": "stack.file",
        "page_of": "stack_page.open",
        "assign": "stack_page.assign",
        "discard": "stack_page.discard",
    }
    list_title = _("Scans to file")
    add_title = _("Add scans")
    list_columns: ClassVar[list[str]] = ["added_at", "state", "passed_by"]
    show_columns: ClassVar[list[str]] = ["added_at", "state"]
    label_columns: ClassVar[dict[str, object]] = {
        "added_at": _("Added"),
        "state": _("State"),
        "passed_by": _("Where from"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {
        "passed_by": lambda who: gettext("From the stack of %(name)s", name=who) if who else _("Added by you")
    }
    filters = {"state": words_filter(_("State"), Stack.state, StackState)}  # noqa: RUF012
    empty: ClassVar[object] = _("No scans wait. Scan signed forms in one go and add the file here.")
    offered: ClassVar[tuple[str, ...]] = ("stack.open", "stack.file")

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Drop a stack."""
        form = DropForm()
        if request.method == "GET":
            form.once.data = once_key()
        places = stack_drops.places(acting())
        form.hospital.choices = [(place.public_id, str(place)) for place in places]
        if len(places) == 1:
            form.hospital.data = places[0].public_id
        made = submitted(form, lambda: _drop(form, places))
        if made is None:
            return self.page("stacks/add.html", form=form, places=places)
        return self.done(_("The scans are stored and are being read."), ".show", key=made.public_id)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """The stack: being read, or sorted by form."""
        return self._page(self._stack(key))

    def _stack(self, key: str, act: str = "stack.open") -> Stack:
        stack: Stack = reach(Stack, key, act)
        return stack

    def _page(self, stack: Stack, signing: dict[str, Any] | None = None, form: Any = None) -> Any:
        audit.note(acting(), "stack.open", stack)
        found = stacks.sort(stack)
        for group in [*found.ready, *found.waiting]:
            audit.note(acting(), "consent.open", group.form)
        for unbound in found.blanks:
            audit.note(acting(), "blank.open", unbound.blank)
        filing = FileForm()
        return self.page(
            "stacks/show.html",
            form=form,
            stack=stack,
            found=found,
            filing=filing,
            signing=signing or {group.form.public_id: _confirmation(group) for group in found.ready},
            proposals={group.form.public_id: stacks.proposals(group) for group in found.ready},
            unsigned={
                group.form.public_id: [UNSIGNED[name] for name in stacks.unsigned(group)] for group in found.ready
            },
            lines={group.form.public_id: stacks.lines_of(group) for group in found.ready},
            written={group.form.public_id: stacks.handwriting(group) for group in found.ready},
            known={group.form.public_id: identities.identity_of(group.form.patient) for group in found.ready},
            handwriting=stacks.handwriting,
            reading_of=stacks.reading_of,
            grouped=paper.grouped_code,
            question=question,
            work=_work(stack),
            faults=[(number, FAULTS.get(code, FAULTS["damaged"])) for number, code in stack.faults],
            days=stacks.KEPT_DAYS,
        )

    @expose("/<key>/file", methods=["GET", "POST"])
    @has_access
    def file(self, key: str) -> Any:
        """File every form that a person has confirmed; each for itself."""
        stack = self._stack(key, "stack.file")
        if request.method == "GET":
            return self._page(stack)
        found = stacks.sort(stack)
        signing = {group.form.public_id: _confirmation(group) for group in found.ready}
        chosen = [group for group in found.ready if signing[group.form.public_id].confirmed.data]
        frame = FileForm()
        if not chosen:
            show_refusal(frame, Incomplete(_("No form is confirmed. Compare a form with its paper and tick its box.")))
            return self._page(stack, signing, frame)
        filed = sum(self._file(stack, group, signing[group.form.public_id], frame) for group in chosen)
        if filed:
            sentence = gettext("Filed: %(count)s of %(total)s confirmed forms.", count=filed, total=len(chosen))
            flash(sentence, "good" if filed == len(chosen) else "warn")
        if filed == len(chosen):
            return self.done(_("The rest of the stack waits."), ".show", key=key)
        again = stacks.sort(stack)
        kept = {group.form.public_id: _shown_again(group, signing) for group in again.ready}
        return self._page(stack, kept, frame)

    def _file(self, stack: Stack, group: Group, signing: Any, frame: Any) -> bool:
        """File one form; what is wrong with it stands by its fields, and at the top of the page."""
        form, code = group.form, paper.grouped_code(group.form.code)
        if not signing.validate():
            frame.form_errors.append(gettext("Form %(code)s: something is missing.", code=code))
            return False
        try:
            said, seen = signing.said(form), signing.words()["seen"]
            stack_filings.file(acting(), stack, group, said, seen=seen, mark=signing.pages.data)
        except NotFound:
            raise
        except Refusal as refusal:
            show_refusal(signing, refusal)
            frame.form_errors.append(f"{code}: {refusal}")
            return False
        return True

    # --- one page ---

    def _scan(self, key: str, page_key: str, act: str) -> StackPage:
        """A page that waits in this stack."""
        stack, page = self._stack(key), reach(StackPage, page_key, act)
        if page.stack_id != stack.id:
            raise NotFound
        return page  # type: ignore[no-any-return]

    @expose("/<key>/pages/<page_key>")
    @has_access
    def page_of(self, key: str, page_key: str) -> Any:
        """The page as a picture, noted in the log."""
        page = self._scan(key, page_key, "stack_page.open")
        picture = stacks.picture_of(page, WIDTH)
        audit.note(acting(), "stack_page.open", page)
        return Response(picture, mimetype="image/jpeg", headers={"Content-Security-Policy": "sandbox"})

    @expose("/<key>/pages/<page_key>/assign", methods=["GET", "POST"])
    @has_access
    def assign(self, key: str, page_key: str) -> Any:
        """Say by hand where a page belongs."""
        page, form = self._scan(key, page_key, "stack_page.assign"), PlaceForm()
        if request.method == "GET":
            form.seen.data = str(page.version)
        saved = submitted(
            form,
            lambda: stack_filings.place(
                acting(), page, form.form.data, number=form.number.data, seen=form.words()["seen"]
            ),
        )
        if saved is None:
            return self.page("stacks/assign.html", form=form, scan=page, stack_key=key)
        return self.done(_("The page is placed. Compare it with the form before you confirm it."), ".show", key=key)

    @expose("/<key>/pages/<page_key>/discard", methods=["POST"])
    @has_access
    def discard(self, key: str, page_key: str) -> Any:
        """Discard a page."""
        page = self._scan(key, page_key, "stack_page.discard")
        stack_filings.throw_away(acting(), page, seen=ActForm().words()["seen"])
        return self.done(_("The page is discarded."), ".show", key=key)


def _drop(form: DropForm, places: list[Hospital]) -> Stack:
    chosen = [place for place in places if place.public_id == form.hospital.data]
    return stack_drops.drop(acting(), form.uploads(), hospital=chosen[0] if chosen else None, once=form.words()["once"])


def _confirmation(group: Group) -> Any:
    """The signature's form of one paper, filled in as the boxes look, with the tick a person gives."""
    consent = group.form
    tick = BooleanField(_("I have compared this form with its paper. File it."))
    more = {"confirmed": tick, "pages": HiddenField()}
    signing = sign_form(consent, more, prefix=f"{consent.public_id}-", meta={"csrf": False})
    if request.method == "POST":
        return signing
    signing.seen.data, signing.pages.data = str(consent.version), group.mark
    signing.signed_on.data = consent.signed_on
    for key, proposal in stacks.proposals(group).items():
        signing[f"answer_{key}"].data = None if proposal.answer is None else proposal.answer.value
    return signing


def _shown_again(group: Group, sent: dict[str, Any]) -> Any:
    """What was typed for a form that could not be filed; without its tick when other pages lie there by now."""
    signing = sent.get(group.form.public_id) or _confirmation(group)
    if signing.pages.data != group.mark:
        signing.seen.data, signing.pages.data = str(group.form.version), group.mark
        signing.confirmed.data = False
    return signing


def _work(stack: Stack) -> Job | None:
    """The job that reads the stack."""
    if stack.state is not StackState.READING:
        return None
    recent = select(Job).where(Job.kind == stack_readings.READING).order_by(Job.id.desc()).limit(20)
    return next((job for job in db.session.scalars(recent) if job.payload.get("stack") == stack.public_id), None)
