"""The phone's upload page: one form, once, ten minutes, and nothing of the patient on its screen."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import time_machine

from app.models import Login
from app.outside import paper
from tests.outside.test_seals import signer
from tests.papers import document, locked_document, photograph
from tests.screens import Screen, post


def signed(world: Any) -> str:
    return f"/consents/{world.forms['signed'][1]}"


def offer(world: Any, client: Any) -> str:
    """Press the button on the desk; gives the path the QR leads to."""
    shown = Screen(client.post(signed(world) + "/phone"))
    (address,) = shown.texts("//p[contains(@class, 'address')]/a")
    assert address.startswith("https://cpms.test/phone/")
    return address.removeprefix("https://cpms.test")


def send(client: Any, address: str, *files: tuple[bytes, str]) -> Any:
    return post(client, address, Screen(client.get(address)).form(), *files)


def state(world: Any) -> tuple[str, str]:
    (row,) = world.house.rows(
        "SELECT f.state, p.state FROM consent_form f JOIN patient p ON p.id = f.patient_id WHERE f.id = :key",
        key=world.forms["signed"][0],
    )
    return tuple(row)


def end(world: Any, **values: Any) -> None:
    with world.house.everything() as session:
        statement = Login.__table__.update().values(**values)
        session.connection(execution_options={"writes": True}).execute(statement)
        session.commit()


def test_a_phone_sends_photographs_and_the_desk_goes_on(world: Any) -> None:
    desk, phone = world.client("owner"), world.house.visitor()
    address = offer(world, desk)
    assert "Waiting for the phone." in desk.get(signed(world) + "/state").get_data(as_text=True)

    answer = send(phone, address, (photograph(), "image.jpg"), (photograph(), "image.jpg"))
    assert (answer.status_code, Screen(answer).heading) == (200, "Archived")
    assert state(world) == ("archived", "enrolled")
    assert "The scan is archived." in desk.get(signed(world) + "/state").get_data(as_text=True)
    kept = world.house.rows(
        "SELECT kind, source, archived_by_id FROM archived_document WHERE form_id = :f ORDER BY id",
        f=world.forms["signed"][0],
    )
    owner = world.people["owner"]
    assert [tuple(row) for row in kept] == [("original", "phone", owner)] * 2 + [("reading", "phone", owner)]
    (noted,) = world.house.rows(
        "SELECT actor_id, origin FROM audit_entry WHERE act = 'consent.archive' AND thing_id = :k",
        k=world.forms["signed"][1],
    )
    assert (noted.actor_id, noted.origin.startswith("phone")) == (owner, True)


def test_the_phones_screen_shows_the_forms_name_and_nothing_of_the_patient(world: Any) -> None:
    address = offer(world, world.client("owner"))
    answer = world.house.visitor().get(address)
    shown, raw = Screen(answer), answer.get_data(as_text=True)
    code = world.house.value("SELECT code FROM consent_form WHERE id = :key", key=world.forms["signed"][0])

    assert paper.grouped_code(code) in shown.main
    assert "English" in shown.main
    known = world.identities["signed"]
    nickname = world.house.value("SELECT nickname FROM patient WHERE id = :k", k=world.patients["signed"][0])
    for hidden in (
        *(
            known.family_name,
            known.given_names,
            known.file_number,
            known.birth_place,
            str(known.birth_date.year),
            nickname,
        ),
        *("Thessaloniki", "owner", world.forms["signed"][1], world.patients["signed"][1]),
    ):
        assert hidden not in raw
    assert shown.tree.xpath("//nav") == []
    assert shown.links() == []
    assert "cpms" not in answer.headers.get("Set-Cookie", "").lower() or "login." not in answer.headers["Set-Cookie"]


def test_the_phone_is_nobody_elsewhere(world: Any) -> None:
    phone = world.house.visitor()
    phone.get(offer(world, world.client("owner")))

    for address in ("/", "/patients/", signed(world), signed(world) + "/state"):
        assert (address, phone.get(address).status_code) == (address, 302)


def test_a_link_works_once(world: Any) -> None:
    phone = world.house.visitor()
    address = offer(world, world.client("owner"))
    sent = Screen(phone.get(address)).form()
    assert send(phone, address, (document(), "a.pdf")).status_code == 200

    again = post(phone, address, sent, (document(), "a.pdf"))
    assert (again.status_code, phone.get(address).status_code) == (404, 404)
    assert "has been used or is older than ten minutes" in Screen(again).main
    assert (
        world.house.value("SELECT count(*) FROM archived_document WHERE form_id = :f", f=world.forms["signed"][0]) == 1
    )


def test_a_bad_file_is_refused_in_plain_words_and_the_link_still_works(world: Any) -> None:
    phone = world.house.visitor()
    address = offer(world, world.client("owner"))
    code = paper.grouped_code(
        world.house.value("SELECT code FROM consent_form WHERE id = :k", k=world.forms["signed"][0])
    )
    for file, said in (
        ((b"", "a.pdf"), "The file is empty."),
        ((b"x", "a.pdf"), "The file is not a PDF, TIFF, JPEG or PNG."),
        ((locked_document(), "a.pdf"), "The PDF is protected by a password."),
        ((document(21), "a.pdf"), "The scan has more than 20 pages."),
        ((document() + bytes(51_000_000), "a.pdf"), "The scan is larger than 50 MB."),
        ((b"", ""), "No file chosen."),
        ((signer().put_on(document(), reason="A menu"), "a.pdf"), f"This signed file is not form {code}: no page "),
    ):
        answer = send(phone, address, file)
        assert (said, answer.status_code) == (said, 422)
        assert Screen(answer).errors["files"].startswith(said)
    assert state(world) == ("signed", "draft")
    assert send(phone, address, (document(), "a.pdf")).status_code == 200


def test_a_new_link_ends_the_one_before_whoever_showed_it(world: Any) -> None:
    first = offer(world, world.client("owner"))
    second = offer(world, world.client("assistant"))
    answers = [world.house.visitor().get(address).status_code for address in (first, second)]
    assert answers == [404, 200]


def test_a_form_archived_at_the_desk_ends_every_link(world: Any) -> None:
    desk, address = world.client("owner"), offer(world, world.client("assistant"))
    sent = Screen(desk.get(signed(world))).form("/attest") | {"place": "Room 12"}
    assert desk.post(signed(world) + "/attest", data=sent).status_code == 302

    assert world.house.visitor().get(address).status_code == 404


def test_a_link_lives_ten_minutes(world: Any) -> None:
    start = dt.datetime.now(dt.UTC)
    with time_machine.travel(start, tick=False):
        address = offer(world, world.client("owner"))
    for minutes, status in ((9.8, 200), (10.2, 404)):
        with time_machine.travel(start + dt.timedelta(minutes=minutes), tick=False):
            assert world.house.visitor().get(address).status_code == status


def test_a_link_dies_with_the_desks_login(world: Any) -> None:
    desk, phone = world.client("owner"), world.house.visitor()
    address = offer(world, desk)
    sent = Screen(phone.get(address)).form()
    assert desk.post("/logout/").status_code == 302

    late = post(phone, address, sent, (document(), "a.pdf"))
    assert (late.status_code, phone.get(address).status_code) == (404, 404)
    assert state(world) == ("signed", "draft")


def test_a_link_dies_when_the_desks_login_runs_out(world: Any) -> None:
    address = offer(world, world.client("owner"))
    end(world, expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))

    assert world.house.visitor().get(address).status_code == 404


def test_a_form_that_was_cancelled_meanwhile_takes_no_scan(world: Any) -> None:
    desk, phone = world.client("owner"), world.house.visitor()
    address = offer(world, desk)
    sent = Screen(phone.get(address)).form()
    shown = Screen(desk.get(signed(world)))
    assert desk.post(signed(world) + "/cancel", data=shown.form("/cancel") | {"reason": "x"}).status_code == 302

    answer = post(phone, address, sent, (document(), "a.pdf"))
    assert answer.status_code in (404, 409)
    assert state(world) == ("cancelled", "draft")


def test_tokens_that_lead_nowhere_all_look_alike(world: Any) -> None:
    phone = world.house.visitor()
    used = offer(world, world.client("owner"))
    send(phone, used, (document(), "a.pdf"))
    answers = [
        phone.get(address)
        for address in (used, "/phone/x", "/phone/" + "a" * 3000, "/phone/%F0%9F%98%80", "/phone/..%2f..")
    ]

    assert {answer.status_code for answer in answers} == {404}
    steady = re.compile(r'nonce-?="?[\w-]+|name="csrf[^>]*>|value="[^"]*"|"/[^"]*"')
    bodies = {steady.sub("", answer.get_data(as_text=True)) for answer in answers[:3]}
    assert len(bodies) == 1
    assert phone.get("/phone/%00").status_code in (400, 404)
    assert phone.open(used, method="PUT").status_code in (400, 405)


def test_nothing_of_an_upload_is_read_at_a_link_that_leads_nowhere(world: Any) -> None:
    body = io.BytesIO(bytes(2_000_000))
    answer = world.house.visitor().open(
        "/phone/nothing", method="POST", input_stream=body, content_type="multipart/form-data; boundary=x"
    )
    assert (answer.status_code, body.tell()) == (404, 0)


def test_a_phone_whose_owner_is_signed_in_as_somebody_else_uploads_all_the_same(world: Any) -> None:
    phone = world.client("outsider")
    address = offer(world, world.client("owner"))

    answer = send(phone, address, (document(), "a.pdf"))
    assert (answer.status_code, state(world)) == (200, ("archived", "enrolled"))
    noted = world.house.rows(
        "SELECT actor_id FROM audit_entry WHERE act = 'consent.archive' AND thing_id = :k", k=world.forms["signed"][1]
    )
    assert [row[0] for row in noted] == [world.people["owner"]]


def test_only_a_signed_form_is_offered_to_a_phone(world: Any) -> None:
    desk = world.client("owner")
    for name in ("prepared", "printed", "enrolled", "cancelled", "annulled"):
        answer = desk.post(f"/consents/{world.forms[name][1]}/phone")
        assert (name, answer.status_code) == (name, 409)
    assert world.house.value("SELECT count(*) FROM phone_link") == 1  # the world's own


def test_the_assistant_offers_it_on_the_clinicians_behalf(world: Any) -> None:
    phone = world.house.visitor()
    answer = send(phone, offer(world, world.client("assistant")), (document(), "a.pdf"))

    assert answer.status_code == 200
    (noted,) = world.house.rows(
        "SELECT actor_id, on_behalf_of_id FROM audit_entry WHERE act = 'consent.archive' AND thing_id = :k",
        k=world.forms["signed"][1],
    )
    assert tuple(noted) == (world.people["assistant"], world.people["owner"])
