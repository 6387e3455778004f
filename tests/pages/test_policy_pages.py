"""First login: nothing opens before the privacy policy is accepted; it can be read by anybody and withdrawn."""

from __future__ import annotations

import re

from app.models import db
from tests import factories as make
from tests.screens import Screen
from tests.world import World


def test_before_it_is_accepted_everything_leads_to_the_policy_and_back(world: World) -> None:
    client = world.client("unaccepted")
    answer = client.get("/patients/?q=x")
    assert (answer.status_code, answer.location) == (302, "/policy/?next=/patients/?q%3Dx")
    assert client.post("/my-mail/", data={}).status_code == 403
    page = client.get(answer.location).text
    assert "I have read it and I agree" in page
    assert "Policy of tests" in page
    assert '<a href="/patients/"' not in page  # no menu
    assert "/my-logins/" not in page
    sent = dict(re.findall(r'<input type="hidden" name="(number|language|next)" value="([^"]*)"', page))
    assert sent == {"number": "1", "language": "en", "next": "/patients/?q=x"}
    answer = client.post("/policy/accept", data=sent)
    assert (answer.status_code, answer.location) == (302, "/patients/?q=x")
    assert client.get("/patients/").status_code == 200
    assert "I have read it" not in client.get("/policy/").text


def test_only_the_version_that_was_read_is_accepted(world: World) -> None:
    client = world.client("unaccepted")
    for number in ("0", "2", "x", "", "9" * 10_000):
        answer = client.post("/policy/accept", data={"number": number, "language": "en"})
        assert (answer.status_code, "I have read it and I agree" in answer.text) == (409, True)
    assert client.get("/").status_code == 302


def test_a_language_is_chosen_and_one_may_sign_out_before_accepting(world: World) -> None:
    client = world.client("unaccepted")
    assert 'lang="de">' in client.get("/policy/?language=de").text
    assert "Regeln" in client.get("/policy/?language=de").text
    page = client.get("/policy/?language=fi").text
    assert "you read it in English" in page
    assert client.post("/language/", data={"language": "de", "next": "/policy/"}).status_code == 302
    assert "Regeln" in client.get("/policy/").text
    assert client.post("/logout/").status_code == 302
    assert client.get("/").location.startswith("/login/")


def test_anybody_reads_it_without_signing_in(world: World) -> None:
    visitor = world.client("anonymous")
    page = visitor.get("/policy/")
    assert (page.status_code, "Policy of tests" in page.text, "I have read it" in page.text) == (200, True, False)
    assert visitor.get("/policy/?version=7").status_code == 404
    assert visitor.get("/policy/?version=x").status_code == 404
    assert visitor.post("/policy/accept", data={"number": "1"}).location.startswith("/login/")
    assert 'href="/policy/"' in visitor.get("/login/").text


def test_a_new_version_asks_in_an_open_login(world: World) -> None:
    client = world.client("owner")
    assert client.get("/").status_code == 200
    with world.house.system():
        make.policy_version(2)
        db.session.commit()
    assert client.get("/").location == "/policy/?next=/"
    assert client.get(f"/consents/{world.forms['signed'][1]}").status_code == 302


def test_who_does_not_want_the_new_version_takes_the_old_one_back(world: World) -> None:
    client = world.client("owner")
    with world.house.system():
        make.policy_version(2)
        db.session.commit()
    page = client.get("/policy/").text
    assert 'href="/my-policy/"' in page
    assert "I have read it and I agree" in page
    old = client.get("/policy/?version=1").text
    assert "I have read it and I agree" not in old  # it could only be refused
    answer = client.post("/policy/accept", data={"number": "1", "language": "en"})
    assert (answer.status_code, 'href="/policy/?version=1"' in answer.text) == (409, True)
    assert "Withdraw and close my account" in client.get("/my-policy/").text
    assert client.get("/my-logins/").status_code == 302  # nothing else opens
    sent = Screen(client.post("/settings/profile"))
    assert (sent.status, sent.heading) == (403, "One step comes first")
    answer = client.post("/my-policy/withdraw")
    assert (answer.status_code, answer.location) == (302, "/login/")
    assert client.get("/").location.startswith("/login/")
    assert 'href="/my-policy/"' not in world.client("unaccepted").get("/policy/").text


def test_withdrawing_closes_the_account(world: World) -> None:
    client = world.client("owner")
    page = client.get("/my-policy/").text
    assert "Version 1" in page
    assert "records hang on your account at Thessaloniki" in page
    assert "representative Tester" in page
    answer = client.post("/my-policy/withdraw")
    assert (answer.status_code, answer.location) == (302, "/login/")
    assert client.get("/").location.startswith("/login/")
    assert "owner Tester" not in client.get("/login/").text


def test_the_operator_lists_who_accepted_and_publishes(world: World) -> None:
    client = world.client("admin")
    page = client.get("/policy-acceptances/?q=owner").text
    assert "owner Tester" in page
    assert "colleague Tester" not in page
    assert world.client("owner").get("/policy-acceptances/").status_code == 403
    assert client.get("/policies/").status_code == 200
    assert client.get("/policies/publish").status_code == 302  # edition 1 is published already
