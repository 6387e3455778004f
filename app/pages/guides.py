"""Help in the users' words, and the page "Who may do what", written from the access table itself."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from flask_babel import gettext

from app import access, rights
from app.labels import LABELS
from app.pages.acts import ACT_WORDS
from app.pages.base import Page, expose, has_access
from app.scopes import Scope, nobody
from app.words import Role, _

SHOWN = tuple(role for role in access.COLUMNS if role is not Role.PUBLIC)

SECTIONS: tuple[tuple[object, str], ...] = (
    (_("Networks and hospitals"), "country network area registry hospital authorisation centre group group_member"),
    (_("People"), "person directory idle profile expertise photo absence request request_confirmation"),
    (_("Memberships and mandates"), "membership mandate roll grant granted_patient"),
    (_("Signing in"), "login login_identity factor"),
    (_("Patients"), "patient identity handover"),
    (_("Consent"), "text own_text own_text_writer text_change consent decision document document_key proof phone_link"),
    (
        _("Letters, paper and files"),
        "letter letter_record blank print_run print_item stack stack_page export export_release",
    ),
    (_("The rest"), "policy policy_version policy_acceptance mail mail_off own_data verification audit job home help"),
)
"""What the acts of each part of the page are about, the first half of their names; every act stands in one part."""


class HelpPage(Page):
    """How the main job goes, the words of the field, and who may do what."""

    route_base = "/help"
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {"index": "help.open", "rights": "help.open"}

    @expose("/")
    @has_access
    def index(self) -> Any:
        """The guide."""
        return self.page("help/index.html")

    @expose("/who-may-do-what")
    @has_access
    def rights(self) -> Any:
        """The access table, in words."""
        return self.page("help/rights.html", sections=_sections(), roles=[(role, LABELS[role]) for role in SHOWN])


def _sections() -> list[tuple[object, list[tuple[object, list[list[str]]]]]]:
    """(title, [(act in words, [for each role: the sentences of its scopes])])."""
    return [
        (
            title,
            [
                (ACT_WORDS[act], [_cell(act, role) for role in SHOWN])
                for act in access.ACCESS
                if _of(act) in things.split()
            ],
        )
        for title, things in SECTIONS
    ]


def _of(act: str) -> str:
    return act.partition(".")[0]


def _cell(act: str, role: Role) -> list[str]:
    return [sentence(scope) for scope in rights.cells(act, role) if scope is not nobody]


def sentence(scope: Scope) -> str:
    """What a scope means: the first line of its docstring, in the reader's language."""
    return str(gettext((inspect.getdoc(scope) or "").partition("\n")[0]))
