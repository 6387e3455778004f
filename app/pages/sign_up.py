"""The wizard of a newcomer: three ways in, at most five questions a page, each page saved as one goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from flask import g, redirect, request, url_for
from flask_babel import get_locale
from sqlalchemy import select
from wtforms import RadioField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional

from app.errors import Incomplete, NotFound, Refusal, WrongStep
from app.labels import LABELS
from app.models import Centre, Hospital, MembershipRequest, db
from app.pages import names
from app.pages.base import ActForm, Page, expose, find, has_access, once_key, sent_version, submitted
from app.pages.fields import long_text, text
from app.pages.hospitals import authorised_until, network_choices
from app.pages.lists import reach
from app.pages.mandates import territories
from app.pages.people import email_field
from app.pages.request_words import title
from app.pages.security import acting, me
from app.services import finder, request_drafts, requests
from app.services.spells import not_over
from app.words import RequestKind, RequestState, _

KINDS = {
    RequestKind.CLINICIAN: _("You treat patients in a hospital whose centre belongs to an ERN."),
    RequestKind.ASSISTANT: _("You work with such a clinician, in the same hospital."),
    RequestKind.GUEST: _("You work elsewhere and a clinician of an ERN invites you."),
}


class StartForm(ActForm):
    """Which of the three ways."""

    kind = RadioField(
        _("I come as"),
        choices=[SelectChoice(kind.value, LABELS[kind]) for kind in RequestKind],
        coerce=lambda value: RequestKind(value) if value in set(RequestKind) else None,
        validators=[InputRequired(_("Choose one."))],
    )


class CentresField(SelectMultipleField):  # type: ignore[misc]
    """Centres of the hospital of the request."""

    def __init__(self, label: object, **given: Any) -> None:
        super().__init__(label, validate_choice=False, validators=[InputRequired(_("Choose at least one."))], **given)
        self.type = "SelectMultipleField"  # what the template draws
        self.offered: list[Centre] = []

    def iter_choices(self) -> Any:
        """What the page offers."""
        chosen = {centre.public_id for centre in self.data or []}
        for centre in self.offered:
            words = f"{centre.network.name} · {centre.name} · {LABELS[centre.kind]}"
            yield centre.public_id, words, centre.public_id in chosen, {}

    def process_data(self, value: Any) -> None:
        """Take centres as they are."""
        self.data = value or []

    def process_formdata(self, valuelist: list[str]) -> None:
        """Find the chosen ones among those in force; the service compares the hospital."""
        keys = {key[:40] for key in valuelist}
        found = select(Centre).where(Centre.public_id.in_(keys), not_over(Centre)).order_by(Centre.id)
        self.data = list(db.session.scalars(found).unique()) if keys else []
        if len(self.data) != len(keys):
            raise ValueError(str(_("Choose one of the list.")))

    def pre_validate(self, form: Any) -> None:
        """Nothing more: the centres were found."""


class CentresForm(ActForm):
    """In which networks."""

    centres = CentresField(
        _("Your centre, and its ERN"),
        description=_("Choose every one you work in. Each ERN decides for itself."),
    )


class WorkForm(ActForm):
    """Who one is at work: the hospital checks it."""

    job_title = text(_("Job title"), 150)
    registration_number = text(
        _("Professional registration number"), 60, hint=_("Your hospital compares it with the register.")
    )
    registered_with = text(
        _("Registered with"), 150, hint=_("The chamber, council or ministry that keeps the register.")
    )


class ExpertiseForm(ActForm):
    """What one knows."""

    areas = SelectMultipleField(_("Thematic areas"), choices=[], validators=[Optional()])
    orpha_codes = text(
        _("ORPHAcodes"), 200, required=False, hint=_("Numbers with commas between them, such as 558, 730.")
    )
    expertise = text(_("Expertise in your own words"), 500, required=False)
    languages = SelectMultipleField(
        _("Languages you work in"), choices=[], validators=[InputRequired(_("Choose at least one."))]
    )


class ColleaguesForm(ActForm):
    """Whom one assists."""

    job_title = text(_("Job title"), 150)
    email = email_field(
        _("Work e-mail of the clinician you assist"),
        _("They confirm this themselves. Whether an address is known here is not shown."),
    )
    email_2 = text(_("Of a second clinician"), 128, required=False)
    email_3 = text(_("Of a third clinician"), 128, required=False)


class OriginForm(ActForm):
    """Where a guest comes from."""

    institution = text(_("Your institution"), 200)
    country_code = SelectField(_("Country"), choices=[], validators=[InputRequired(_("Choose one."))])
    job_title = text(_("Job title"), 150)


class HostForm(ActForm):
    """Who invites a guest."""

    email = email_field(
        _("Work e-mail of who invites you"),
        _("They confirm this themselves. Whether an address is known here is not shown."),
    )
    reason = long_text(_("Why you are invited"), _("Write no patient's name."))


class Step(NamedTuple):
    """A page of the wizard: what the row of steps calls it, its heading, its form."""

    short: object
    title: object
    form: Callable[..., ActForm] | None = None


STEPS = {
    "hospital": Step(_("Hospital"), _("Which hospital do you work in?")),
    "centres": Step(_("Centre and ERN"), _("Which centre do you belong to?"), CentresForm),
    "work": Step(_("Profession"), _("What is your profession?"), WorkForm),
    "expertise": Step(_("Expertise"), _("What do you know about?"), ExpertiseForm),
    "colleagues": Step(_("Clinicians"), _("Whom do you assist?"), ColleaguesForm),
    "origin": Step(_("Institution"), _("Where do you come from?"), OriginForm),
    "host": Step(_("Host"), _("Who invites you?"), HostForm),
    "check": Step(_("Check and send"), _("Check your answers")),
}
WAYS = {
    RequestKind.CLINICIAN: ("hospital", "centres", "work", "expertise", "check"),
    RequestKind.ASSISTANT: ("hospital", "colleagues", "check"),
    RequestKind.GUEST: ("origin", "host", "check"),
}
OF_ANSWER = {
    "hospital_id": "hospital",
    "centre_id": "centres",
    "job_title": "work",
    "registration_number": "work",
    "registered_with": "work",
    "languages": "expertise",
    "institution": "origin",
    "country_code": "origin",
    "reason": "host",
    "confirmations": "host",
}
"""On which page a missing answer is given; an assistant's are all with the clinicians."""


def goes_on(draft: MembershipRequest) -> str:
    """The page where somebody who comes back goes on."""
    way = WAYS[draft.kind]
    open_ = {"hospital" if gap == "hospital_id" else _step_of(draft, gap) for gap in requests.missing(draft)}
    return next((step for step in way if step in open_), "check")


def _step_of(draft: MembershipRequest, gap: str) -> str:
    if draft.kind is RequestKind.ASSISTANT:
        return "colleagues"
    return "origin" if draft.kind is RequestKind.GUEST and gap == "job_title" else OF_ANSWER[gap]


class SignUpPage(Page):
    """Asking for a place."""

    route_base = "/sign-up"
    default_view = "start"
    acts: ClassVar[dict[str, str]] = {"start": "request.begin", "step": "request.write"}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def start(self) -> Any:
        """Choose one of the three ways, or go on with what was begun."""
        form, begun = StartForm(), requests.draft_of(acting())
        form.once.data = form.once.data or once_key()
        made = submitted(form, lambda: self._begin(form))
        if made is None:
            goes = None if begun is None else (title(begun), url_for(".step", key=begun.public_id, page=goes_on(begun)))
            return self.page("sign_up/start.html", form=form, kinds=KINDS, begun=goes)
        return redirect(url_for(".step", key=made.public_id, page=WAYS[made.kind][0]))

    def _begin(self, form: StartForm) -> MembershipRequest:
        made: MembershipRequest = request_drafts.begin(acting(), me(), kind=form.kind.data, once=form.words()["once"])
        return made

    @expose("/<key>", methods=["GET", "POST"])
    @has_access
    def step(self, key: str) -> Any:
        """One page of the wizard; without ``page`` in the address the first that is not filled in."""
        draft = reach(MembershipRequest, key, "request.write")
        if draft.state is not RequestState.DRAFT:
            if request.method == "POST":
                raise WrongStep(_("This request is sent. Take it back to correct it."))
            return redirect(url_for("OwnRequestPage.show", key=key))
        step = request.args.get("page") or goes_on(draft)
        if step not in WAYS[draft.kind] or step == "check":
            return redirect(url_for("OwnRequestPage.show", key=key))
        return self._hospital(draft) if step == "hospital" else self._answers(draft, step)

    def _hospital(self, draft: MembershipRequest) -> Any:
        """Find the hospital: a search in the address, and a button on each that is found."""
        problem = None
        if request.method == "POST":
            try:
                found = find(Hospital, request.form.get("hospital", ""))
                request_drafts.write(acting(), draft, hospital=found, seen=sent_version())
                return self._onwards(draft, "hospital")
            except NotFound:
                problem = str(_("Choose one of the list."))
            except Refusal as refusal:
                problem = str(refusal)
            g.refusal_status = Incomplete.status
        typed, network = request.args.get("q", "").strip()[:100], request.args.get("network", "")[:40]
        hospitals = finder.hospitals(typed, _codes(typed), network) if typed or network else []
        return self._shown(
            draft,
            "hospital",
            hospitals=[(one, authorised_until(one)) for one in hospitals[: finder.MOST_FOUND]],
            more=len(hospitals) > finder.MOST_FOUND,
            searched=bool(typed or network),
            networks=network_choices(),
            problem=problem,
        )

    def _answers(self, draft: MembershipRequest, step: str) -> Any:
        form = _filled(draft, step)
        saved = submitted(
            form, lambda: request_drafts.write(acting(), draft, **_given(form), seen=form.words()["seen"])
        )
        if saved is None:
            return self._shown(draft, step, form=form)
        return self._onwards(draft, step)

    def _onwards(self, draft: MembershipRequest, step: str) -> Any:
        way = WAYS[draft.kind]
        return redirect(url_for(".step", key=draft.public_id, page=way[way.index(step) + 1]))

    def _shown(self, draft: MembershipRequest, step: str, **given: Any) -> Any:
        way = WAYS[draft.kind]
        place = way.index(step)
        before = url_for(".step", key=draft.public_id, page=way[place - 1]) if place else url_for(".start")
        return self.page(
            "sign_up/hospital.html" if step == "hospital" else "sign_up/step.html",
            draft=draft,
            title=STEPS[step].title,
            journey=journey(draft, step),
            before=before,
            **{"form": None, **given},
        )


def journey(draft: MembershipRequest, now: str) -> list[tuple[object, str]]:
    """The steps of a way, and where one is."""
    way = WAYS[draft.kind]
    at = way.index(now)
    return [(STEPS[step].short, "done" if n < at else "now" if n == at else "later") for n, step in enumerate(way)]


def _codes(typed: str) -> list[str]:
    """Countries called so in the reader's language."""
    locale, wanted = get_locale(), names.by_letters(typed)
    known = locale.territories if locale is not None else {}
    if len(wanted) < 3:
        return []
    return [code for code, name in known.items() if len(code) == 2 and wanted in names.by_letters(str(name))]


def _filled(draft: MembershipRequest, step: str) -> Any:
    """The form of a page with what is known already."""
    making = STEPS[step].form
    known: dict[str, Any] = {name: getattr(draft, name, None) for name in ("job_title", "institution", "country_code")}
    if making is None:
        message = f"{step} has no form"
        raise KeyError(message)
    centres = finder.centres_of(draft.hospital_id) if step in ("centres", "expertise") else []
    mine = [one for one in centres if one.id == draft.centre_id or one.public_id in draft.more_centres]
    names_ = ("registration_number", "registered_with", "orpha_codes", "expertise", "reason", "areas")
    known |= {name: getattr(draft, name) for name in names_} | {"centres": mine}
    known["languages"] = (draft.languages or "").split(",") if draft.languages else []
    for n, one in enumerate(draft.confirmations, start=1):
        known["email" if n == 1 else f"email_{n}"] = one.email
    form: Any = making(data=known)
    if request.method == "GET":
        form.seen.data = str(draft.version)
    if step == "centres":
        form.centres.offered = centres
    if step == "expertise":
        form.areas.choices = [(name, name) for name in finder.areas_of({one.network_id for one in mine})]
        form.languages.choices = names.spoken()
    if step == "origin":
        form.country_code.choices = territories()
    return form


def _given(form: Any) -> dict[str, Any]:
    """A page's answers as the service takes them."""
    given: dict[str, Any] = form.given()
    emails = [given.pop(name) for name in ("email", "email_2", "email_3") if name in given]
    if emails:
        given["emails"] = [one for one in emails if one]
    if "languages" in given:
        given["languages"] = ",".join(given["languages"])
    return given
