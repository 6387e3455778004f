"""Archiving: the scan of a signed form comes in, is checked, stored encrypted, and read again; or its place is attested.

What an archived form does to the patient's record is ``consents.follow``; reading a scan is ``outside.scans``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app import steps
from app.act import act, undo_on_rollback
from app.actors import Actor
from app.errors import Incomplete, NoRoom, NotFound, Refusal
from app.models import ArchivedDocument, ConsentForm, DocumentKey, PhoneLink, now
from app.outside import scans, storage
from app.outside.children import ChildFault
from app.outside.storage import StorageFault, StorageFull, Stored
from app.premises import premises
from app.services import consents, phones
from app.words import FormState, _

MOST_FILES = 20


@dataclass(frozen=True)
class Upload:
    """One uploaded file."""

    content: bytes
    filename: str


def file_scan(
    actor: Actor,
    form: ConsentForm,
    uploads: Sequence[Upload],
    *,
    source: str,
    link: PhoneLink | None = None,
    seen: int | None = None,
) -> ConsentForm:
    """Check the uploaded scan, store it encrypted, then archive the form. On a refusal nothing stays behind.

    Raises:
        Incomplete: no file, too many, or not a scan; with what to do.
        WrongStep: the form is not signed, or archived already.
        NoRoom: the disk is full.
    """
    steps.destination(ConsentForm, form.state, "consent.archive")  # says which step is missing
    checked = _checked(uploads)
    kept: list[tuple[Stored, scans.Scan, str, bytes]] = []
    store, vault = premises().store, premises().vault
    try:
        for content, scan, kind in checked:
            key = vault.new_key(storage.PURPOSE)
            kept.append((store.put(content, key, vault), scan, kind, key))
    except StorageFull as error:
        _discard(kept)
        raise NoRoom(
            _("The disk of the platform is full, so the scan was not stored. Keep the paper and tell the operator.")
        ) from error
    except BaseException:
        _discard(kept)
        raise
    try:
        archive(actor, form, stored=kept, source=source, link=link, seen=seen)
    except Refusal as refused:
        if not refused.uncertain:
            _discard(kept)
        raise
    return form


def _discard(kept: Sequence[tuple[Stored, scans.Scan, str, bytes]]) -> None:
    """Take stored files away again; after a commit of which nobody knows whether it happened, ``flask fsck`` does."""
    for stored, *_rest in kept:
        premises().store.delete(stored.key)


def _checked(uploads: Sequence[Upload]) -> list[tuple[bytes, scans.Scan, str]]:
    """The originals, and for photographs one document to read."""
    if not uploads:
        raise Incomplete(
            _("Choose the scan, or take a photograph of each page."), fields={"files": _("No file chosen.")}
        )
    if len(uploads) > MOST_FILES:
        raise _unfit("too_many_pages")
    if sum(len(upload.content) for upload in uploads) > scans.MAX_BYTES:
        raise _unfit("too_large")
    try:
        found = [(upload.content, scans.inspect(upload.content, upload.filename), "original") for upload in uploads]
        if len(found) > 1 and any(scan.kind == "pdf" for _content, scan, _kind in found):
            raise _unfit("mixed")
        if found[0][1].kind != "pdf":
            document = scans.combine([content for content, _scan, _kind in found])
            copy = scans.Scan("pdf", len(found), "application/pdf")
            found.append((document, copy, "reading"))
    except scans.ScanRefused as refused:
        raise _unfit(refused.code) from refused
    except ChildFault as busy:
        raise Incomplete(_("Many files are being checked at this moment. Wait a little and send it again.")) from busy
    return found


UNFIT = {
    "empty": _("The file is empty. Scan the paper again."),
    "too_large": _("The scan is larger than 50 MB. Scan with 200 dots per inch, or in grey."),
    "not_a_scan": _("The file is not a PDF, JPEG or PNG. Save the scan in one of these formats and try again."),
    "encrypted": _("The PDF is protected by a password. Save it without one and try again."),
    "damaged": _("The file is damaged and cannot be read to its end. Scan the paper again."),
    "no_pages": _("The PDF has no pages. Scan the paper again."),
    "too_many_pages": _("The scan has more than 20 pages. Scan this form alone."),
    "too_many_pixels": _("The picture is too large. Scan with 200 dots per inch."),
    "active": _("The PDF contains a program or a script. Print it and scan the paper instead."),
    "mixed": _("Send either one PDF, or photographs, not both."),
}
"""What to do about a file that may not be archived."""


def _unfit(code: str) -> Incomplete:
    sentence = UNFIT.get(code, UNFIT["damaged"])
    return Incomplete(sentence, fields={"files": sentence})


@act("consent.archive")
def archive(
    actor: Actor,
    form: ConsentForm,
    *,
    stored: Sequence[tuple[Stored, scans.Scan, str, bytes]],
    source: str,
    link: PhoneLink | None = None,
) -> None:
    """Archive the stored scan of a signed form. With care consent the patient is enrolled."""
    if not stored:
        raise _unfit("empty")
    if link is not None:
        phones.use(link)
    for position, (file, scan, kind, key) in enumerate(stored, start=1):
        undo_on_rollback(lambda key=file.key: premises().store.delete(key))  # type: ignore[misc]
        form.documents.append(
            ArchivedDocument(
                position=position,
                kind=kind,
                media_type=scan.media_type,
                size=file.size,
                pages=scan.pages,
                sha256=file.sha256,
                storage_key=file.key,
                key=DocumentKey(wrapped_key=key),
                source=source,
                archived_by_id=actor.user_id,
                archived_at=now(),
            )
        )
    form.archived_at = now()
    consents.follow(actor, form)


@act("consent.attest")
def attest(actor: Actor, form: ConsentForm, *, place: str) -> None:
    """A person attests where the signed original is kept; the form counts as archived."""
    form.attested_place, form.attested_by_id = place, actor.user_id
    form.archived_at = now()
    consents.follow(actor, form)


def read(document: ArchivedDocument) -> bytes:
    """The stored bytes, checked to the end before any is given.

    Raises:
        NotFound: the form is annulled: its copy is locked.
        StorageFault: the file is missing or was changed.
    """
    if document.form.state is FormState.ANNULLED:
        raise NotFound(_("This scan was annulled. Its copy is locked."))
    if document.key is None:
        raise NotFound(_("The key of this scan was destroyed when its term was over."))
    content = b"".join(premises().store.get(document.storage_key, document.key.wrapped_key, premises().vault))
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise StorageFault("damaged")
    return content
