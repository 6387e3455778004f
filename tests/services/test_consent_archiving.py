"""Consent: the scan in the archive, from the desk and from a phone."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
import time_machine
from sqlalchemy.exc import DatabaseError

from app import sight
from app.errors import Incomplete, NotFound, Refusal, WrongStep
from app.models import (
    ArchivedDocument,
    ConsentForm,
    Login,
    Person,
    PhoneLink,
    db,
    now,
    today,
)
from app.outside import scans
from app.services import archives, consents, phones
from app.words import (
    FormState,
    PatientState,
)
from tests.factories import DAY
from tests.papers import by_field, document, locked_document, photograph, sentence
from tests.services.consent_words import ADULT, files, form_of, in_force, record, scan, sign, write

# --- archive --------------------------------------------------------------------------------------------------------


def test_a_scan_is_kept_byte_by_byte_encrypted_at_rest_and_enrols_the_patient(world: Any) -> None:
    content, before = document(pages=2), files(world)
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "signed")
        scan(actor, form, content)

        assert (form.state, form.patient.state) == (FormState.ARCHIVED, PatientState.ENROLLED)
        assert form.patient.draft_ends_on is None
        assert in_force(form.patient)
        (kept,) = form.documents
        assert (kept.kind, kept.media_type, kept.pages, kept.size) == ("original", "application/pdf", 2, len(content))
        assert (kept.sha256, kept.source) == (hashlib.sha256(content).hexdigest(), "desk")
        assert kept.archived_by_id == actor.user_id
        assert archives.read(kept) == content
        name = kept.storage_key
    (stored,) = files(world) - before
    assert stored == name
    raw = (world.house.var / "files" / stored).read_bytes()
    assert b"%PDF" not in raw
    assert content[:64] not in raw


def test_photographs_are_kept_as_they_are_and_as_one_document_to_read(world: Any) -> None:
    pictures = [photograph(), photograph((500, 700)), photograph(kind="PNG")]
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "signed")
        uploads = [
            archives.Upload(content, f"IMG_{n}.{ending}")
            for n, (content, ending) in enumerate(zip(pictures, ("jpg", "JPEG", "png"), strict=True))
        ]
        archives.file_scan(actor, form, uploads, source="phone")

        kinds = [(d.position, d.kind, d.media_type, d.pages) for d in form.documents]
        assert kinds == [
            (1, "original", "image/jpeg", 1),
            (2, "original", "image/jpeg", 1),
            (3, "original", "image/png", 1),
            (4, "reading", "application/pdf", 3),
        ]
        assert [archives.read(d) for d in form.documents[:3]] == pictures
        reading = archives.read(form.documents[3])
        assert scans.inspect(reading, "reading.pdf") == scans.Scan("pdf", 3, "application/pdf")


UNFIT: dict[str, tuple[Sequence[tuple[bytes, str]], str]] = {
    "nothing": ([], "Choose the scan, or take a photograph of each page."),
    "zero bytes": ([(b"", "a.pdf")], "The file is empty. Scan the paper again."),
    "a text": (
        [(b"This is my consent.", "a.pdf")],
        "The file is not a PDF, TIFF, JPEG or PNG. Save the scan in one of these formats and try again.",
    ),
    "a PDF called JPEG": (
        [(document(), "a.jpg")],
        "The file is not a PDF, TIFF, JPEG or PNG. Save the scan in one of these formats and try again.",
    ),
    "a password": (
        [(locked_document(), "a.pdf")],
        "The PDF is protected by a password. Save it without one and try again.",
    ),
    "21 pages": ([(document(21), "a.pdf")], "The scan has more than 20 pages. Scan this form alone."),
    "21 photographs": ([(photograph(), "a.jpg")] * 21, "The scan has more than 20 pages. Scan this form alone."),
    "more than 50 MB": (
        [(document() + bytes(scans.MAX_BYTES), "a.pdf")],
        "The scan is larger than 50 MB. Scan with 200 dots per inch, or in grey.",
    ),
    "more than 50 MB together": (
        [(photograph() + bytes(scans.MAX_BYTES // 2), "a.jpg")] * 2,
        "The scan is larger than 50 MB. Scan with 200 dots per inch, or in grey.",
    ),
    "half a file": (
        [(document(3)[:500], "a.pdf")],
        "The file is damaged and cannot be read to its end. Scan the paper again.",
    ),
    "a script": (
        [(document(script="app.alert(1)"), "a.pdf")],
        "The PDF contains a program or a script. Print it and scan the paper instead.",
    ),
    "both kinds": (
        [(document(), "a.pdf"), (photograph(), "b.jpg")],
        "Send either one PDF or TIFF, or photographs, not both.",
    ),
}


def test_what_cannot_be_archived_is_refused_in_plain_words_and_leaves_nothing(world: Any) -> None:
    before = files(world)
    with world.house.acting(world.people["owner"]) as actor:
        for what, (sent, said) in UNFIT.items():
            with pytest.raises(Incomplete) as refusal:
                uploads = [archives.Upload(content, name) for content, name in sent]
                archives.file_scan(actor, form_of(world, "signed"), uploads, source="desk")
            assert (what, sentence(refusal.value)) == (what, said)
            assert list(by_field(refusal.value)) == ["files"]
        assert (form_of(world, "signed").state, form_of(world, "signed").documents) == (FormState.SIGNED, [])
    assert files(world) == before


def test_an_archived_scan_cannot_be_changed_or_deleted_in_the_database(world: Any) -> None:
    table = ArchivedDocument.__table__
    for statement in (table.update().values(sha256="0" * 64), table.update().values(storage_key="x"), table.delete()):
        with pytest.raises(DatabaseError):
            write(world, statement)


def test_a_scan_whose_file_was_changed_on_the_disk_is_not_shown(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        (kept,) = form_of(world, "enrolled").documents
        path = world.house.var / "files" / kept.storage_key
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.chmod(0o600)
        path.write_bytes(raw)
        with pytest.raises(Exception, match="damaged"):
            archives.read(kept)


def test_one_attests_where_the_signed_original_is_kept(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "signed")
        archives.attest(actor, form, place="Paper archive, room 12")

        assert (form.state, form.patient.state) == (FormState.ARCHIVED, PatientState.ENROLLED)
        assert (form.attested_place, form.attested_by_id) == ("Paper archive, room 12", actor.user_id)
        assert (form.documents, in_force(form.patient)) == ([], True)


def test_a_newer_signed_form_takes_the_place_of_the_earlier_one(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        assert form_of(world, "renewed").state is FormState.SUPERSEDED
        assert form_of(world, "renewal").state is FormState.ARCHIVED
        assert record(world, "renewed").state is PatientState.ENROLLED
        assert in_force(record(world, "renewed"))


def test_a_signature_older_than_what_the_patient_has_said_since_does_not_count(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "enrolled")
        stale = consents.prepare(actor, patient, language="el", variant=ADULT)
        consents.note_print(actor, stale)
        with world.house.app.app_context():
            write(
                world,
                ConsentForm.__table__.update().where(ConsentForm.id == stale.id).values(printed_at=now() - 9 * DAY),
            )
        db.session.refresh(stale)
        with pytest.raises(Incomplete) as refusal:
            sign(actor, stale, on=today() - 5 * DAY)

        assert list(by_field(refusal.value)) == ["signed_on"]
        assert sentence(refusal.value) == (
            "The patient has decided again after this signature, so this form can no longer count. "
            "Check the date, or cancel it."
        )
        assert form_of(world, "enrolled").state is FormState.ARCHIVED


# --- from a phone ---------------------------------------------------------------------------------------------------


def offered(world: Any, **login: Any) -> tuple[str, int]:
    """A link to the signed form, shown from a login of the owner's."""
    with world.house.acting(world.people["owner"]) as actor:
        desk = Login(
            token_hash=b"d" * 32,
            person_id=actor.user_id,
            browser="desk",
            address="127.0.0.1",
            **{"started_at": now(), "seen_at": now(), "proved_at": now(), "expires_at": now() + DAY} | login,
        )
        db.session.add(desk)
        db.session.commit()
        key = int(desk.id)
        return phones.offer_phone(actor, form_of(world, "signed"), login_id=key), key


def test_a_link_opens_in_the_name_of_who_showed_it(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, actor = phones.link_behind(token, "10.0.0.7")

        assert (link.form_id, actor.user_id) == (world.forms["signed"][0], world.people["owner"])
        assert actor.origin == "phone 10.0.0.7"
    stored = world.house.rows("SELECT token_hash FROM phone_link")
    assert token.encode() not in b"".join(bytes(row[0]) for row in stored)


def test_a_link_works_once(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, _actor = phones.link_behind(token, "")
    with world.house.acting(world.people["owner"]) as actor:
        upload = [archives.Upload(document(), "a.pdf")]
        archives.file_scan(actor, form_of(world, "signed"), upload, source="phone", link=link)
        assert form_of(world, "signed").state is FormState.ARCHIVED
    with world.house.app.app_context(), pytest.raises(NotFound) as refusal:
        phones.link_behind(token, "")
    with world.house.app.app_context():
        assert sentence(refusal.value) == (
            "This link has been used or is older than ten minutes. Show a new QR code on the desk's screen."
        )


def test_a_link_that_was_used_meanwhile_archives_nothing(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, _actor = phones.link_behind(token, "")
    write(world, PhoneLink.__table__.update().values(used_at=now()))
    before = files(world)
    with world.house.acting(world.people["owner"]) as actor:
        with pytest.raises(WrongStep):
            upload = [archives.Upload(document(), "a.pdf")]
            archives.file_scan(actor, form_of(world, "signed"), upload, source="phone", link=link)
        assert form_of(world, "signed").state is FormState.SIGNED
    assert files(world) == before


def test_a_refused_scan_does_not_use_the_link_up(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, _actor = phones.link_behind(token, "")
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(Incomplete):
        upload = [archives.Upload(b"no scan", "a.pdf")]
        archives.file_scan(actor, form_of(world, "signed"), upload, source="phone", link=link)
    with world.house.app.app_context():
        assert phones.link_behind(token, "")[0].id == link.id


def test_a_link_lives_ten_minutes(world: Any) -> None:
    start = dt.datetime.now(dt.UTC)
    with time_machine.travel(start, tick=False):
        token, _login = offered(world)
    for minutes, lives in ((9.9, True), (10.1, False)):
        with time_machine.travel(start + dt.timedelta(minutes=minutes), tick=False), world.house.app.app_context():
            if lives:
                assert phones.link_behind(token, "")
            else:
                with pytest.raises(NotFound):
                    phones.link_behind(token, "")


@pytest.mark.parametrize("gone", ["signed out", "login over", "idle", "disabled", "left"])
def test_a_link_dies_with_the_login_and_the_rights_of_who_showed_it(world: Any, gone: str) -> None:
    token, login = offered(world)
    table, people = Login.__table__, Person.__table__
    ends: dict[str, Any] = {
        "signed out": table.update().where(table.c.id == login).values(ended_at=now()),
        "login over": table.update().where(table.c.id == login).values(expires_at=now() - dt.timedelta(minutes=1)),
        "idle": table.update().where(table.c.id == login).values(seen_at=now() - dt.timedelta(hours=2)),
        "disabled": people.update().where(people.c.id == world.people["owner"]).values(disabled_at=now()),
    }
    if gone == "left":
        with world.house.system():
            for spell in db.session.get(Person, world.people["owner"]).memberships:
                spell.ended_at = now()
            db.session.commit()
    else:
        write(world, ends[gone])

    with world.house.app.app_context(), pytest.raises(Refusal):
        link, actor = phones.link_behind(token, "")
        sight.bind(db.session(), actor)
        if db.session.get(ConsentForm, link.form_id) is None:
            raise NotFound  # what the page answers


def test_nobody_guesses_a_link(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        for guess in ("", "x", token[:-1], token.swapcase(), "a" * 10_000, "\0", "é", world.phone_token):
            with pytest.raises(NotFound):
                phones.link_behind(guess, "")
        assert phones.link_behind(token, "")
