"""Where a role may act: each scope says which rows, as a column and a SELECT of its values.

A scope never reads the ORM entity it limits: it selects from aliased Core tables (FAB.md, HOUSE.md section 1), so it
can stand in any statement. Each alias has a name that no other scope uses (``known_as``): none is taken for another's.
Of the actor a scope uses ``user_id`` and ``on``, only in comparisons: they may be ``actors.ME`` and ``actors.TODAY``.
The first line of a scope's docstring is the sentence users read on "Who may do what".
Which act asks which scope is ``access``.

``reach`` says what a scope is; ``places`` is what scopes are made of; ``consent`` is the gate no role opens. All others
hold scopes, by what they reach. Outside this package names are taken from here.
"""

from __future__ import annotations

from app.scopes.consent import care_in_force, decisions_in_force
from app.scopes.everyone import about_no_patient, consequence, everybody, nobody
from app.scopes.groups import chaired
from app.scopes.handovers import handed_by_self, handed_to_self, left_behind, offered_to_self
from app.scopes.hospitals import (
    assisted_hospital,
    coordinated,
    enrolling_hospital,
    granted_enrolling,
    granted_hospital,
    left_hospitals,
    mandated_hospital,
    network_hospitals,
    own_hospital,
    protected,
    represented,
    workplace,
)
from app.scopes.papers import (
    checked_for,
    explaining,
    granted_blanks,
    own_blanks,
    own_prints_assisted,
    own_prints_treated,
    own_scans_assisted,
    own_scans_treated,
    own_stacks,
    second_on_behalf,
    second_protecting,
    second_treating,
)
from app.scopes.patients import (
    on_behalf,
    on_behalf_unerased,
    proving,
    treating,
    treating_unerased,
    written_about,
)
from app.scopes.people import (
    IN_DIRECTORY,
    appointing,
    asked_to_stand_in,
    colleagues,
    given_by_self,
    given_to_self,
    hosted,
    hosted_by_self,
    hosting,
    in_directory,
    mandated_people,
    minded_people,
    own,
    ukrainian_people,
)
from app.scopes.places import enrollers, grants, present, readers, workplaces
from app.scopes.reach import MANDATES, Reach, Scope, clause, holds, keys
from app.scopes.releases import release_asked_of_host, release_asked_of_self, release_of_who_left
from app.scopes.requests import (
    asked_to_confirm,
    coordinated_requests,
    coordinated_unrepresented,
    decided_by_network,
    own_requests,
    represented_others,
    represented_requests,
)
from app.scopes.texts import accepted_at_work, others_text, second_person

__all__ = [
    "IN_DIRECTORY",
    "MANDATES",
    "Reach",
    "Scope",
    "about_no_patient",
    "accepted_at_work",
    "appointing",
    "asked_to_confirm",
    "asked_to_stand_in",
    "assisted_hospital",
    "care_in_force",
    "chaired",
    "checked_for",
    "clause",
    "colleagues",
    "consequence",
    "coordinated",
    "coordinated_requests",
    "coordinated_unrepresented",
    "decided_by_network",
    "decisions_in_force",
    "enrollers",
    "enrolling_hospital",
    "everybody",
    "explaining",
    "given_by_self",
    "given_to_self",
    "granted_blanks",
    "granted_enrolling",
    "granted_hospital",
    "grants",
    "handed_by_self",
    "handed_to_self",
    "holds",
    "hosted",
    "hosted_by_self",
    "hosting",
    "in_directory",
    "keys",
    "left_behind",
    "left_hospitals",
    "mandated_hospital",
    "mandated_people",
    "minded_people",
    "network_hospitals",
    "nobody",
    "offered_to_self",
    "on_behalf",
    "on_behalf_unerased",
    "others_text",
    "own",
    "own_blanks",
    "own_hospital",
    "own_prints_assisted",
    "own_prints_treated",
    "own_requests",
    "own_scans_assisted",
    "own_scans_treated",
    "own_stacks",
    "present",
    "protected",
    "proving",
    "readers",
    "release_asked_of_host",
    "release_asked_of_self",
    "release_of_who_left",
    "represented",
    "represented_others",
    "represented_requests",
    "second_on_behalf",
    "second_person",
    "second_protecting",
    "second_treating",
    "treating",
    "treating_unerased",
    "ukrainian_people",
    "workplace",
    "workplaces",
    "written_about",
]
