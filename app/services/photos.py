"""Photos: shown, read, removed; gone with the account. What becomes of an uploaded picture is ``outside.photos``.

Who sees one is ``access``. The upload itself is never stored.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.act import act, after_commit, undo_on_rollback
from app.actors import Actor
from app.errors import Incomplete
from app.models import Person, Photo, db, now
from app.outside import photos, storage
from app.outside.children import ChildFault
from app.outside.scans import ScanRefused
from app.outside.storage import Stored
from app.premises import premises
from app.services import stored_files
from app.services.jobs import Every, job
from app.words import _

UNFIT: dict[str, object] = {
    "empty": _("Choose a picture."),
    "too_large": _("The file is larger than 20 MB. Choose a smaller picture."),
    "not_a_scan": _(
        "The file is not a JPEG, PNG or WebP. Save the picture in one of these formats and choose it again."
    ),
    "too_many_pixels": _("The picture has more than 120 million dots. Save it smaller and choose it again."),
    "too_small": _("The picture is too small: each side needs at least 96 dots. Choose a larger one."),
    "damaged": _("The picture is damaged: it cannot be read to its end. Save it again or choose another one."),
}
"""What is said of a file that becomes no photo."""


# --- shown ------------------------------------------------------------------------------------------------------------


def take(actor: Actor, person: Person, content: bytes) -> Photo:
    """Show a picture as one's photo from now on.

    Args:
        actor: oneself.
        person: oneself.
        content: the uploaded file.

    Raises:
        Incomplete: it is no picture that can be shown; with what to do.
        NoRoom: the disk is full.
    """
    drawn, key = _drawn(content), premises().vault.new_key(storage.PURPOSE)
    full = _("The disk of the platform is full, so the photo was not stored. Tell the operator.")
    with stored_files.removed_on_failure((), full):
        stored = premises().store.put(drawn.small + drawn.large, key, premises().vault)
    with stored_files.removed_on_refusal([stored.key]):
        shown: Photo = show(actor, person, stored=stored, key=key, small_size=len(drawn.small))
    return shown


def _drawn(content: bytes) -> photos.Drawn:
    try:
        return photos.draw(content)
    except ScanRefused as refused:
        sentence = UNFIT[refused.code]
        raise Incomplete(sentence, fields={"photo": sentence}) from refused
    except ChildFault as busy:
        sentence = _("Many files are being checked at this moment. Wait a little and send it again.")
        raise Incomplete(sentence, fields={"photo": sentence}) from busy


@act("photo.show", creates=Photo)
def show(_actor: Actor, person: Person, *, stored: Stored, key: bytes, small_size: int) -> Photo:
    """Show a stored photo; the one shown before goes with its key and its file."""
    undo_on_rollback(lambda: stored_files.remove([stored.key]))
    before = of(person.id)
    if before is not None:
        _drop(before)
        db.session.flush()
    return Photo(
        person_id=person.id,
        added_at=now(),
        storage_key=stored.key,
        wrapped_key=key,
        size=stored.size,
        small_size=small_size,
    )


def of(person_id: int) -> Photo | None:
    """A person's photo, if the reader may see it and there is one."""
    return db.session.scalars(select(Photo).where(Photo.person_id == person_id)).one_or_none()


def read(photo: Photo, *, small: bool) -> bytes:
    """The picture, as a JPEG."""
    content = b"".join(premises().store.get(photo.storage_key, photo.wrapped_key, premises().vault))
    return content[: photo.small_size] if small else content[photo.small_size :]


def as_text(session: Session, person_id: int) -> str | None:
    """A person's photo as text (base64 of the JPEG), for the file of what is stored about them."""
    photo = session.scalars(select(Photo).where(Photo.person_id == person_id)).one_or_none()
    return None if photo is None else base64.b64encode(read(photo, small=False)).decode()


# --- gone -------------------------------------------------------------------------------------------------------------


@act("photo.remove", blind=True, gives_away=True)
def remove(_actor: Actor, photo: Photo) -> None:
    """Show no photo any more: its key is destroyed, then its file."""
    _drop(photo)


def _drop(photo: Photo) -> None:
    gone = photo.storage_key
    after_commit(lambda: stored_files.remove([gone]))
    db.session.delete(photo)


@job("photos.sweep", every=Every.DAY)
def sweep(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Remove the photos of people whose account is locked."""
    locked = select(Photo).join(Photo.person).where(Person.disabled_at.is_not(None))
    for photo in list(db.session.scalars(locked).unique()):
        remove(actor, photo)


def file_keys(session: Session) -> Iterator[str]:
    """Every file a photo names, for ``fsck``."""
    yield from session.scalars(select(Photo.storage_key))
