"""What waits for an operator of the platform, on Home."""

from __future__ import annotations

from flask import url_for
from flask_babel import ngettext

from app.pages import names
from app.pages.security import acting
from app.pages.todo import Group
from app.premises import premises
from app.services import messages, policies, worklist
from app.words import MailState, _


def work() -> list[Group]:
    """Each kind of an operator's work, and what waits."""
    countries: list[dict[str, object]] = [
        {
            "title": names.country(country.code),
            "url": url_for("CountryPage.show", key=country.public_id),
            "note": _("Ages and supervisory authority are as shipped. Check them against the law."),
            "act": _("Check"),
        }
        for country in worklist.unchecked_countries(acting())
    ]
    settings: list[dict[str, object]] = [
        {"title": name, "note": _("Empty: no consent form prints. Fill it in among the settings of the server.")}
        for name in worklist.empty_settings()
    ]
    return [
        Group(_("Privacy policy"), _policy()),
        Group(_("Mail that does not go"), _post()),
        Group(_("Settings to fill in"), settings),
        Group(_("Countries to check"), countries),
    ]


def _policy() -> list[dict[str, object]]:
    """None in force: then nobody is asked to accept one."""
    if policies.current() is not None:
        return []
    note = _("None is in force, so nobody is asked to accept one.")
    return [{"title": _("Privacy policy"), "note": note, "url": url_for("PolicyVersionPage.list"), "act": _("Publish")}]


def _post() -> list[dict[str, object]]:
    """Mails that wait because there is no server, and those given up."""
    outbox = messages.outbox()
    items: list[dict[str, object]] = []
    if outbox.waiting and not outbox.has_server and not premises().settings.demo:
        items.append({"title": "MAIL_SERVER", "note": _("Not set, so mails wait."), "url": url_for("MailPage.list")})
    if outbox.undelivered:
        note = ngettext("%(num)s mail was not delivered.", "%(num)s mails were not delivered.", outbox.undelivered)
        address = url_for("MailPage.list", state=MailState.FAILED.value)
        items.append({"title": _("Not delivered"), "note": note, "url": address, "act": _("Look")})
    return items
