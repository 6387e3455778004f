"""The privacy policy on the screen: read by anybody, accepted, withdrawn; its versions and who accepted them."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as Answer
from wtforms import DateField
from wtforms.validators import InputRequired

from app.errors import NotFound
from app.models import Person, PolicyAcceptance, PolicyVersion, db, today
from app.outside import paper
from app.outside import policies as shipped
from app.pages.base import ActForm, Page, expose, has_access, inside, once_key, submitted, version
from app.pages.browsers import here
from app.pages.frame import choose_language
from app.pages.lists import Filter, ListPage
from app.pages.names import languages as language_name
from app.pages.security import acting, me
from app.services import policies
from app.services.policies import Text
from app.words import Role, _, p_


class PolicyPage(Page):
    """The privacy policy: open to everybody; before it is accepted, all a signed-in person sees."""

    route_base = "/policy"
    default_view = "show"
    acts: ClassVar[dict[str, str]] = {"accept": "policy.accept"}
    open_to_all: ClassVar[set[str]] = {"show"}

    @expose("/")
    def show(self) -> Any:
        """A version, the one in force unless another is named, in the reader's language or the one chosen."""
        return self._shown()

    def _shown(self, form: ActForm | None = None, *, read: PolicyVersion | None = None) -> Any:
        version, current = _asked(), policies.current()
        language = request.args.get("language", "")[:5] or choose_language()
        text = policies.text_in(version, language) if version else None
        held = acting().is_(Role.HELD)
        asked = held and current is not None and version is not None and version.number == current.number
        return self.page(
            "policies/policy.html",
            version=version,
            read=read,
            withdrawable=held and _has_accepted(),
            text=text,
            body=_html(text) if text else "",
            missing=None if text is None or text.language == language else language_name(language),
            languages_of=[(code, paper.language_name(code)) for code in sorted(version.texts)] if version else [],
            form=form or (ActForm() if asked else None),
            asked=asked,
            onwards=inside(request.args.get("next")) if request.args.get("next") else "",
        )

    @expose("/accept", methods=["POST"])
    @has_access
    def accept(self) -> Any:
        """Accept the version that was on the screen."""
        number, language = request.form.get("number", ""), request.form.get("language", "")[:5]
        form = ActForm()
        accepted = submitted(
            form,
            lambda: policies.accept(acting(), me(), number=version(number) or 0, language=language),
        )
        if accepted is None:
            return self._shown(form, read=_numbered(number))
        flash(str(_("You have accepted the privacy policy.")), "good")
        return redirect(inside(request.form.get("next")))


def _has_accepted() -> bool:
    """Whether the reader accepted a version and has not taken it back."""
    mine = (PolicyAcceptance.person_id == acting().user_id, PolicyAcceptance.withdrawn_at.is_(None))
    return db.session.scalar(select(PolicyAcceptance.id).where(*mine).limit(1)) is not None


def _asked() -> PolicyVersion | None:
    """The version an address names, else the one in force.

    Raises:
        NotFound: no such version.
    """
    number = request.args.get("version", "")
    if not number:
        return policies.current()
    found = _numbered(number)
    if found is None:
        raise NotFound
    return found


def _numbered(number: str) -> PolicyVersion | None:
    return policies.version_of(int(number)) if number.isdecimal() and len(number) < 6 else None


def _html(text: Text) -> Markup:
    return Markup(shipped.as_html(text.body))  # noqa: S704  made of elements, each text escaped


class OwnPolicyPage(Page):
    """What one accepted, and the way to take it back."""

    route_base = "/my-policy"
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {"index": "policy_acceptance.open", "withdraw": "policy.withdraw"}

    @expose("/")
    @has_access
    def index(self) -> Any:
        """What one accepted when, and what withdrawing would end, in numbers."""
        return self._shown()

    def _shown(self, form: ActForm | None = None) -> Any:
        mine = select(PolicyAcceptance).where(PolicyAcceptance.person_id == acting().user_id)
        rows = db.session.scalars(
            mine.order_by(PolicyAcceptance.id.desc()).options(joinedload(PolicyAcceptance.policy))
        ).all()
        return self.page(
            "policies/own.html",
            rows=[(row, language_name(row.language)) for row in rows],
            in_force=policies.current(),
            ends=policies.consequences(acting().user_id),
            form=form or ActForm(),
        )

    @expose("/withdraw", methods=["POST"])
    @has_access
    def withdraw(self) -> Any:
        """Withdraw: the account ends."""
        form = ActForm()
        done = submitted(form, lambda: policies.withdraw(acting(), me()))
        if done is None:
            return self._shown(form)
        return signed_out(_("You have withdrawn your consent. Your account is closed."))


def signed_out(sentence: object) -> Answer:
    """The account has ended: say so where one signs in."""
    here().sign_out()
    flash(str(sentence), "good")
    return redirect(url_for("LoginPage.login"))


class PublishForm(ActForm):
    """From when an edition is in force."""

    from_on = DateField(
        _("In force from"),
        description=_("From this day on everybody is asked to accept it before anything else."),
        validators=[InputRequired(_("Fill this in."))],
    )


class PolicyVersionPage(ListPage):
    """The versions, for the operator."""

    route_base = "/policies"
    datamodel = SQLAInterface(PolicyVersion)
    acts: ClassVar[dict[str, str]] = {"list": "policy_version.find", "publish": "policy.publish"}
    list_title = _("Privacy policy")
    list_columns: ClassVar[list[str]] = ["number", "from_on", "published_at"]
    label_columns: ClassVar[dict[str, object]] = {
        "number": p_("of a policy", "Version"),
        "from_on": _("In force from"),
        "published_at": _("Published"),
    }
    empty: ClassVar[object] = _("No privacy policy is published, so nobody is asked to accept one.")
    list_template = "policies/list.html"

    def page(self, template: str, **given: Any) -> Any:
        """The list offers the edition that is not published yet."""
        if template == self.list_template:
            given["edition"] = policies.to_publish()
        return super().page(template, **given)

    @expose("/publish", methods=["GET", "POST"])
    @has_access
    def publish(self) -> Any:
        """Read the edition that came with this program, and put it into force from a day."""
        edition = policies.to_publish()
        if edition is None:
            return self.done(_("The newest edition is published already."), ".list")
        form = PublishForm()
        if request.method == "GET":
            form.from_on.data, form.once.data = today(), once_key()
        made = submitted(
            form,
            lambda: policies.publish(
                acting(), me(), number=edition, from_on=form.from_on.data, once=form.words()["once"]
            ),
        )
        if made is None:
            return self.page("policies/publish.html", form=form, edition=edition, parts=_parts(edition))
        return self.done(_("Published."), ".list")


def _parts(edition: int) -> list[tuple[str, str, str, Markup]]:
    """Code, language, title and body of each text of an edition."""
    return [
        (code, language_name(code), text["title"], Markup(shipped.as_html(text["body"])))  # noqa: S704  as above
        for code, text in policies.draft(edition).items()
    ]


class AcceptancePage(ListPage):
    """Who accepted which version when, for the operator."""

    route_base = "/policy-acceptances"
    datamodel = SQLAInterface(PolicyAcceptance)
    acts: ClassVar[dict[str, str]] = {"list": "policy_acceptance.find"}
    list_title = _("Who accepted the privacy policy")
    list_columns: ClassVar[list[str]] = ["person", "policy", "language", "accepted_at", "withdrawn_at"]
    label_columns: ClassVar[dict[str, object]] = {
        "person": _("Who"),
        "policy": p_("of a policy", "Version"),
        "language": _("Read in"),
        "accepted_at": _("Accepted on"),
        "withdrawn_at": _("Withdrawn on"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {"language": language_name}
    search_in: ClassVar[tuple[Any, ...]] = (Person.first_name + " " + Person.last_name,)
    join: ClassVar[tuple[Any, ...]] = (PolicyAcceptance.person,)
    load = (joinedload(PolicyAcceptance.person), joinedload(PolicyAcceptance.policy))
    empty: ClassVar[object] = _("Nobody has accepted a version yet.")
    filters = {  # noqa: RUF012
        "version": Filter(
            p_("of a policy", "Version"),
            lambda: [(str(number), number) for number in db.session.scalars(_numbers())],
            lambda value: PolicyAcceptance.version_id.in_(
                select(PolicyVersion.id).where(PolicyVersion.number == int(value))
            ),
        )
    }


def _numbers() -> Any:
    return select(PolicyVersion.number).order_by(PolicyVersion.number.desc())
