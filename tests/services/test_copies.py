"""The sealed archive copy: asked for with the archiving, made once by a job, whole whatever dies in between."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fhir.resources.R4B.consent import Consent

import config
from app.errors import Incomplete, NotAllowed, NotFound
from app.models import ArchivedDocument, ConsentForm, Job, db, now
from app.outside import seals
from app.outside.seals import Seal
from app.services import archives, consents, copies, housekeeping, jobs
from app.words import Channel
from tests.houses import environment
from tests.outside.test_seals import certified, signer, updated, written
from tests.papers import document, photograph, sentence, words_of

KEY = ec.generate_private_key(ec.SECP256R1())
PAIR = (written(KEY), certified(KEY, "Seal of the tests"))
DAY = dt.timedelta(days=1)


@contextmanager
def sealing(world: Any, seal: Seal | None) -> Iterator[None]:
    """A house with this seal."""
    extensions = world.house.app.extensions
    usual = extensions["premises"]
    extensions["premises"] = dataclasses.replace(usual, seal=seal)
    try:
        yield
    finally:
        extensions["premises"] = usual


@pytest.fixture
def sealed(world: Any) -> Iterator[Any]:
    """The world, with a seal."""
    with sealing(world, Seal(*PAIR)):
        yield world


def archive(world: Any, *contents: bytes, name: str = "signed", ending: str = "pdf") -> None:
    with world.house.acting(world.people["owner"]) as actor:
        uploads = [archives.Upload(content, f"scan.{ending}") for content in contents or (document(2),)]
        archives.file_scan(actor, db.session.get(ConsentForm, world.forms[name][0]), uploads, source="desk")


def run_due(world: Any) -> None:
    jobs.run_due(world.house.app.app_context)


def asked(world: Any) -> list[tuple[str, int, str | None]]:
    """State, attempts and error of the copying jobs."""
    found = world.house.rows("SELECT state, attempts, error FROM job WHERE kind = 'copy.make' ORDER BY id")
    return [tuple(row) for row in found]


def kinds(world: Any, name: str = "signed") -> list[tuple[int, str, int]]:
    statement = "SELECT position, kind, pages FROM archived_document WHERE form_id = :id ORDER BY position, kind"
    return [tuple(row) for row in world.house.rows(statement, id=world.forms[name][0])]


def copy_of(world: Any, name: str = "signed") -> bytes:
    """The copy as the treating clinician downloads it."""
    with world.house.acting(world.people["owner"]):
        return archives.read(copies.copy_of(db.session.get(ConsentForm, world.forms[name][0])))


def attached(copy: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(copy)) as pdf:
        return {name: spec.get_file().read_bytes() for name, spec in pdf.attachments.items()}


def consent_in(copy: bytes) -> dict[str, Any]:
    (data,) = [content for name, content in attached(copy).items() if name.endswith(".fhir.json")]
    found: dict[str, Any] = json.loads(data)
    return found


def files(world: Any) -> set[str]:
    return {path.name for path in (world.house.var / "files").iterdir()}


# --- made -----------------------------------------------------------------------------------------------------------


def test_archiving_asks_for_the_copy_and_the_job_makes_a_sealed_pdf_a_3(sealed: Any, tmp_path: Path) -> None:
    archive(sealed)
    assert asked(sealed) == [("queued", 0, None)]
    assert kinds(sealed) == [(1, "original", 2)]

    run_due(sealed)

    assert asked(sealed) == [("done", 1, None)]
    assert kinds(sealed) == [(1, "original", 2), (2, "copy", 2)]
    copy = copy_of(sealed)
    (found,) = seals.check(copy)
    assert found.signer == "Seal of the tests"
    (tmp_path / "copy.pdf").write_bytes(copy)
    said = subprocess.run(["pdfsig", tmp_path / "copy.pdf"], capture_output=True, text=True, check=False).stdout
    assert ("Signature is Valid." in said, "Total document signed" in said) == (True, True)
    with pikepdf.open(io.BytesIO(copy)) as pdf:
        assert (str(pdf.open_metadata()["pdfaid:part"]), pdf.open_metadata()["pdfaid:conformance"]) == ("3", "B")
        assert len(pdf.pages) == 2
    words = sealed.house.rows("SELECT act, origin, actor_id FROM audit_entry WHERE act = 'consent.keep-copy'")
    assert [tuple(row) for row in words] == [("consent.keep-copy", "job", None)]


def test_the_decisions_come_back_as_fhir_and_nothing_says_who_the_patient_is(sealed: Any) -> None:
    archive(sealed)
    run_due(sealed)

    copy = copy_of(sealed)
    consent = consent_in(copy)

    assert Consent.model_validate(consent).status == "active"
    with sealed.house.acting(sealed.people["owner"]):
        form = db.session.get(ConsentForm, sealed.forms["signed"][0])
        assert consent["identifier"][0]["value"] == form.code
        assert consent["patient"]["display"] == form.patient.nickname
        assert len(consent["provision"]["provision"]) == len(form.decisions)
        assert consent["dateTime"] == form.signed_on.isoformat()
    said = json.dumps(consent, ensure_ascii=False).encode()
    person = sealed.identities["signed"]
    hidden = (person.family_name, person.given_names, person.file_number, person.birth_place, str(person.birth_date))
    assert [word for word in hidden if word.encode() in said or word.encode() in copy] == []


def test_photographs_become_one_copy_of_all_pages(sealed: Any) -> None:
    archive(sealed, photograph(), photograph((500, 700)), ending="jpg")

    run_due(sealed)

    assert kinds(sealed) == [(1, "original", 1), (2, "original", 1), (3, "reading", 2), (4, "copy", 2)]
    assert [one.signer for one in seals.check(copy_of(sealed))] == ["Seal of the tests"]


def test_a_paper_kept_elsewhere_and_a_refusal_have_no_copy(sealed: Any) -> None:
    with sealed.house.acting(sealed.people["owner"]) as actor:
        archives.attest(actor, db.session.get(ConsentForm, sealed.forms["signed"][0]), place="Room 12")
    assert asked(sealed) == []
    with sealed.house.app.app_context():
        copies.ask(sealed.forms["signed"][1])
        copies.ask(sealed.forms["refused"][1])
    run_due(sealed)
    assert [row[0] for row in asked(sealed)] == ["done", "done"]
    assert kinds(sealed) == kinds(sealed, "refused") == []


def test_who_may_open_the_original_may_open_the_copy_and_nobody_else(sealed: Any) -> None:
    archive(sealed)
    run_due(sealed)
    form_key = sealed.forms["signed"][1]
    key = sealed.house.value("SELECT public_id FROM archived_document WHERE kind = 'copy'")
    address = f"/consents/{form_key}/document/{key}"

    answers = {who: sealed.client(who).get(address) for who in ("owner", "assistant", "colleague", "representative")}

    assert [who for who, answer in answers.items() if answer.status_code == 200] == ["owner", "assistant"]
    assert answers["owner"].data == copy_of(sealed)


def test_the_forms_page_says_that_the_copy_is_being_made_then_offers_it_and_tells_who_signed(sealed: Any) -> None:
    archive(sealed, signer("Maria <b>Signer", "State Authority").put_on(document(), reason="I agree"))
    address = f"/consents/{sealed.forms['signed'][1]}"

    before = sealed.client("owner").get(address).get_data(as_text=True)
    run_due(sealed)
    after = sealed.client("owner").get(address).get_data(as_text=True)

    making, offered = "The sealed archive copy is being made.", "Archive copy, sealed, with the decisions as data"
    assert [words in page for page in (before, after) for words in (making, offered)] == [True, False, False, True]
    assert "Signed digitally by Maria &lt;b&gt;Signer on " in before
    assert "The certificate was issued by State Authority." in before


# --- signed digitally -----------------------------------------------------------------------------------------------


def test_a_signed_pdf_is_attached_untouched_behind_a_cover_that_says_what_the_check_found(sealed: Any) -> None:
    signed = signer("Maria Signer", "State Authority").put_on(document(3), reason="I agree")
    archive(sealed, signed)

    run_due(sealed)

    copy = copy_of(sealed)
    assert kinds(sealed) == [(1, "original", 3), (2, "copy", 1)]
    (name,) = [name for name in attached(copy) if name.endswith(".pdf")]
    assert attached(copy)[name] == signed
    words = words_of(copy)
    assert "Signed digitally by Maria Signer on " in words
    assert "The certificate was issued by State Authority." in words
    assert "each signature holds, and together they cover the whole file." in words
    assert "Whether a certificate’s issuer is trusted or qualified was not checked." in words


def test_the_signers_name_is_sealed_in_the_row_and_opens_for_the_form_alone(sealed: Any) -> None:
    archive(sealed, signer("Maria Signer").put_on(document(), reason="I agree"))

    raw = bytes(sealed.house.value("SELECT sealed_signature FROM archived_document WHERE sealed_signature IS NOT NULL"))
    assert b"Maria" not in raw
    with sealed.house.acting(sealed.people["owner"]):
        (kept,) = db.session.get(ConsentForm, sealed.forms["signed"][0]).documents
        (found,) = archives.signatures_of(kept)
        said = [str(words) for words in archives.said(found, lambda moment: moment.date().isoformat())]
    assert said == [
        f"Signed digitally by Maria Signer on {dt.datetime.now(dt.UTC).date()}, by the signer’s own clock.",
        "The certificate is self-made: nobody else vouches for the name.",
    ]


def rotate(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    page = writer.root["/Pages"]["/Kids"][0]
    page[generic.pdf_name("/Rotate")] = writer.add_object(generic.NumberObject(180))
    writer.update_container(page)


@pytest.mark.parametrize("change", ["behind", "inside"])
def test_a_pdf_changed_after_its_signature_is_refused_in_plain_words_and_nothing_stays(world: Any, change: str) -> None:
    signed = signer().put_on(document(), reason="I agree")
    said = {
        "behind": "The PDF was changed after it was signed digitally, or a second person put a visible signature over it. "
        "Ask each signer for the file as it was signed.",
        "inside": "The digital signature does not fit this PDF: the file was changed. "
        "Ask the signer for the file as it was signed.",
    }[change]
    changed = updated(signed, rotate) if change == "behind" else signed.replace(b"595 842", b"595 812")
    before = files(world)

    with world.house.app.app_context(), pytest.raises(Incomplete) as caught:
        archive(world, changed)

    with world.house.app.app_context():
        assert sentence(caught.value) == said
    assert (files(world), kinds(world)) == (before, [])


# --- once, whatever happens -----------------------------------------------------------------------------------------


def test_asked_for_again_or_by_several_workers_there_is_one_copy(sealed: Any) -> None:
    archive(sealed)
    with sealed.house.app.app_context():
        for _time in range(3):
            copies.ask(sealed.forms["signed"][1])
    before = files(sealed)
    workers = [threading.Thread(target=run_due, args=(sealed,)) for _one in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with sealed.house.everything() as session:  # a worker that lost tries again at once instead of in a minute
        session.connection(execution_options={"writes": True})
        session.execute(Job.__table__.update().where(Job.__table__.c.state == "queued").values(due_at=now()))
        session.commit()
    run_due(sealed)

    assert [row[0] for row in asked(sealed)] == ["done"] * 4
    assert kinds(sealed) == [(1, "original", 2), (2, "copy", 2)]
    assert len(files(sealed) - before) == 1


def test_a_form_annulled_meanwhile_gets_no_copy_and_one_annulled_later_locks_it(sealed: Any) -> None:
    archive(sealed)
    with sealed.house.acting(sealed.people["owner"]) as actor:
        consents.annul(actor, db.session.get(ConsentForm, sealed.forms["signed"][0]), reason="Wrong paper")
    run_due(sealed)
    assert (kinds(sealed), [row[0] for row in asked(sealed)]) == ([(1, "original", 2)], ["done"])

    archive(sealed, name="represented")
    run_due(sealed)
    with sealed.house.acting(sealed.people["owner"]) as actor:
        form = db.session.get(ConsentForm, sealed.forms["represented"][0])
        consents.annul(actor, form, reason="Wrong paper")
        with pytest.raises(NotFound):
            archives.read(copies.copy_of(form))


def test_a_withdrawn_form_gets_its_copy_and_it_says_withdrawn(sealed: Any) -> None:
    archive(sealed)
    with sealed.house.acting(sealed.people["owner"]) as actor:
        care = db.session.get(ConsentForm, sealed.forms["signed"][0]).decisions[0]
        consents.withdraw(actor, care, withdrawn_on=now().date(), channel=Channel.LETTER, reason=None)

    run_due(sealed)

    consent = consent_in(copy_of(sealed))
    assert (consent["status"], consent["provision"]["provision"][0]["type"]) == ("inactive", "deny")


def test_nobody_keeps_a_copy_from_a_page(sealed: Any) -> None:
    archive(sealed)
    with sealed.house.acting(sealed.people["owner"]) as actor, pytest.raises(NotAllowed):
        copies.keep_copy(actor, db.session.get(ConsentForm, sealed.forms["signed"][0]), document=ArchivedDocument())


WORKER = """
    import os, signal, sys
    from pathlib import Path
    import config
    from app import create_app
    from app.outside.storage import LocalStore
    from app.services import jobs
    app = create_app(config.load(path=Path("/nowhere")))

    class Dying(LocalStore):
        def put(self, *given):
            super().put(*given)
            os.kill(os.getpid(), signal.SIGKILL)

    object.__setattr__(app.extensions["premises"], "store", Dying(Path(sys.argv[1])))
    jobs.run_due(app.app_context)
"""


@pytest.mark.t_crash
def test_a_worker_killed_between_the_file_and_the_row_leaves_nothing_wrong(sealed: Any) -> None:
    house = sealed.house
    archive(sealed)
    before = files(sealed)
    settings = house.app.config["SETTINGS"]
    urls = {
        name: settings[name].replace("postgresql+psycopg:", "postgresql:")
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL")
    }
    known = environment(house.var, **urls, SEAL_KEY=PAIR[0].decode(), SEAL_CERTIFICATE=PAIR[1].decode())
    command = [sys.executable, "-c", textwrap.dedent(WORKER), str(house.var / "files")]

    died = subprocess.run(command, cwd=config.ROOT, env=os.environ | known, check=False, timeout=60)

    assert died.returncode == -signal.SIGKILL
    (orphan,) = files(sealed) - before
    assert (asked(sealed), kinds(sealed)) == ([("running", 1, None)], [(1, "original", 2)])
    with house.everything() as session:  # its lease runs out
        session.connection(execution_options={"writes": True})
        session.execute(
            Job.__table__.update().where(Job.__table__.c.state == "running").values(lease_until=now() - DAY)
        )
        session.commit()
    run_due(sealed)
    assert asked(sealed) == [("done", 2, None)]
    assert kinds(sealed) == [(1, "original", 2), (2, "copy", 2)]
    old = time.time() - 7200
    os.utime(house.var / "files" / orphan, (old, old))
    result = house.app.test_cli_runner().invoke(args=["fsck", "--deep", "--repair"])
    assert result.output.splitlines() == [f"orphan {orphan}: no row names this file (repaired)", "everything fits"]


# --- without a seal -------------------------------------------------------------------------------------------------


def findings(world: Any) -> list[str]:
    with world.house.app.app_context():
        return [str(finding) for finding in housekeeping.fsck()]


def aged(world: Any, days: int) -> None:
    """As if the form had been archived so long ago."""
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        table = ConsentForm.__table__
        mine = table.c.id == world.forms["signed"][0]
        session.execute(table.update().where(mine).values(archived_at=now() - days * DAY))
        session.commit()


def test_without_a_seal_nothing_is_asked_for_and_fsck_and_the_daily_job_say_why(world: Any) -> None:
    archive(world)
    assert asked(world) == []
    assert findings(world) == []
    aged(world, 2)

    run_due(world)

    assert findings(world) == ["setting SEAL_KEY: it is not set, so 1 archived forms have no sealed copy"]
    (error,) = [row[0] for row in world.house.rows("SELECT error FROM job WHERE kind = 'copies.sweep'")]
    assert error == "No archive copy is sealed: SEAL_KEY and SEAL_CERTIFICATE are not set."


def test_once_there_is_a_seal_the_daily_job_makes_what_was_missing(world: Any) -> None:
    archive(world)
    aged(world, 2)
    with sealing(world, Seal(*PAIR)):
        assert findings(world) == [f"copy {world.forms['signed'][1]}: the form's sealed copy is missing"]

        run_due(world)

        assert kinds(world) == [(1, "original", 2), (2, "copy", 2)]
        assert findings(world) == []


def test_a_seal_that_is_over_makes_no_copy_and_the_row_says_so(world: Any) -> None:
    over = Seal(PAIR[0], certified(KEY, "Seal of the tests", until=dt.datetime.now(dt.UTC) - DAY))
    with sealing(world, over):
        archive(world)
        run_due(world)

    said = "No archive copy is sealed: the certificate in SEAL_CERTIFICATE is not in force."
    assert asked(world) == [("queued", 1, said)]
    assert kinds(world) == [(1, "original", 2)]


def test_an_original_that_cannot_be_drawn_fails_and_says_so_without_quoting_it(sealed: Any) -> None:
    with sealed.house.app.app_context():
        copies.ask(sealed.forms["enrolled"][1])  # its file of the tests only begins like a PDF

    run_due(sealed)

    assert asked(sealed) == [("queued", 1, "No archive copy was made: unreadable child: raised PdfiumError.")]
    assert kinds(sealed, "enrolled") == [(1, "original", 1)]
