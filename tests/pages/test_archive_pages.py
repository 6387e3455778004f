"""Pages of the archive: uploading a scan, opening it, and lists for those who see no patient."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from app.models import ConsentForm, now
from app.outside import paper
from tests import factories as make
from tests.factories import DAY
from tests.pages.consent_words import NOT_THERE, column, form, nickname, patient_state, send, state, upload
from tests.papers import document, locked_document, photograph
from tests.screens import Screen, post

# --- archive --------------------------------------------------------------------------------------------------------


def test_a_pdf_from_the_desk_is_archived_and_enrols(world: Any) -> None:
    client = world.client("owner")
    answer = upload(client, world, (document(2), "Scan von heute.PDF"))

    assert answer.status_code == 302
    assert (state(world, "signed"), patient_state(world, "signed")) == ("archived", "enrolled")
    shown = Screen(client.get(answer.headers["Location"]))
    assert f"Archived. {nickname(world, 'signed')} is enrolled." in shown.notices


def test_photographs_from_the_desk_are_archived(world: Any) -> None:
    client = world.client("owner")
    answer = upload(client, world, (photograph(), "1.jpg"), (photograph(kind="PNG"), "2.png"))

    assert answer.status_code == 302
    shown = Screen(client.get(form(world, "signed")))
    links = shown.texts("//section[@aria-labelledby='kept']//li//a")
    assert links == ["Copy to read", "Original, as it was uploaded", "Original, as it was uploaded"]


UNFIT = {
    "nothing chosen": ((b"", ""), "No file chosen."),
    "zero bytes": ((b"", "a.pdf"), "The file is empty."),
    "not a PDF": ((b"<html>", "a.pdf"), "The file is not a PDF, TIFF, JPEG or PNG."),
    "encrypted": ((locked_document(), "a.pdf"), "The PDF is protected by a password."),
    "21 pages": ((document(21), "a.pdf"), "The scan has more than 20 pages."),
    "damaged": ((document(3)[:600], "a.pdf"), "The file is damaged"),
    "a script": ((document(script="app.alert(1)"), "a.pdf"), "The PDF contains a program or a script."),
    "an office file": ((b"PK\x03\x04" + b"x" * 500, "a.docx"), "The file is not a PDF, TIFF, JPEG or PNG."),
    "a strange name": ((b"x", "../../\u202e<b>'\".pdf\r\nX: y"), "The file is not a PDF, TIFF, JPEG or PNG."),
}


def test_each_bad_file_is_refused_in_plain_words_beside_the_field(world: Any) -> None:
    client = world.client("owner")
    for what, (file, said) in UNFIT.items():
        answer = upload(client, world, file)
        shown = Screen(answer)
        assert (what, answer.status_code, list(shown.errors)) == (what, 422, ["files"])
        assert shown.errors["files"].startswith(said), what
    assert state(world, "signed") == "signed"
    assert (
        world.house.value("SELECT count(*) FROM archived_document WHERE form_id = :f", f=world.forms["signed"][0]) == 0
    )


@pytest.mark.parametrize(("megabytes", "status"), [(51, 422), (70, 413)])
def test_a_scan_of_more_than_fifty_megabytes_is_refused_in_plain_words(world: Any, megabytes: int, status: int) -> None:
    answer = upload(world.client("owner"), world, (document() + bytes(megabytes * 1_000_000), "a.pdf"))

    assert answer.status_code == status
    assert "larger than 50 MB" in Screen(answer).main
    assert state(world, "signed") == "signed"


def test_a_scan_sent_twice_is_archived_once(world: Any) -> None:
    client = world.client("owner")
    sent = Screen(client.get(form(world, "signed"))).form("/archive")
    before = stored_files(world)
    answers = [post(client, form(world, "signed") + "/archive", sent, (document(), "a.pdf")) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 409]
    assert (
        world.house.value("SELECT count(*) FROM archived_document WHERE form_id = :f", f=world.forms["signed"][0]) == 1
    )
    assert stored_files(world) == before + 1


def stored_files(world: Any) -> int:
    return len(list((world.house.var / "files").iterdir()))


def test_one_attests_where_the_original_is_kept(world: Any) -> None:
    client = world.client("owner")
    empty = send(client, world, "signed", "attest")
    assert (empty.status_code, list(Screen(empty).errors)) == (422, ["place"])

    answer = send(client, world, "signed", "attest", place="DPO's safe, binder <2026>")
    assert answer.status_code == 302
    assert (state(world, "signed"), patient_state(world, "signed")) == ("archived", "enrolled")
    shown = Screen(client.get(form(world, "signed")))
    assert "Kept at: DPO's safe, binder <2026>" in shown.main
    assert "Attested by owner Tester" in shown.main


def test_a_download_is_the_original_and_is_noted_with_its_reader(world: Any) -> None:
    client, content = world.client("owner"), document(2)
    upload(client, world, (content, "a.pdf"))
    (link,) = [a for a in Screen(client.get(form(world, "signed"))).links() if "/document/" in a]
    answer = client.get(link)

    assert (answer.status_code, answer.data, answer.mimetype) == (200, content, "application/pdf")
    name = answer.headers["Content-Disposition"]
    assert name == f'attachment; filename="consent-{column(world, "signed", "code")}-1.pdf"'
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    noted = world.house.rows("SELECT actor_id, outcome FROM audit_entry WHERE act = 'document.open'")
    assert [tuple(row) for row in noted] == [(world.people["owner"], "read")]


def test_an_annulled_scan_is_locked(world: Any) -> None:
    client = world.client("owner")
    (link,) = [a for a in Screen(client.get(form(world, "enrolled"))).links() if "/document/" in a]
    answer = send(client, world, "enrolled", "annul", reason="Another patient's paper")

    assert answer.status_code == 302
    assert (state(world, "enrolled"), patient_state(world, "enrolled")) == ("annulled", "restricted")
    locked = client.get(link)
    assert (locked.status_code, "Its copy is locked." in Screen(locked).main) == (404, True)
    shown = Screen(client.get(form(world, "enrolled")))
    assert "Annulled: Another patient's paper" in " ".join(shown.notices)
    assert [a for a in shown.links() if "/document/" in a] == []


@pytest.mark.parametrize(("act", "name"), [("cancel", "printed"), ("annul", "enrolled")])
def test_an_end_needs_a_reason_in_its_limits(world: Any, act: str, name: str) -> None:
    client, before = world.client("owner"), state(world, name)
    for reason, said in (("", "Fill this in."), ("x" * 301, "Use at most 300 characters."), ("  \t ", "Fill this in.")):
        answer = send(client, world, name, act, reason=reason)
        assert (answer.status_code, Screen(answer).errors) == (422, {"reason": said})
    assert state(world, name) == before
    assert send(client, world, name, act, reason="A reason").status_code == 302


# --- lists ----------------------------------------------------------------------------------------------------------


def codes(client: Any, query: str = "") -> set[str]:
    return set(Screen(client.get(f"/consents/{query}")).texts("//td[1]"))


def grouped(world: Any, *names: str) -> set[str]:
    return {paper.grouped_code(column(world, name, "code")) for name in names}


def test_forms_are_listed_by_state_language_and_not_yet_back(world: Any) -> None:
    client = world.client("owner")
    others = ("colleague's", "leaver's", "locked's", "neighbour's", "closed house's", "ukrainian", "ukrainian draft")
    own = set(world.forms) - {*others, "colleague's to check", "leaver's to check", "neighbour's to check"}

    assert codes(client) == grouped(world, *own)
    assert codes(client, "?state=signed") == grouped(world, "signed", "represented")
    assert codes(client, "?language=el") == grouped(world, "renewal")
    assert codes(client, "?printed=back") == grouped(world, *(n for n in own if state(world, n) == "printed"))
    code = column(world, "printed", "code")
    assert codes(client, f"?q={code[2:9]}") == grouped(world, "printed")
    assert codes(client, f"?q={paper.grouped_code(code)}") == grouped(world, "printed")
    assert codes(client, "?q=Quexington") == set()


def test_forms_are_listed_by_hospital(world: Any) -> None:
    with world.house.system():
        from app.models import Centre, Hospital, Person, db

        owner = db.session.get(Person, world.people["owner"])
        near = db.session.scalars(db.select(Centre).where(Centre.hospital_id == world.hospitals["Leipzig"])).first()
        make.member(owner, near)
        hospital = db.session.get(Hospital, world.hospitals["Leipzig"])
        make.form(make.patient(owner, hospital), db.session.scalars(db.select(ConsentForm)).first().text)
        chosen = hospital.public_id
    client = world.client("owner")
    shown = Screen(client.get("/consents/"))
    (name,) = shown.tree.xpath(f"//*[@value='{chosen}']/ancestor-or-self::*[@name][1]/@name")

    assert len(codes(client, f"?{name}={chosen}")) == 1


def test_forms_are_listed_by_date(world: Any) -> None:
    client, table = world.client("owner"), ConsentForm.__table__
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        for name, days in (("printed", 10), ("signed", 40)):
            statement = table.update().where(table.c.id == world.forms[name][0]).values(printed_at=now() - days * DAY)
            session.execute(statement)
        session.commit()

    assert codes(client, "?printed=older") == grouped(world, "signed")
    month = codes(client, "?printed=month")
    assert grouped(world, "printed") <= month
    assert month - codes(client, "?printed=week") == grouped(world, "printed")
    assert not month & grouped(world, "signed", "prepared")


@pytest.mark.parametrize("who", ["representative", "protection"])
def test_a_coordinator_sees_code_language_state_and_dates_and_nothing_of_a_patient(world: Any, who: str) -> None:
    client = world.client(who)
    answer = client.get("/consents/")
    shown = Screen(answer)
    heads = shown.texts("//thead//th")

    assert heads == ["Form code", "State", "Language", "Printed", "Signed", "Renewal due"]
    home = set(world.forms) - {"neighbour's", "neighbour's to check", "closed house's", "ukrainian", "ukrainian draft"}
    (older,) = shown.tree.xpath("//a[@rel='next']/@href")
    assert set(shown.texts("//td[1]")) | codes(client, older.partition("/consents/")[2] or older) == grouped(
        world, *home
    )
    for name in world.patients:
        assert nickname(world, name) not in answer.get_data(as_text=True)
        assert world.identities[name].family_name not in answer.get_data(as_text=True)
    assert shown.tree.xpath("//td//a") == []  # nothing to open
    for page in ("", "/preview", "/paper", "/state", f"/document/{NOT_THERE}"):
        for name in ("printed", "enrolled"):
            assert client.get(form(world, name) + page).status_code in (403, 404)
    for act in ("print", "sign", "archive", "attest", "phone", "cancel", "annul"):
        assert client.post(f"{form(world, 'signed')}/{act}", data={"reason": "x", "place": "x"}).status_code == 403
    assert state(world, "signed") == "signed"


def test_a_network_coordinator_a_hub_and_an_admin_see_no_form(world: Any) -> None:
    for who in ("coordinator", "hub", "admin", "guest", "bystander"):
        client = world.client(who)
        answer = client.get("/consents/")
        assert (who, answer.status_code in (200, 403)) == (who, True)
        assert Screen(answer).texts("//td[1]") == []
        assert client.get(form(world, "enrolled")).status_code in (403, 404)


# --- what a browser may send ----------------------------------------------------------------------------------------
STRANGE = [NOT_THERE, "1", "-1", "9" * 400, "..%2f..%2fetc", "%00", "%FF", "null", "%0d%0aX:1", "' OR 1=1 --"]


def test_foreign_and_strange_ids_are_not_found(world: Any) -> None:
    client = world.client("owner")
    foreign = [world.forms[name][1] for name in ("colleague's", "neighbour's", "ukrainian", "locked's")]
    pages = ("", "/preview", "/paper", "/state", f"/document/{NOT_THERE}", f"/withdraw/{NOT_THERE}")
    acts = ("print", "sign", "archive", "attest", "phone", "cancel", "annul")
    for key in (*foreign, *STRANGE):
        for page in pages if key is foreign[0] else pages[:1]:
            answer = client.get(f"/consents/{key}{page}")
            assert (key, page, answer.status_code) in [(key, page, code) for code in (400, 404)]
        for act in acts if key is foreign[0] else acts[:1]:
            assert client.post(f"/consents/{key}/{act}", data={"reason": "x"}).status_code in (400, 404)
    own = form(world, "enrolled")
    for key in STRANGE:
        assert client.get(f"{own}/document/{key}").status_code in (400, 404)
        assert client.get(f"{own}/withdraw/{key}").status_code in (400, 404)


def test_what_no_link_of_ours_asks_is_no_error(world: Any) -> None:
    client = world.client("owner")
    for query in (
        "?state=x&language=%FF&printed=1",
        "?q=%25%27&after=" + NOT_THERE,
        "?before=-1",
        "?language=" + "e" * 999,
    ):
        assert client.get(f"/consents/{query}").status_code == 200


def test_a_route_answers_only_to_its_own_methods_and_a_get_changes_nothing(world: Any) -> None:
    client, before = world.client("owner"), world.house.rows("SELECT id, state, version FROM consent_form ORDER BY id")
    for name in ("prepared", "printed", "signed", "enrolled"):
        for act in ("print", "sign", "archive", "attest", "phone", "cancel", "annul"):
            assert client.get(f"{form(world, name)}/{act}").status_code in (302, 405)
        for page in ("", "/preview", "/paper", "/state"):
            assert client.post(form(world, name) + page).status_code == 405
            answer = client.open(form(world, name) + page, method="DELETE", headers={"X-CSRFToken": client._token()})
            assert answer.status_code == 405
    assert world.house.rows("SELECT id, state, version FROM consent_form ORDER BY id") == before


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_multipart_that_lies_about_itself_breaks_nothing(world: Any) -> None:
    client = world.client("owner")
    address, head = form(world, "signed") + "/archive", {"X-CSRFToken": client._token()}
    part = b"--x\r\nContent-Disposition: form-data; name=files; "
    for body in (
        b"",
        b"--x\r\n",
        part + b'filename="a.pdf"\r\n\r\n%PDF',  # ends in the middle
        part + b"filename*=UTF-8''%FF%00.pdf\r\n\r\nx\r\n--x--",
        b"files=text",
        b"--x\r\n\r\n" * 600 + b"--x--",
    ):
        kind = (
            "multipart/form-data; boundary=x" if b"x" in body[:4] or not body else "application/x-www-form-urlencoded"
        )
        answer = client.open(address, method="POST", data=body, content_type=kind, headers=head)
        assert (body[:60], answer.status_code) in [(body[:60], code) for code in (400, 409, 413, 422)]
    gc.collect()  # the half file Werkzeug left is closed here, where it is expected
    assert state(world, "signed") == "signed"
