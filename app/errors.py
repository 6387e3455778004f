"""Refusals: an act that does not happen, with a sentence that says what is wrong and what to do.

A refusal is raised by ``act`` and by services and turned into a page by ``pages/refusals.py``.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """An act was refused. ``str(refusal)`` is a sentence for the user, in the user's language.

    ``fields`` maps a form field's name to the sentence shown beside it.
    """

    status = 409
    noted = False
    """Whether the audit log keeps that it was tried."""
    kept = False
    """Whether it does already."""
    uncertain = False
    """Whether the database may have kept the act all the same: the connection broke while it was committed."""
    heading: object = ""
    """What stands over the sentence on a page; empty: what is said of the status."""

    def __init__(
        self, sentence: object = "", *, fields: Mapping[str, object] | None = None, noted: bool | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fields = dict(fields or {})
        self.noted = self.noted if noted is None else noted

    def __str__(self) -> str:
        return str(self.sentence)


class NotFound(Refusal):
    """There is no such record, or the actor may not know of it."""

    status = 404


class NotAllowed(Refusal):
    """The actor sees the record but has no right to this act."""

    status = 403
    noted = True


class WrongStep(Refusal):
    """The act does not fit the state the record is in."""

    noted = True


class Incomplete(Refusal):
    """Something typed is missing or cannot be right."""

    status = 422


class Conflict(Refusal):
    """Somebody else changed the record meanwhile."""


class Busy(Refusal):
    """The database could not do it at this moment."""

    status = 503


class NoRoom(Refusal):
    """The disk is full."""

    status = 507
