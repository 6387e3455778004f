"""Scans dropped by a person: stored encrypted at once, read by a job later (``stack_readings``)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from app import rights
from app.act import act, undo_on_rollback
from app.actors import Actor
from app.errors import Incomplete
from app.models import Hospital, Stack, db, now
from app.outside import stacks as reader
from app.outside import storage
from app.premises import premises
from app.services import jobs, stack_readings, stored_files
from app.services.archives import Upload
from app.words import StackState, _

MOST_UNREAD = 5
"""How many stacks of one person may wait to be read: the worker is everybody's."""


@dataclass(frozen=True)
class Files:
    """Stored files of a stack. What it looks like is their contents: so a second click is known for the same."""

    kept: list[list[str]]
    wrapped_key: bytes
    contents: str

    @property
    def keys(self) -> list[str]:
        """Their names in the store."""
        return [name for name, _ending_ in self.kept]

    def __repr__(self) -> str:
        return self.contents


def places(actor: Actor) -> list[Hospital]:
    """The hospitals whose forms one may file."""
    statement = select(Hospital).where(rights.right(actor, "stack.upload")).order_by(Hospital.name)
    return list(db.session.scalars(statement).unique())


def drop(
    actor: Actor, uploads: Sequence[Upload], *, hospital: Hospital | None = None, once: str | None = None
) -> Stack:
    """Keep uploaded files encrypted, and ask for a job that reads them.

    Args:
        actor: whose stack it is.
        uploads: the files.
        hospital: whose forms they are; needed where one works in several.
        once: the one-time key of the page's form.

    Raises:
        Incomplete: no file, too much at once, or no hospital.
        NoRoom: the disk is full.
    """
    hospital = hospital or _only_place(actor)
    if not uploads:
        raise _unfit(_("Choose the scans: one PDF or TIFF of many pages, or photographs."))
    if len(uploads) > reader.MOST_FILES or sum(len(one.content) for one in uploads) > reader.MOST_BYTES:
        raise _unfit(_("This is more than 200 files or 60 MB. Send the stack in two parts."))
    files = _stored(uploads)
    with stored_files.removed_on_refusal(files.keys):
        stack: Stack = upload(actor, hospital, files=files, once=once)
    if stack.wrapped_key != files.wrapped_key:  # a second click: the first one's files are kept
        stored_files.remove(files.keys)
    return stack


def _stored(uploads: Sequence[Upload]) -> Files:
    store, vault = premises().store, premises().vault
    made, digest = Files([], vault.new_key(storage.PURPOSE), ""), hashlib.sha256()
    full = _("The disk of the platform is full, so the scans were not stored. Keep the paper and tell the operator.")
    with stored_files.removed_on_failure((name for name, _ending_ in made.kept), full):
        for one in uploads:
            stored = store.put(one.content, made.wrapped_key, vault)
            made.kept.append([stored.key, _ending(one.filename)])
            digest.update(stored.sha256.encode())
    return replace(made, contents=digest.hexdigest())


def _only_place(actor: Actor) -> Hospital:
    found = places(actor)
    if len(found) != 1:
        sentence = _("Choose the hospital whose forms you have scanned.")
        raise Incomplete(sentence, fields={"hospital": sentence})
    return found[0]


def _unfit(sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={"files": sentence})


def _ending(filename: str) -> str:
    """The ending alone: a file's name may be somebody's."""
    dot, ending = filename.lower().rpartition(".")[1:]
    return dot + ending if ending in {"pdf", "tif", "tiff", "jpg", "jpeg", "jpe", "jfif", "png"} else dot + "other"


@act("stack.upload", creates=Stack)
def upload(actor: Actor, hospital: Hospital, *, files: Files) -> Stack:
    """Put stored files on one's list of stacks; a job reads them.

    Raises:
        Incomplete: too many of one's stacks are not read yet.
    """
    reading = select(func.count(Stack.id)).where(Stack.person_id == actor.user_id, Stack.state == StackState.READING)
    if (db.session.scalar(reading) or 0) >= MOST_UNREAD:
        raise _unfit(_("Five of your stacks are still being read. Wait until one of them is."))
    stack = Stack(public_id=uuid.uuid4().hex, person_id=actor.user_id, hospital=hospital, added_at=now(), faults=[])
    stack.files, stack.wrapped_key, stack.passed_on = files.kept, files.wrapped_key, 0
    for key in files.keys:
        undo_on_rollback(lambda key=key: premises().store.delete(key))  # type: ignore[misc]
    jobs.ask(stack_readings.READING, {"stack": stack.public_id}, person_id=actor.user_id)
    return stack
