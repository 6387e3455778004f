"""The sealed archive copy: asked for with the archiving, made once by a job, whole whatever dies in between."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from fhir.resources.R4B.consent import Consent

import config
from app.errors import NotAllowed, NotFound
from app.models import ArchivedDocument, ConsentForm, Job, db, now
from app.outside import seals
from app.services import archives, consents, copies
from app.words import Channel
from tests.houses import environment
from tests.moments import at_once
from tests.outside.test_seals import signer
from tests.papers import photograph
from tests.services.copy_words import (
    DAY,
    PAIR,
    archive,
    asked,
    consent_in,
    copy_of,
    files,
    kinds,
    print_of,
    run_due,
)

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
    archive(sealed, signer("Maria <b>Signer", "State Authority").put_on(print_of(sealed), reason="I agree"))
    address = f"/consents/{sealed.forms['signed'][1]}"

    before = sealed.client("owner").get(address).get_data(as_text=True)
    run_due(sealed)
    after = sealed.client("owner").get(address).get_data(as_text=True)

    making, offered = "The sealed archive copy is being made.", "Archive copy, sealed, with the decisions as data"
    assert [words in page for page in (before, after) for words in (making, offered)] == [True, False, False, True]
    assert "Signed digitally by Maria &lt;b&gt;Signer on " in before
    assert "The certificate was issued by State Authority." in before


# --- once, whatever happens -----------------------------------------------------------------------------------------


def test_asked_for_again_or_by_several_workers_there_is_one_copy(sealed: Any) -> None:
    archive(sealed)
    with sealed.house.app.app_context():
        for _time in range(3):
            copies.ask(sealed.forms["signed"][1])
    before = files(sealed)
    at_once(run_due, [sealed] * 3)
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
