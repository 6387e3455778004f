"""The site map: which pages there are, in menu order, and which routes are open to everybody.

One line a page. What a page does is said in its ``acts``; who may open it is the access table.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Flask
from flask_appbuilder import AppBuilder

import app.tables.engines  # noqa: F401  sets up connections
from app import access
from app.models import db
from app.pages import (
    absences,
    bindings,
    blanks,
    cas_logins,
    centres,
    consents,
    directory,
    eu_logins,
    explanations,
    exports,
    externals,
    factors,
    frame,
    grants,
    groups,
    guides,
    handovers,
    home,
    hospitals,
    idle,
    jobs,
    letters,
    logins,
    mails,
    mandates,
    memberships,
    networks,
    own_logins,
    own_requests,
    own_texts,
    patients,
    people,
    phones,
    photos,
    policies,
    prints,
    proofs,
    proving,
    refusals,
    registries,
    requests,
    rolls,
    security,
    settings,
    sign_up,
    stacks,
    verifications,
    welcomes,
    withdrawals,
)
from app.words import _


class Entry(NamedTuple):
    """One page of the site: its class, and its place in the menu (none when ``menu`` is empty)."""

    page: type[Any]
    menu: str = ""
    title: object = ""
    icon: str = ""


SITE = (
    # page                       menu               title                        icon
    Entry(home.HomePage, "today", _("Home"), "house"),
    Entry(patients.PatientPage, "patients", _("Patients"), "users"),
    Entry(handovers.HandoverPage, "patients", _("Handovers"), "handshake"),
    Entry(consents.ConsentPage, "consent", _("Consent forms"), "file-check"),
    Entry(letters.LetterPage, "consent", _("Letters from patients"), "mail"),
    Entry(proofs.ProofPage, "consent", _("Proof of consent"), "stamp"),
    Entry(exports.ExportPage, "consent", _("Exports"), "archive"),
    Entry(exports.ReleasePage),
    Entry(own_texts.OwnTextPage, "consent", _("Own consent texts"), "scroll-text"),
    Entry(withdrawals.WithdrawalPage),
    Entry(withdrawals.WaitingPage),
    Entry(refusals.RefusalPage),
    Entry(explanations.ExplanationPage),
    Entry(externals.PaperPage),
    Entry(externals.CheckPage),
    Entry(blanks.BlankPage, "consent", _("Blank forms"), "file-text"),
    Entry(bindings.BindPage),
    Entry(stacks.StacksPage, "consent", _("Scans to file"), "layers"),
    Entry(verifications.VerificationPage, "consent", _("Check a form"), "scan-line"),
    Entry(verifications.SearchPage),
    Entry(grants.AssistantPage, "people", _("My assistants"), "handshake"),
    Entry(grants.AssistedPage, "people", _("Whom I assist"), "handshake"),
    Entry(directory.DirectoryPage, "people", _("Directory"), "book-user"),
    Entry(photos.PhotoPage),
    Entry(groups.GroupPage, "people", _("Expert groups"), "messages-square"),
    Entry(groups.GroupMemberPage),
    Entry(people.PersonPage, "people", _("People"), "users-round"),
    Entry(requests.RequestPage, "memberships", _("Requests"), "inbox"),
    Entry(requests.ConfirmationPage),
    Entry(own_requests.OwnRequestPage, "memberships", _("My requests"), "send"),
    Entry(sign_up.SignUpPage),
    Entry(memberships.MembershipPage, "memberships", _("Memberships"), "id-card"),
    Entry(mandates.MandatePage, "memberships", _("Mandates"), "badge-check"),
    Entry(idle.IdlePage, "memberships", _("Idle accounts"), "clock"),
    Entry(rolls.RollPage, "memberships", _("Yearly lists"), "list-checks"),
    Entry(hospitals.HospitalPage, "memberships", _("Hospitals"), "hospital"),
    Entry(networks.NetworkPage, "memberships", _("Networks"), "network"),
    Entry(registries.RegistryPage, "operator", _("Registries"), "clipboard-list"),
    Entry(networks.CountryPage, "operator", _("Countries"), "globe"),
    Entry(policies.PolicyVersionPage, "operator", _("Privacy policy"), "shield-check"),
    Entry(policies.AcceptancePage),
    Entry(policies.PolicyPage),
    Entry(policies.OwnPolicyPage),
    Entry(mails.MailPage, "operator", _("Mail"), "mail"),
    Entry(mails.OwnMailPage),
    Entry(networks.AreaPage),
    Entry(centres.CentrePage),
    Entry(hospitals.AuthorisationPage),
    Entry(own_logins.OwnLoginPage),
    Entry(factors.FactorPage),
    Entry(proving.ProvePage),
    Entry(settings.SettingsPage),
    Entry(settings.OwnDataPage),
    Entry(absences.AbsencePage),
    Entry(welcomes.WelcomePage),
    Entry(guides.HelpPage, "help", _("Help"), "circle-question-mark"),
    Entry(prints.PrintPage),
    Entry(jobs.JobPage),
    Entry(phones.PhonePage),
    Entry(logins.LoginPage),
    Entry(logins.PasswordPage),
    Entry(eu_logins.EuLoginPage),
    Entry(cas_logins.CasPage),
)

MENUS = {
    "today": _("Today"),
    "patients": _("Patients"),
    "consent": _("Consent"),
    "people": _("People"),
    "memberships": _("Memberships"),
    "operator": _("Operator"),
    "help": _("Help"),
}

PUBLIC = {
    "static",
    "LoginPage.login",
    "LoginPage.link",
    "LoginPage.language",
    "EuLoginPage.leave",
    "EuLoginPage.back",
    "CasPage.leave",
    "CasPage.back",
    "LoginPage.logout",
    "LoginPage.passkey",
    "LoginPage.passkey_question",
    "PolicyPage.show",
    "PhonePage.upload",
    "healthz",
    "readyz",
}
"""Routes that need nobody signed in. Every other one is in a page's ``acts``."""


class House(AppBuilder):  # type: ignore[misc]
    """Flask-AppBuilder without the views it adds by itself: no /back, no /lang by GET, no API."""

    def _add_global_static(self) -> None:
        """Our own files only."""

    def _add_admin_views(self) -> None:
        """The site map adds the views."""


def build(app: Flask) -> None:
    """Register every page."""
    app.config["FAB_ROLES"] = security.fab_roles(
        [entry.page for entry in SITE],
        [(entry.menu, entry.page.__name__, entry.page) for entry in SITE if entry.menu],
    )
    with app.app_context():
        house = House(app, db.session, security_manager_class=security.Security)
        for entry in SITE:
            if entry.menu:
                house.add_view(
                    entry.page,
                    entry.page.__name__,
                    label=entry.title,
                    icon=entry.icon,
                    category=entry.menu,
                    category_label=MENUS[entry.menu],
                )
            else:
                house.add_view_no_menu(entry.page)
        house.sm.auth_view = next(view for view in house.baseviews if isinstance(view, logins.LoginPage))
    app.extensions["acts"] = {
        f"{entry.page.__name__}.{method}": act for entry in SITE for method, act in entry.page.acts.items()
    }
    frame.hang(app)
    check(app)


def check(app: Flask) -> None:
    """Refuse to start with a route that no right covers.

    Raises:
        RuntimeError: naming every undeclared route.
    """
    declared = {
        f"{entry.page.__name__}.{method}"
        for entry in SITE
        for method, act in entry.page.acts.items()
        if act in access.ACCESS
    }
    undeclared = {rule.endpoint for rule in app.url_map.iter_rules()} - declared - PUBLIC
    if undeclared:
        message = f"routes without a right: {', '.join(sorted(undeclared))}"
        raise RuntimeError(message)
