"""Pages of memberships, mandates, grants, accounts and logins: what a browser sends and what it gets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from app.models import Centre, Hospital, Membership, Person, db, today
from app.words import MandateKind
from tests import factories as make
from tests.factories import DAY
from tests.trust.forms import form_of

LONG = "x" * 10_000


@pytest.fixture
def desk(house: Any) -> dict[str, Any]:
    """A hospital with a representative who has a place to fill, and what a foreign one has."""
    with house.system():
        country, network = make.country("GR"), make.network()
        home, far = make.hospital("Home", country), make.hospital("Far", country)
        centre, second, foreign = make.centre(home, network), make.centre(home, network), make.centre(far, network)
        representative, admin = make.person("representative"), make.admin(make.person("admin"))
        make.mandate(representative, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
        clinician, stranger, assistant = (make.person(n) for n in ("clinician", "Secretname", "assistant"))
        membership = make.member(clinician, centre)
        make.member(stranger, foreign)
        held = make.mandate(assistant, MandateKind.ASSISTANT, hospital=home)
        record = make.patient(clinician, home)
        others_record = make.patient(stranger, far)
        return {
            "representative": representative.id,
            "admin": admin.id,
            "clinician": clinician.id,
            "stranger": stranger.id,
            "stranger email": stranger.email,
            "assistant": assistant.id,
            "centre": centre.public_id,
            "second": second.public_id,
            "foreign": foreign.public_id,
            "hospital": home.public_id,
            "membership": membership.public_id,
            "mandate": held.public_id,
            "record": record.public_id,
            "others record": others_record.public_id,
            "clinician key": clinician.public_id,
            "stranger key": stranger.public_id,
            "admin key": admin.public_id,
        }


def member(desk: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "email": "new.person@people.example",
        "first_name": "New",
        "last_name": "Person",
        "centre": desk["centre"],
        "from_on": today().isoformat(),
        "to_on": "",
        "once": "a key of this form",
    } | changes


def errors(page: Any) -> list[str]:
    """The sentences by the fields."""
    return re.findall(r'<p class="error" id="([\w-]+)-error">', page.text)


# --- by e-mail ---------------------------------------------------------------------------------------------------------


@pytest.mark.t_enum
def test_the_answer_is_the_same_whether_an_account_existed_or_not(house: Any, desk: dict[str, Any]) -> None:
    answers = []
    for email, once in (("new.person@people.example", "one"), (desk["stranger email"], "two")):
        client = house.client_for(desk["representative"])
        answer = client.post("/memberships/add", data=member(desk, email=email, once=once))
        where = re.sub(r"[0-9a-f]{32}", "KEY", answer.headers["Location"])
        flashed = re.findall(r'<div class="notice (\w+)".*?<div>(.*?)</div>', client.get("/my-logins/").text, re.DOTALL)
        answers.append((answer.status_code, where, flashed))
    assert answers[0] == answers[1]
    assert answers[0][0] == 302
    assert house.value("SELECT first_name FROM ab_user WHERE id = :id", id=desk["stranger"]) == "Secretname"


def test_a_refused_form_names_nobody(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["representative"])
    answer = client.post("/memberships/add", data=member(desk, email=desk["stranger email"], from_on="2026-02-30"))
    assert (answer.status_code, errors(answer), "Secretname" in answer.text) == (422, ["from_on"], False)


def test_a_double_submit_makes_one_membership(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["representative"])
    places = [client.post("/memberships/add", data=member(desk)).headers["Location"] for _again in range(2)]
    assert places[0] == places[1]
    assert house.value("SELECT count(*) FROM membership") == 3
    assert house.value("SELECT count(*) FROM ab_user WHERE email = 'new.person@people.example'") == 1


# --- bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", LONG),
        ("email", "no address"),
        ("email", ""),
        ("first_name", LONG),
        ("last_name", ""),
        ("job_title", LONG),
        ("from_on", "tomorrow"),
        ("from_on", "2026-02-30"),
        ("from_on", "0001-01-01"),
        ("to_on", "2001-01-01"),
        ("to_on", "9999-12-31"),
        ("centre", ""),
        ("centre", LONG),
        ("centre", "0" * 32),
        ("centre", "' OR 1=1 --"),
    ],
)
def test_bad_input_is_refused_by_its_field_and_stays(house: Any, desk: dict[str, Any], field: str, value: str) -> None:
    client = house.client_for(desk["representative"])
    answer = client.post("/memberships/add", data=member(desk, **{field: value}))
    assert (answer.status_code, errors(answer)) == (422, [field])
    assert house.value("SELECT count(*) FROM membership") == 2
    if field != "last_name":
        assert 'value="Person"' in answer.text


def test_a_foreign_centre_is_not_on_the_list(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["representative"])
    answer = client.post("/memberships/add", data=member(desk, centre=desk["foreign"]))
    assert answer.status_code == 422
    assert "Choose one of the list." in answer.text
    assert "Centre of Far" not in answer.text


@pytest.mark.parametrize("query", ["centre=" + "0" * 32, "centre=", "centre=%00", "centre=" + LONG[:3000]])
def test_a_link_that_names_nothing_opens_an_empty_form(house: Any, desk: dict[str, Any], query: str) -> None:
    answer = house.client_for(desk["representative"]).get(f"/memberships/add?{query}")
    assert (answer.status_code in (200, 400), "checked" in answer.text) == (True, False)


def test_a_link_chooses_the_centre_it_names(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["representative"])
    chosen = re.findall(r'value="(\w{32})"[^>]*checked', client.get(f"/memberships/add?centre={desk['second']}").text)
    foreign = re.findall(r'value="(\w{32})"[^>]*checked', client.get(f"/memberships/add?centre={desk['foreign']}").text)
    assert (chosen, foreign) == ([desk["second"]], [])


@pytest.mark.parametrize("name", ["<b>Anna</b>", "=cmd()", "{{ 7*7 }}a", "Ελένη", "عائشة", "O'Neill"])
def test_every_name_is_kept_and_shown_as_it_is(house: Any, desk: dict[str, Any], name: str) -> None:
    client = house.client_for(desk["representative"])
    where = client.post("/memberships/add", data=member(desk, first_name=name)).headers["Location"]
    page = client.get(where).text
    assert house.value("SELECT first_name FROM ab_user WHERE email = 'new.person@people.example'") == name
    assert ("<b>Anna" in page, "49" in re.findall(r"<h1>(.*?)</h1>", page, re.DOTALL)[0]) == (False, False)


# --- two editors ---------------------------------------------------------------------------------------------------------


def test_of_two_editors_the_second_sees_both_versions(house: Any, desk: dict[str, Any]) -> None:
    first, second = (house.client_for(desk["representative"]) for _browser in range(2))
    url, day = f"/memberships/{desk['membership']}/edit", today()
    seen = re.search(r'name="seen" value="(\d+)"', first.get(url).text)[1]  # type: ignore[index]
    one = {"from_on": day.isoformat(), "to_on": (day + 30 * DAY).isoformat(), "seen": seen}
    other = one | {"to_on": (day + 60 * DAY).isoformat()}

    assert first.post(url, data=one).status_code == 302
    refused = second.post(url, data=other)

    assert refused.status_code == 409
    assert [(day + n * DAY).isoformat() in refused.text for n in (30, 60)] == [True, True]
    again = re.search(r'name="seen" value="(\d+)"', refused.text)[1]  # type: ignore[index]
    assert second.post(url, data=other | {"seen": again}).status_code == 302
    to_on = house.value("SELECT to_on FROM membership WHERE public_id = :key", key=desk["membership"])
    assert str(to_on) == (day + 60 * DAY).isoformat()


# --- ending ------------------------------------------------------------------------------------------------------------


def test_ending_needs_a_reason_and_is_a_post(house: Any, desk: dict[str, Any]) -> None:
    client, url = house.client_for(desk["representative"]), f"/memberships/{desk['membership']}/end"
    assert client.get(url).status_code == 200
    assert house.value("SELECT count(*) FROM membership WHERE ended_at IS NOT NULL") == 0
    shown = form_of(client.get(url).data)
    assert errors(client.post(url, data=shown | {"reason": " ", "last_day": ""})) == ["reason"]
    assert client.post(url, data=shown | {"reason": "Left", "last_day": ""}).status_code == 302
    assert house.value("SELECT end_reason FROM membership WHERE ended_at IS NOT NULL") == "Left"


@pytest.mark.parametrize("who", ["clinician", "assistant", "stranger", "admin"])
def test_nobody_else_ends_or_edits_a_membership(house: Any, desk: dict[str, Any], who: str) -> None:
    client = house.client_for(desk[who])
    leaves = {"clinician", "admin"}  # oneself, and the operator for misuse: they end it, and move no dates
    for verb in ("edit",) if who in leaves else ("end", "edit"):
        url = f"/memberships/{desk['membership']}/{verb}"
        answers = {client.get(url).status_code, client.post(url, data={"reason": "x"}).status_code}
        assert answers <= {403, 404}
    assert house.value("SELECT count(*) FROM membership WHERE ended_at IS NOT NULL") == 0


@pytest.mark.parametrize("who", ["clinician", "admin"])
def test_whoever_leaves_and_the_operator_end_a_membership_and_see_what_hangs_on_it(
    house: Any, desk: dict[str, Any], who: str
) -> None:
    client, url = house.client_for(desk[who]), f"/memberships/{desk['membership']}/end"
    shown = form_of(client.get(url).data)
    assert shown["last_day"] == str(today() + 90 * DAY)
    assert client.post(url, data=shown | {"reason": "Moves"}).status_code == 302
    assert house.value("SELECT leaving_on FROM membership WHERE public_id = :key", key=desk["membership"]) is not None


# --- mandates and grants -------------------------------------------------------------------------------------------------


def test_a_representative_adds_an_assistant_without_being_asked_for_the_only_hospital(
    house: Any, desk: dict[str, Any]
) -> None:
    client = house.client_for(desk["representative"])
    form = client.get("/mandates/assistant").text
    assert ('name="place"' in form, "Home" in form) == (False, True)
    given = {"email": "a@people.example", "first_name": "As", "last_name": "Sistant", "from_on": today().isoformat()}
    assert client.post("/mandates/assistant", data=given).status_code == 302
    assert house.value("SELECT kind FROM mandate ORDER BY id DESC LIMIT 1") == "assistant"


def test_a_clinician_grants_chosen_records_of_their_own(house: Any, desk: dict[str, Any]) -> None:
    clinician, assistant = house.client_for(desk["clinician"]), house.client_for(desk["assistant"])
    given = {
        "scope": "chosen",
        "chosen": desk["record"],
        "assistant": desk["mandate"],
        "from_on": today().isoformat(),
        "once": "one",
    }
    foreign = clinician.post("/my-assistants/add", data=given | {"chosen": desk["others record"]})
    assert (foreign.status_code, errors(foreign)) == (422, ["chosen"])
    assert assistant.get(f"/patients/{desk['record']}").status_code == 404

    where = clinician.post("/my-assistants/add", data=given).headers["Location"]
    assert assistant.get(f"/patients/{desk['record']}").status_code == 200

    key = where.rsplit("/", 1)[-1]
    assert assistant.get("/whom-i-assist/").text.count(key) == 1
    url = f"/whom-i-assist/{key}/give-back"
    shown = form_of(assistant.get(url).data)
    assert assistant.post(url, data=shown | {"reason": "Too much"}).status_code == 302
    assert assistant.get(f"/patients/{desk['record']}").status_code == 404


# --- accounts and logins -------------------------------------------------------------------------------------------------


def test_an_operator_adds_a_person_and_shows_the_link_once(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["admin"])
    with house.everything() as session:
        country = session.execute(select(Hospital).limit(1)).scalar_one().country.public_id
    given = {"email": "op@people.example", "first_name": "O", "last_name": "P", "country": country, "once": "one"}
    where = client.post("/people/add", data=given).headers["Location"]

    page = client.post(f"{where}/link").text
    (link,) = re.findall(r"https://cpms\.test/link/[\w-]+", page)
    assert re.findall(r"/link/[\w-]{20,}", client.get(where).text) == []
    assert house.visitor().get(link.removeprefix("https://cpms.test")).status_code == 200


def test_a_locked_account_is_out_at_once_and_nobody_locks_their_own(house: Any, desk: dict[str, Any]) -> None:
    admin, clinician = house.client_for(desk["admin"]), house.client_for(desk["clinician"])
    assert clinician.get("/patients/").status_code == 200
    assert admin.post(f"/people/{desk['clinician key']}/disable").status_code == 302
    assert clinician.get("/patients/").status_code == 302
    assert admin.post(f"/people/{desk['admin key']}/disable").status_code == 403
    assert admin.get("/people/").status_code == 200


def test_people_are_found_by_address_by_an_operator_only(house: Any, desk: dict[str, Any]) -> None:
    for who, found in (("admin", True), ("representative", False)):
        page = house.client_for(desk[who]).get("/people/?q=clinician.").text
        assert (desk["clinician key"] in page) is found
        assert desk["clinician key"] in house.client_for(desk[who]).get("/people/?q=clinician+T").text


def test_people_outside_ones_mandate_do_not_exist(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["representative"])
    foreign, none = (client.get(f"/people/{key}") for key in (desk["stranger key"], "0" * 32))
    strip = re.compile(r'name="csrf" content="[^"]+"|value="[^"]+"|nonce-\S+|/people/\w+')
    assert (foreign.status_code, none.status_code) == (404, 404)
    assert strip.sub("", foreign.text) == strip.sub("", none.text)
    assert "Secretname" not in client.get("/people/").text


def test_one_ends_another_login_of_ones_own_and_no_one_elses(house: Any, desk: dict[str, Any]) -> None:
    here, there = (house.client_for(desk["clinician"]) for _browser in range(2))
    other = house.client_for(desk["assistant"])
    keys = [key for key, _id in house.rows("SELECT public_id, id FROM login ORDER BY id")]
    assert here.get("/my-logins/").text.count("This one") == 1
    assert here.post(f"/my-logins/{keys[2]}/end").status_code == 404
    assert here.post(f"/my-logins/{keys[1]}/end").status_code == 302
    codes = [client.get("/my-logins/").status_code for client in (here, there, other)]
    assert codes == [200, 302, 200]


# --- many rows -----------------------------------------------------------------------------------------------------------


def test_a_list_of_many_asks_six_statements_at_most(house: Any, desk: dict[str, Any]) -> None:
    with house.system():
        centre = db.session.scalars(select(Centre).where(Centre.public_id == desk["centre"])).one()
        db.session.add_all(
            Membership(
                person=Person(
                    first_name=f"P{n}", last_name="Q", username=f"u{n}", email=f"u{n}@x.example", active=True
                ),
                centre=centre,
            )
            for n in range(40)
        )
        db.session.commit()
    client = house.client_for(desk["representative"])
    for url in ("/memberships/", "/mandates/", "/people/", "/hospitals/?country=GR", "/networks/", "/memberships/?q=P"):
        client.get(url)
        asked: list[str] = []

        def keep(_connection: Any, _cursor: Any, sql: str, *_rest: Any, kept: list[str] = asked) -> None:
            kept.append(sql)

        event.listen(Engine, "before_cursor_execute", keep)
        answer = client.get(url)
        event.remove(Engine, "before_cursor_execute", keep)
        assert (answer.status_code, len([sql for sql in asked if sql.startswith("SELECT")]) <= 6) == (200, True), url


def test_pages_of_a_list_neither_skip_nor_repeat(house: Any, desk: dict[str, Any]) -> None:
    with house.system():
        centre = db.session.scalars(select(Centre).where(Centre.public_id == desk["centre"])).one()
        for n in range(60):
            make.member(make.person(f"P{n}", last_name=f"Q{n % 7}"), centre)
    client = house.client_for(desk["representative"])
    for url, total in (("/memberships/", 61), ("/people/", 63)):
        seen: list[str] = []
        page, steps = client.get(url).text, 0
        while True:
            seen += re.findall(rf'class="opens" href="{url}(\w+)"', page)
            older = re.search(r'rel="next" href="([^"]+)"', page)
            if older is None:
                break
            page, steps = client.get(older[1].replace("&amp;", "&")).text, steps + 1
        assert (len(seen), len(set(seen)), steps) == (total, total, 2)
        back = re.search(r'rel="prev" href="([^"]+)"', page)
        assert back is not None
        previous = client.get(back[1].replace("&amp;", "&")).text
        assert re.findall(rf'class="opens" href="{url}(\w+)"', previous) == seen[25:50]
