"""Scopes that ask for no place: nobody, everybody, what happens by itself, what concerns no patient."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.actors import Actor, known_as
from app.models import AuditEntry
from app.scopes.reach import Reach


def nobody(_actor: Actor, _thing: type[Any]) -> bool:
    """No one."""
    return False


def everybody(_actor: Actor, _thing: type[Any]) -> bool:
    """All of them."""
    return True


def consequence(_actor: Actor, _thing: type[Any]) -> bool:
    """Happens by itself, as part of another act."""
    return False


def about_no_patient(_actor: Actor, _thing: type[Any]) -> Reach:
    """What concerns no patient."""
    entry = known_as("impersonal", AuditEntry)
    return Reach("seq", (select(entry.c.seq).where(entry.c.patient_id.is_(None)).correlate(None),))
