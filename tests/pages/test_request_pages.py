"""The wizard, my requests and the decider's pages: what a browser sends and what it gets, without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lxml import html

from app.pages.base import once_key
from app.words import MandateKind, RequestKind, RequestState
from tests import factories as make

pytestmark = pytest.mark.one_database
LONG = "x" * 10_000


@pytest.fixture
def desk(house: Any) -> dict[str, Any]:
    """A represented hospital and a far one, a newcomer and everybody who decides."""
    with house.system():
        country, network = make.country("GR"), make.network()
        make.area(network, "Rare things")
        home, far = make.hospital("Home clinic", country), make.hospital("Far clinic", country, authorised=False)
        home.email = "withdrawals@people.example"
        centre, other = make.centre(home, network), make.centre(far, network)
        names = ("newcomer", "clinician", "representative", "coordinator")
        people = {name: make.person(name) for name in names}
        make.member(people["clinician"], centre)
        make.mandate(people["representative"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
        make.mandate(people["coordinator"], MandateKind.ERN_COORDINATOR, network=network)
        known = {name: one.id for name, one in people.items()} | {"email": people["clinician"].email}
        keys = {"home": home.public_id, "far": far.public_id, "centre": centre.public_id, "other": other.public_id}
        return known | keys | {"home row": home, "centre row": centre, "people": people}


def seen(page: Any) -> str:
    """What the page's first form that carries a version says."""
    return next(
        one.get("value") for one in html.fromstring(page.data).xpath("//main//*[@name='seen']") if one.get("value")
    )


def errors(page: Any) -> list[str]:
    """The fields with a sentence."""
    return re.findall(r'<p class="error" id="([\w-]+)-error">', page.text)


def flashed(page: Any) -> str:
    return " ".join(re.findall(r'<div class="notice \w+".*?<div>(.*?)</div>', page.text, re.DOTALL))


def begin(client: Any, kind: str) -> str:
    """Begin a request; gives the address of the wizard."""
    answer = client.post("/sign-up/", data={"kind": kind, "once": once_key()})
    assert answer.status_code == 302
    return str(answer.location).partition("?")[0]


def answer(client: Any, address: str, **given: Any) -> Any:
    """Fill in a page of the wizard."""
    return client.post(address, data={"seen": seen(client.get(address)), **given})


WORK = {"job_title": "Consultant", "registration_number": "R 1", "registered_with": "Chamber"}


def test_a_newcomer_is_led_from_home_through_the_wizard_to_the_first_patient(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["newcomer"])
    assert 'href="/sign-up/"' in client.get("/").text
    address = begin(client, "clinician")
    found = client.get(f"{address}?page=hospital&q=home")
    assert ("Home clinic" in found.text, "Far clinic" in found.text) == (True, False)
    chosen = client.post(f"{address}?page=hospital", data={"hospital": desk["home"], "seen": seen(found)})
    assert chosen.location == f"{address}?page=centres"
    assert answer(client, chosen.location, centres=desk["centre"]).location == f"{address}?page=work"
    assert answer(client, f"{address}?page=work", **WORK).location == f"{address}?page=expertise"
    begun = client.get("/sign-up/").text
    assert f"{address}?page=expertise" in begun  # who comes back goes on where they were
    last = answer(client, f"{address}?page=expertise", languages=["en", "el"], orpha_codes="558", areas="Rare things")
    check = client.get(last.location, follow_redirects=True)
    assert all(word in check.text for word in ("Home clinic", "R 1", "Chamber", "558", "Rare things", "English, Greek"))
    key = address.rsplit("/", 1)[1]
    sent = client.post(f"/my-requests/{key}/send", data={"seen": seen(check)}, follow_redirects=True)
    assert "Waits for the hospital" in sent.text
    shown = client.get(f"/my-requests/{key}").text
    assert "The representative of Home clinic confirms first" in shown
    assert "representative Tester" not in shown

    representative = house.client_for(desk["representative"])
    assert "newcomer Tester" in representative.get("/").text
    page = representative.get(f"/requests/{key}")
    assert representative.post(f"/requests/{key}/confirm", data={"seen": seen(page)}).status_code == 302
    coordinator = house.client_for(desk["coordinator"])
    page = coordinator.get(f"/requests/{key}")
    assert coordinator.post(f"/requests/{key}/accept", data={"seen": seen(page)}).status_code == 302
    assert client.get("/patients/enrol").status_code == 200


def test_the_finder_knows_name_city_country_and_network(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["newcomer"])
    address = begin(client, "assistant") + "?page=hospital"

    def found(query: str) -> list[str]:
        return html.fromstring(client.get(f"{address}&{query}").data).xpath("//li//b/bdi/text()")

    assert found("q=HOME") == ["Home clinic"]
    assert found("q=testtown") == ["Far clinic", "Home clinic"]
    assert found("q=greece") == ["Far clinic", "Home clinic"]
    assert found("network=ern-test&q=far") == ["Far clinic"]
    assert found("network=none") == []
    assert found("q=%25") == []
    assert "Not in force" in client.get(f"{address}&q=far").text


@pytest.mark.parametrize(
    ("step", "field", "value"),
    [
        ("work", "registration_number", ""),
        ("work", "registration_number", "---"),
        ("work", "job_title", LONG),
        ("expertise", "orpha_codes", "<script>"),
        ("expertise", "languages", "xx"),
        ("expertise", "languages", ""),
        ("expertise", "areas", "no such area"),
        ("centres", "centres", ""),
        ("centres", "centres", "0" * 32),
        ("centres", "centres", "' OR 1=1"),
    ],
)
def test_bad_input_is_refused_by_its_field(house: Any, desk: dict[str, Any], step: str, field: str, value: str) -> None:
    client = house.client_for(desk["newcomer"])
    address = begin(client, "clinician")
    page = client.get(f"{address}?page=hospital")
    client.post(
        f"{address}?page=hospital",
        data={"hospital": desk["home"], "seen": seen(client.get(f"{address}?page=hospital&q=home"))},
    )
    assert page.status_code == 200
    good = {"work": WORK, "expertise": {"languages": "en"}, "centres": {"centres": desk["centre"]}}[step]
    refused = answer(client, f"{address}?page={step}", **good | {field: value})
    assert (refused.status_code, errors(refused)) == (422, [field])


def test_a_centre_of_another_hospital_is_refused(house: Any, desk: dict[str, Any]) -> None:
    client = house.client_for(desk["newcomer"])
    address = begin(client, "clinician")
    page = client.get(f"{address}?page=hospital&q=home")
    client.post(f"{address}?page=hospital", data={"hospital": desk["home"], "seen": seen(page)})
    refused = answer(client, f"{address}?page=centres", centres=desk["other"])
    assert (refused.status_code, errors(refused)) == (422, ["centres"])
    unknown = client.post(f"{address}?page=hospital", data={"hospital": "0" * 32})
    assert (unknown.status_code, "Choose one of the list." in unknown.text) == (422, True)


@pytest.mark.t_enum
def test_nobody_learns_whether_an_address_is_somebodys(house: Any, desk: dict[str, Any]) -> None:
    pages = []
    for who, email in (("newcomer", desk["email"]), ("other", "nobody.at.all@people.example")):
        with house.system():
            person = desk["newcomer"] if who == "newcomer" else make.person("newcomer").id
        client = house.client_for(person)
        address = begin(client, "guest")
        key = address.rsplit("/", 1)[1]
        answer(client, f"{address}?page=origin", institution="Institute", country_code="FR", job_title="Physician")
        answer(client, f"{address}?page=host", email=email, reason="A second opinion")
        check = client.get(f"/my-requests/{key}")
        client.post(f"/my-requests/{key}/send", data={"seen": seen(check)})
        main = html.fromstring(client.get(f"/my-requests/{key}").data).xpath("//main")[0].text_content()
        pages.append(main.replace(email, "EMAIL"))
    assert "Not confirmed yet" in pages[0]
    assert pages[0] == pages[1]


def test_the_clinician_confirms_on_home_with_one_click(house: Any, desk: dict[str, Any]) -> None:
    with house.system():
        made = make.request(
            desk["people"]["newcomer"],
            RequestKind.ASSISTANT,
            RequestState.AT_HOSPITAL,
            [desk["email"]],
            hospital=desk["home row"],
        )
        key, asked = made.public_id, made.confirmations[0].public_id
    client = house.client_for(desk["clinician"])
    assert f"/requests/{key}" in client.get("/").text
    page = client.get(f"/requests/{key}")
    assert "Confirm, for all my records" in page.text
    assert "Confirm for the hospital" not in page.text
    sent = client.post(f"/request-confirmations/{asked}/give", data={"seen": "1", "scope": "all"})
    assert sent.status_code == 302
    assert house.value("SELECT scope FROM request_confirmation") == "all"
    again = client.post(f"/request-confirmations/{asked}/give", data={"seen": "2", "scope": "all"})
    assert again.status_code == 409


def test_thirty_requests_in_order_are_accepted_in_three_clicks_and_the_others_are_left_out(
    house: Any, desk: dict[str, Any]
) -> None:
    with house.system():
        for number in range(5):
            email = f"p{number}@{'elsewhere' if number == 4 else 'people'}.example"
            make.request(
                make.person(f"Applicant{number}", email=email, username=email),
                RequestKind.CLINICIAN,
                RequestState.AT_NETWORK,
                hospital=desk["home row"],
                centre=desk["centre row"],
                confirmed_by="R",
            )
    client = house.client_for(desk["coordinator"])
    page = html.fromstring(client.get("/requests/?waits=me&sort=oldest").data)
    picked = page.xpath("//input[@name='request']/@value")
    assert (len(picked), len(page.xpath("//tbody/tr"))) == (4, 5)
    (fifth,) = [row[0] for row in house.rows("SELECT public_id FROM membership_request ORDER BY id DESC LIMIT 1")]
    answered = client.post("/requests/accept", data={"request": [*picked, f"{fifth}.1", f"{'0' * 32}.1", "junk"]})
    assert "4 requests are accepted." in answered.text
    assert "The e-mail address is not one of the hospital." in answered.text
    assert house.value("SELECT count(*) FROM membership WHERE may_enrol") == 5
    other = house.client_for(desk["representative"])
    nothing = other.post("/requests/accept", data={"request": [f"{fifth}.1"]})
    assert "accepted." not in nothing.text
    assert house.value("SELECT count(*) FROM membership") == 5


def test_after_a_decision_the_next_one_is_on_the_screen(house: Any, desk: dict[str, Any]) -> None:
    with house.system():
        keys = [
            make.request(
                make.person(f"Applicant{number}"),
                RequestKind.CLINICIAN,
                RequestState.AT_HOSPITAL,
                hospital=desk["home row"],
                centre=desk["centre row"],
            ).public_id
            for number in range(2)
        ]
    client = house.client_for(desk["representative"])
    onwards = client.post(f"/requests/{keys[0]}/confirm", data={"seen": "1"})
    assert onwards.location == f"/requests/{keys[1]}"
    assert "1 more waits for you." in client.get(onwards.location).text
    assert client.post(f"/requests/{keys[1]}/confirm", data={"seen": "1"}).location == "/requests/"
    late = client.post(f"/requests/{keys[1]}/confirm", data={"seen": "1"})
    assert late.status_code == 409


def test_a_question_is_answered_on_ones_own_page(house: Any, desk: dict[str, Any]) -> None:
    with house.system():
        key = make.request(
            desk["people"]["newcomer"],
            RequestKind.CLINICIAN,
            RequestState.AT_HOSPITAL,
            hospital=desk["home row"],
            centre=desk["centre row"],
        ).public_id
    representative, client = house.client_for(desk["representative"]), house.client_for(desk["newcomer"])
    assert answer(representative, f"/requests/{key}/ask", question=" ").status_code == 422
    assert answer(representative, f"/requests/{key}/ask", question="<b>Since when?</b>").status_code == 302
    page = client.get(f"/my-requests/{key}")
    assert "&lt;b&gt;Since when?&lt;/b&gt;" in page.text
    assert client.post(f"/my-requests/{key}/answer", data={"seen": seen(page), "text": ""}).status_code == 422
    assert client.post(f"/my-requests/{key}/answer", data={"seen": seen(page), "text": "Since May"}).status_code == 302
    assert "Since May" in representative.get(f"/requests/{key}").text


def test_a_request_of_another_is_not_found(house: Any, desk: dict[str, Any]) -> None:
    with house.system():
        key = make.request(make.person("somebody"), RequestKind.CLINICIAN, RequestState.DRAFT).public_id
    for who in ("newcomer", "representative", "coordinator"):
        client = house.client_for(desk[who])
        for address in (f"/my-requests/{key}", f"/sign-up/{key}", f"/sign-up/{key}?page=hospital"):
            assert client.get(address).status_code == 404
