"""Archiving: the scan of a signed form comes in, is checked, stored encrypted, and read again; or its place is attested.

What an archived form does to the patient's record is ``consents.follow``; reading a scan is ``outside.scans``; the sealed
copy that a job makes of it is ``copies``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from app import steps
from app.act import act, undo_on_rollback
from app.actors import Actor
from app.errors import Incomplete, NotFound, WrongStep
from app.models import ArchivedDocument, ConsentForm, DocumentKey, PhoneLink, now
from app.outside import scans, stacks, storage
from app.outside.children import ChildFault
from app.outside.seals import Signature
from app.outside.storage import StorageFault, Stored
from app.outside.vault import Place
from app.premises import premises
from app.services import consents, jobs, papers, phones, questions, signed_files, stored_files
from app.words import Answer, FormState, _

MOST_FILES = 20
COPYING = "copy.make"
"""The kind of job that makes the sealed copy (``copies``)."""


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
        Incomplete: what ``take_in`` says.
        WrongStep: the form is not signed, or archived already.
        NoRoom: the disk is full.
    """
    steps.destination(ConsentForm, form.state, "consent.archive")  # says which step is missing
    taken = take_in(uploads, form)
    with stored_files.removed_on_refusal(taken.keys):
        archive(actor, form, stored=taken.kept, source=source, link=link, signatures=taken.signatures, seen=seen)
    return form


@dataclass(frozen=True, repr=False)
class Taken:
    """Uploaded files that were checked and stored, encrypted, and that no row names yet."""

    kept: list[tuple[Stored, scans.Scan, str, bytes]]
    signatures: tuple[Signature, ...] = ()

    @property
    def keys(self) -> list[str]:
        """Their names in the store."""
        return [stored.key for stored, *_rest in self.kept]

    def __repr__(self) -> str:
        """What the files are, not where they lie: a second click sends the same."""
        return ",".join(file.sha256 for file, *_rest in self.kept)


def take_in(uploads: Sequence[Upload], form: ConsentForm | None) -> Taken:
    """Check uploaded files and store them encrypted.

    Args:
        uploads: the files.
        form: they are for; ``None`` for a paper that was not printed here.

    Raises:
        Incomplete: no file, too many, not a scan, or signed digitally and changed since or not of this form; with what to
            do.
        NoRoom: the disk is full.
    """
    checked = _checked(uploads)
    signatures = _signatures(checked, form)
    taken = Taken([], signatures)
    store, vault = premises().store, premises().vault
    full = _("The disk of the platform is full, so the scan was not stored. Keep the paper and tell the operator.")
    with stored_files.removed_on_failure((stored.key for stored, *_rest in taken.kept), full):
        for content, scan, kind in checked:
            key = vault.new_key(storage.PURPOSE)
            taken.kept.append((store.put(content, key, vault), scan, kind, key))
    return taken


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
        if len(uploads) == 1 and stacks.is_tiff(uploads[0].content):
            return _tiff(uploads[0])
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
        raise _busy() from busy
    return found


def _tiff(upload: Upload) -> list[tuple[bytes, scans.Scan, str]]:
    """A TIFF as it came, and one document to read: what is kept for years is read by everybody."""
    pages = list(stacks.take_apart(upload.content, upload.filename, scans.MAX_PAGES))
    document = stacks.bind(pages)
    return [
        (upload.content, scans.Scan("tiff", len(pages), "image/tiff"), "original"),
        (document, scans.Scan("pdf", len(pages), "application/pdf"), "reading"),
    ]


def _signatures(checked: Sequence[tuple[bytes, scans.Scan, str]], form: ConsentForm | None) -> tuple[Signature, ...]:
    """The digital signatures of an uploaded PDF; pictures have none."""
    content, scan, _kind = checked[0]
    if scan.kind != "pdf":
        return ()
    try:
        return signed_files.check(content, form)
    except ChildFault as busy:
        raise _busy() from busy


def _busy() -> Incomplete:
    return Incomplete(_("Many files are being checked at this moment. Wait a little and send it again."))


UNFIT = {
    "empty": _("The file is empty. Scan the paper again."),
    "too_large": _("The scan is larger than 50 MB. Scan with 200 dots per inch, or in grey."),
    "not_a_scan": _("The file is not a PDF, TIFF, JPEG or PNG. Save the scan in one of these formats and try again."),
    "encrypted": _("The PDF is protected by a password. Save it without one and try again."),
    "damaged": _("The file is damaged and cannot be read to its end. Scan the paper again."),
    "no_pages": _("The PDF has no pages. Scan the paper again."),
    "too_many_pages": _("The scan has more than 20 pages. Scan this form alone."),
    "too_many_pixels": _("The picture is too large. Scan with 200 dots per inch."),
    "active": _("The PDF contains a program or a script. Print it and scan the paper instead."),
    "mixed": _("Send either one PDF or TIFF, or photographs, not both."),
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
    signatures: Sequence[Signature] = (),
) -> None:
    """Archive the stored scan of a signed form. With care consent the patient is enrolled.

    The sealed copy is asked for in the same transaction, where there is a seal.
    """
    if not stored:
        raise _unfit("empty")
    if link is not None:
        phones.use(link)
    attach(actor, form, Taken(list(stored), tuple(signatures)), source=source)
    ask_for_copy(form)
    form.archived_at = now()
    consents.follow(actor, form)


def add_scan(
    actor: Actor, form: ConsentForm, uploads: Sequence[Upload], *, source: str, seen: int | None = None
) -> None:
    """Check and store the scan of a refusal that was archived without one. On a refusal of ours nothing stays behind.

    Raises:
        Incomplete: what ``take_in`` says.
        WrongStep: care was not refused, or there is a scan already.
        NoRoom: the disk is full.
    """
    taken = take_in(uploads, form)
    with stored_files.removed_on_refusal(taken.keys):
        keep_scan(actor, form, taken=taken, source=source, seen=seen)


@act("consent.keep-scan")
def keep_scan(actor: Actor, form: ConsentForm, *, taken: Taken, source: str) -> None:
    """Keep the scan of a refusal: with a draft it goes when the draft ends, else it proves until its term is over."""
    if not lacks_scan(form):
        raise WrongStep(_("Only a refusal that has no scan yet takes one here."))
    attach(actor, form, taken, source=source)
    ask_for_copy(form)


def lacks_scan(form: ConsentForm) -> bool:
    """Whether a form is a refusal that was archived by its signature alone."""
    refused = form.state is FormState.ARCHIVED and questions.care_answer(form) is Answer.REFUSED
    return refused and not form.documents and form.attested_place is None


def attach(actor: Actor, form: ConsentForm, taken: Taken, *, source: str) -> None:
    """Put stored files into a form, inside the act under way, after those it has."""
    first = len(form.documents)
    for position, (file, scan, kind, key) in enumerate(taken.kept, start=first + 1):
        undo_on_rollback(lambda key=file.key: premises().store.delete(key))  # type: ignore[misc]
        document = kept_as(file, scan, kind, key)
        document.position, document.source, document.archived_by_id = position, source, actor.user_id
        form.documents.append(document)
    if taken.signatures:
        form.documents[first].sealed_signature = _sealed(form, form.documents[first], taken.signatures)


def ask_for_copy(form: ConsentForm) -> None:
    """Ask for the sealed copy, where there is a seal."""
    if premises().seal is not None:
        jobs.ask(COPYING, {"form": form.public_id})


def kept_as(file: Stored, scan: scans.Scan, kind: str, key: bytes) -> ArchivedDocument:
    """The row of a stored file; whose it is and where it came from is the caller's to say."""
    return ArchivedDocument(
        public_id=uuid.uuid4().hex,  # what is sealed for its place needs it before it is stored
        kind=kind,
        media_type=scan.media_type,
        size=file.size,
        pages=scan.pages,
        sha256=file.sha256,
        storage_key=file.key,
        key=DocumentKey(wrapped_key=key),
        archived_at=now(),
    )


def _sealed(form: ConsentForm, document: ArchivedDocument, signatures: Sequence[Signature]) -> bytes:
    """Who signed is somebody's name: it is sealed like the form's other names, with the form's key."""
    plain = json.dumps([asdict(one) for one in signatures], ensure_ascii=False).encode()
    return premises().vault.seal(form.wrapped_key, papers.PURPOSE, plain, _place(document))


def signatures_of(document: ArchivedDocument) -> list[Signature]:
    """The digital signatures of an uploaded PDF, as they were checked when it was archived.

    Raises:
        VaultFault: what is sealed does not open.
    """
    if document.sealed_signature is None:
        return []
    key = document.form.wrapped_key
    plain = premises().vault.open(key, papers.PURPOSE, document.sealed_signature, _place(document))
    return [Signature(**facts) for facts in json.loads(plain)]


def said(signature: Signature, written: Callable[[dt.datetime], str]) -> list[object]:
    """What people read of a digital signature that holds; ``written`` writes a moment as they read it."""
    name = signature.signer
    day = signature.signed_at and written(dt.datetime.fromisoformat(signature.signed_at))
    if not day:
        first = _("Signed digitally by %(name)s, without a time.", name=name)
    elif signature.stamped:
        first = _("Signed digitally by %(name)s on %(day)s, as a time-stamp service confirms.", name=name, day=day)
    else:
        first = _("Signed digitally by %(name)s on %(day)s, by the signer’s own clock.", name=name, day=day)
    second = _("The certificate was issued by %(issuer)s.", issuer=signature.issuer)
    if signature.self_made:
        second = _("The certificate is self-made: nobody else vouches for the name.")
    if not signature.beside:
        return [first, second]
    pages = ", ".join(map(str, signature.beside))
    return [first, second, _("These pages of the file do not carry the code of the form: %(pages)s.", pages=pages)]


def _place(document: ArchivedDocument) -> Place:
    return Place(document.__tablename__, "sealed_signature", document.public_id)


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
