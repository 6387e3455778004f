"""Settings: one's own profile, expertise, languages and time zone, each a short form saved by itself; ways to the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Response, flash, redirect, request, stream_with_context, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as Answer
from wtforms import FileField, SelectField, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app import audit
from app.models import Network, Person, ThematicArea, db, today
from app.pages import names
from app.pages.base import ActForm, Page, expose, has_access, submitted
from app.pages.fields import plain, text
from app.pages.policies import signed_out
from app.pages.security import acting, me
from app.services import accounts, days, own_data, photos, policies, profiles
from app.words import LANGUAGES, _

LONGEST_ABOUT = 1000


class ProfileForm(ActForm):
    """Who one is at work."""

    job_title = text(_("Job title"), 150, required=False)
    professional_title = text(_("Professional title"), 100, required=False, hint=_("Such as MD, PhD or Prof."))
    about = text(
        _("Expertise in your own words"), LONGEST_ABOUT, required=False, hint=_("Colleagues read it. Name no patient.")
    )


class PhotoForm(ActForm):
    """How one looks."""

    photo = FileField(
        _("Picture"),
        description=_(
            "A JPEG, PNG or WebP of at most 20 MB. Its middle is cut out as a square; the file itself, and the place and time a camera wrote into it, are not kept."
        ),
        render_kw={"accept": ".jpg,.jpeg,.png,.webp,image/jpeg,image/png,image/webp", "required": ""},
    )

    def content(self) -> bytes:
        """The chosen file; nothing where none is chosen."""
        return self.photo.data.stream.read() if getattr(self.photo.data, "filename", "") else b""


class ExpertiseForm(ActForm):
    """What one knows about."""

    networks = SelectMultipleField(_("ERNs"), choices=[], validators=[Optional()])
    areas = SelectMultipleField(_("Thematic areas"), choices=[], validators=[Optional()])
    disorders = TextAreaField(
        _("ORPHAcodes"),
        description=_("One a line: the number, then the name if you like. Such as 558 Marfan syndrome."),
        validators=[Optional(), Length(max=9000, message=_("This is too long."))],
        filters=[plain],
    )
    languages = SelectMultipleField(_("Languages you work in"), choices=[], validators=[Optional()])


class LanguagesForm(ActForm):
    """In which languages one reads, and where one’s clock stands."""

    language = SelectField(
        _("Language of the screens"),
        choices=[SelectChoice(code, name) for code, name in LANGUAGES.items()],
        validators=[InputRequired(_("Choose one."))],
    )
    mail_language = SelectField(
        _("Language of mails to you"),
        choices=[SelectChoice(code, name) for code, name in {"": _("The same as the screens"), **LANGUAGES}.items()],
        validators=[Optional()],
        filters=[lambda chosen: chosen or None],
    )
    time_zone = SelectField(
        _("Time zone"),
        description=_("Times on pages and in mails are of this zone. Without one they are in UTC."),
        choices=[],
        validators=[Optional()],
        filters=[lambda chosen: chosen or None],
    )


def expertise_form(
    known: profiles.Known, kind: type[ExpertiseForm] = ExpertiseForm, more: Mapping[str, Any] | None = None, **how: Any
) -> ExpertiseForm:
    """The form with what is known already; ``kind`` may ask ``more``, which is known as well."""
    form = kind(
        **how,
        data={
            **(more or {}),
            "networks": [one.public_id for one in known.networks],
            "areas": [one.public_id for one in known.areas],
            "disorders": profiles.written(known.disorders),
            "languages": list(known.languages),
        },
    )
    networks = db.session.scalars(select(Network).order_by(Network.name)).all()
    form.networks.choices = [(one.public_id, one.name) for one in networks]
    form.areas.choices = [
        (area.public_id, f"{area.name} · {network.name}") for network in networks for area in network.areas
    ]
    form.languages.choices = names.spoken()
    return form


def told(form: ExpertiseForm) -> profiles.Told:
    """What the form says."""
    return profiles.Told(
        networks=_rows(Network, form.networks.data),
        areas=_rows(ThematicArea, form.areas.data),
        disorders=form.disorders.data,
        languages=form.languages.data,
    )


def _rows(table: type[Any], keys: list[str]) -> list[Any]:
    return list(db.session.scalars(select(table).where(table.public_id.in_(keys)).order_by(table.id)))


def _languages_form(person: Person, **how: Any) -> LanguagesForm:
    form = LanguagesForm(obj=person, **how)
    form.time_zone.choices = [("", "UTC"), *((name, name.replace("_", " ")) for name in days.zones())]
    return form


class OwnDataPage(Page):
    """What is stored about oneself."""

    route_base = "/my-data"
    default_view = "show"
    acts: ClassVar[dict[str, str]] = {"show": "own_data.open", "download": "own_data.open"}

    @expose("/")
    @has_access
    def show(self) -> Any:
        """How much, section by section."""
        return self.page("settings/data.html", rows=own_data.overview(acting().user_id))

    @expose("/download")
    @has_access
    def download(self) -> Any:
        """All of it as one file."""
        audit.note(acting(), "own_data.open", me())
        answer = Response(
            stream_with_context(own_data.pieces(acting().user_id)), content_type="application/json; charset=utf-8"
        )
        answer.headers["Content-Disposition"] = f'attachment; filename="cpms-about-me-{today().isoformat()}.json"'
        return answer


class SettingsPage(Page):
    """One's own settings."""

    route_base = "/settings"
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {
        "index": "profile.write",
        "profile": "profile.write",
        "photo": "photo.show",
        "remove_photo": "photo.remove",
        "expertise": "expertise.tell",
        "languages": "person.prefer",
        "end": "policy.withdraw",
    }

    @expose("/")
    @has_access
    def index(self) -> Any:
        """Everything, section by section."""
        return self._shown()

    def _shown(self, **given: ActForm) -> Any:
        """The page; ``given`` are forms that were sent and are not saved."""
        person, profile = me(), profiles.of(acting().user_id)
        stored: dict[str, Any] = {"formdata": None}  # not from what was sent, which is of one part alone
        forms: dict[str, ActForm] = {
            "profile": ProfileForm(obj=profile, job_title=person.job_title, **stored),
            "photo": PhotoForm(**stored),
            "expertise": expertise_form(profiles.known_to(person.id), **stored),
            "languages": _languages_form(person, **stored),
        } | given
        for form in forms.values():
            form.seen.data = form.seen.data or str(person.version)
        return self.page("settings/index.html", forms=forms, form=next(iter(given.values()), None))

    @expose("/profile", methods=["GET", "POST"])
    @has_access
    def profile(self) -> Any:
        """Save who one is at work."""
        form = ProfileForm()
        perform = lambda: profiles.write(acting(), me(), **form.given(), seen=form.words()["seen"])  # noqa: E731
        return self._saved("profile", form, submitted(form, perform))

    @expose("/photo", methods=["GET", "POST"])
    @has_access
    def photo(self) -> Any:
        """Show a picture as one's photo."""
        form = PhotoForm()
        return self._saved("photo", form, submitted(form, lambda: photos.take(acting(), me(), form.content())))

    @expose("/photo/remove", methods=["POST"])
    @has_access
    def remove_photo(self) -> Any:
        """Show none any more; it may be gone already."""
        photo = photos.of(acting().user_id)
        if photo is not None:
            photos.remove(acting(), photo)
        flash(str(_("Your photo is removed.")), "good")
        return self.onwards("photo")

    @expose("/expertise", methods=["GET", "POST"])
    @has_access
    def expertise(self) -> Any:
        """Save what one knows about."""
        form = expertise_form(profiles.known_to(acting().user_id))
        perform = lambda: profiles.tell(acting(), me(), known=told(form), seen=form.words()["seen"])  # noqa: E731
        return self._saved("expertise", form, submitted(form, perform))

    @expose("/languages", methods=["GET", "POST"])
    @has_access
    def languages(self) -> Any:
        """Save languages and time zone."""
        form = _languages_form(me())
        return self._saved("languages", form, submitted(form, lambda: accounts.prefer(acting(), me(), **form.given())))

    @expose("/end", methods=["GET", "POST"])
    @has_access
    def end(self) -> Any:
        """What hangs on one's account; then it ends, as by withdrawing from the privacy policy."""
        form = ActForm()
        if submitted(form, lambda: policies.withdraw(acting(), me())) is None:
            return self.page("settings/end.html", form=form, ends=policies.consequences(acting().user_id))
        return signed_out(_("Your account is closed."))

    def _saved(self, section: str, form: ActForm, done: Any) -> Any:
        if done is None and request.method == "POST":
            return self._shown(**{section: form})
        if done is not None:
            flash(str(_("Saved.")), "good")
        return self.onwards(section)

    def onwards(self, section: str) -> Answer:
        """The page, where the section stands."""
        return redirect(url_for(".index", _anchor=f"part-{section}"))
