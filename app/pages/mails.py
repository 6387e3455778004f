"""Mail: which kinds one wants and what one was written, and the operator's outbox. What is sent is ``services.messages``."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.models import Mail, db
from app.outside.mails import as_html, as_text
from app.pages.base import Page, expose, find, has_access, sent_version
from app.pages.lists import ListPage, reach, words_filter
from app.pages.security import acting, me
from app.services import messages
from app.services.mail_kinds import KINDS, is_readable
from app.words import MailState, _, p_

SHOWN = 20

FAULTS = {
    "unsure": _(
        "The connection broke after the mail was handed over. Nobody knows whether it arrived, so it is not sent again "
        "by itself."
    ),
    "connect": _("The mail server does not answer."),
    "tls": _("The mail server’s encryption or certificate is not trusted."),
    "line": _("The mail server closed the connection."),
    "words": _("The mail could not be worded. Tell the makers of this program."),
    "address": _("The e-mail address is none that mail servers take."),
    "too old": _("It was too old to be of use."),
    "switched off": _("The person has switched off this kind of mail."),
    "no account": _("The account is locked."),
    "no address": _("No address of this person is known for certain."),
}
"""What a reader is told about a mail that was not sent, or not yet."""


def kind_words(kind: str) -> object:
    """A kind of mail in a person's words."""
    return KINDS[kind].label if kind in KINDS else _("Mail of an earlier version")


def fault_words(fault: str | None) -> object:
    """Why it was not sent; what a server answered is its number alone."""
    if fault is None:
        return None
    if fault.startswith("login"):
        return _("The mail server does not let us in: check MAIL_USER and MAIL_PASSWORD.")
    if fault.startswith("from"):
        return _("The mail server does not take our sender: check MAIL_FROM. It answered %(code)s.", code=fault[5:])
    if fault.startswith(("to", "data")) and fault not in FAULTS:
        return _("The mail server refused it. It answered %(code)s.", code=fault.rpartition(" ")[2])
    return FAULTS.get(fault, fault)


class OwnMailPage(Page):
    """Which mails one wants, and those one was written."""

    route_base = "/my-mail"
    default_view = "choose"
    acts: ClassVar[dict[str, str]] = {"choose": "person.choose-mail"}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def choose(self) -> Any:
        """Switch kinds of mail on and off."""
        optional = [name for name, kind in KINDS.items() if kind.optional]
        if request.method == "POST":
            wanted = set(request.form.getlist("wanted"))
            messages.choose(acting(), me(), off=[name for name in optional if name not in wanted])
            return self.done(_("Saved."), ".choose")
        mine = select(Mail).where(Mail.person_id == acting().user_id).order_by(Mail.id.desc()).limit(SHOWN)
        return self.page(
            "mails/own.html",
            optional=[(name, KINDS[name].label) for name in optional],
            compulsory=[kind.label for kind in KINDS.values() if not kind.optional],
            off=messages.switched_off(acting().user_id),
            rows=[(mail, kind_words(mail.kind)) for mail in db.session.scalars(mine)],
        )


class MailPage(ListPage):
    """The operator's outbox; a mail opens for its receiver too."""

    route_base = "/mails"
    datamodel = SQLAInterface(Mail)
    acts: ClassVar[dict[str, str]] = {"list": "mail.find", "show": "mail.see", "again": "mail.send-again"}
    list_title = _("Mail")
    list_columns: ClassVar[list[str]] = ["kind", "person", "state", "written_at"]
    show_columns: ClassVar[list[str]] = ["kind", "person", "state", "written_at"]
    label_columns: ClassVar[dict[str, object]] = {
        "kind": _("What"),
        "person": p_("of a mail", "To"),
        "state": _("State"),
        "written_at": _("Written"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {"kind": kind_words}
    filters = {"state": words_filter(_("State"), Mail.state, MailState)}  # noqa: RUF012
    load = (joinedload(Mail.person),)
    empty: ClassVar[object] = _("Nothing was written yet.")
    list_template = "mails/list.html"

    def page(self, template: str, **given: Any) -> Any:
        """The list says how the post goes."""
        if template == self.list_template:
            given["outbox"] = messages.outbox()
        return super().page(template, **given)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A mail as its receiver reads it."""
        mail = find(Mail, key, "mail.send-again", options=self.load)
        words = messages.words_of(mail, mail.person) if is_readable(mail.kind, mail.facts) else None
        return self.page(
            "mails/mail.html",
            record=mail,
            title=words.subject if words else kind_words(mail.kind),
            words=words,
            text=as_text(words) if words else "",
            html=as_html(words) if words else "",
            fault=fault_words(mail.fault),
        )

    @expose("/<key>/again", methods=["POST"])
    @has_access
    def again(self, key: str) -> Any:
        """Try a mail again that was given up."""
        messages.send_again(acting(), reach(Mail, key, "mail.send-again"), seen=sent_version())
        return self.done(_("It is sent within a minute."), ".show", key=key)
