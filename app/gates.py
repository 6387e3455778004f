"""The gates: roles that stand in place of all others, and the few acts each leaves.

Who stands at which gate is computed in ``actors``; the page that opens it is named in ``pages.base``.
"""

from __future__ import annotations

from app.words import Role

_WHO = {"person.see", "person.prefer"}
_FACTORS = {"factor.see", "factor.add-app", "factor.add-passkey", "factor.make-codes", "factor.rename", "factor.remove"}
_ACCEPTED = {"policy_acceptance.open", "policy_acceptance.see"}

GATES: dict[Role, frozenset[str]] = {
    Role.LOCKED: frozenset({"login.see", "login.prove", "person.see"}),
    Role.ASKED: frozenset({"login.see", "login.prove", *_WHO}),
    Role.UNPROVED: frozenset({"login.see", "login.open", "login.end", "login.prove", *_FACTORS, *_WHO}),
    Role.HELD: frozenset({"policy.accept", "policy.withdraw", "policy_version.see", *_ACCEPTED, *_WHO}),
}
"""Roles in place of all others, the first that holds: what anyone signed in has of these few acts, and nothing else.

Of an idle login: unlock it. Behind the right password: show the second factor; set one up; read the privacy policy in force
in any language, accept it, or take back what was accepted before.
"""
