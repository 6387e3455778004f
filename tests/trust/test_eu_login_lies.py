"""T-SESSION: what a provider says is believed only as far as it is signed for us, now, in answer to our own question."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from app.outside import eu_login
from app.outside.eu_login import two_factors
from tests.houses import House, furnish
from tests.moments import at_once
from tests.providers import CLIENT, Liar, asked, free_port, inside, liar

pytestmark = [pytest.mark.t_session, pytest.mark.parametrize("dialect", ["sqlite"])]
MINUTE = 60


@pytest.fixture(scope="module")
def lying() -> Iterator[Liar]:
    with liar() as made:
        yield made


@pytest.fixture(scope="module")
def _lied_to(lying: Liar, shared: Any, worker: str, printer: Any) -> Iterator[House]:
    told = {"EU_LOGIN_ISSUER": lying.issuer, **CLIENT, "EU_LOGIN_TWO_FACTORS": "acr:two", "PASSWORD_LOGIN": "no"}
    made = furnish("sqlite", shared, f"lie-{worker}", printer, **told)
    yield made
    made.close()


@pytest.fixture
def lied_to(_lied_to: House, lying: Liar) -> House:
    """A house that knows nothing yet of what the liar says."""
    lying.forget()
    _lied_to.reset()
    _forget(_lied_to)
    return _lied_to


def _forget(house: House) -> None:
    house.app.extensions.pop("eu_login", None)
    house.app.extensions["appbuilder"].sm.oauth_remotes[eu_login.NAME].server_metadata.clear()


def come_back(house: House, lying: Liar, **claims: Any) -> tuple[Any, Any]:
    """Set out and come back with a token of these claims. Gives the browser and our answer."""
    visitor = house.visitor()
    words = asked(visitor.get("/login/eu/").location)
    lying.claims = {"nonce": words["nonce"], **claims}
    return visitor, visitor.get(f"/login/eu/back?code=a-code&state={words['state']}")


def nobody_is_in(house: House, visitor: Any) -> bool:
    return not inside(visitor) and house.value("SELECT count(*) FROM ab_user") == 0


def test_a_true_token_is_believed(lied_to: House, lying: Liar, dialect: str) -> None:
    visitor, answer = come_back(lied_to, lying)
    assert (answer.status_code, inside(visitor)) == (302, True)


FALSE = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "two audiences, nobody of them authorised": {"aud": [CLIENT["EU_LOGIN_CLIENT_ID"], "somebody-else"]},
    "two audiences, the other one authorised": {
        "aud": [CLIENT["EU_LOGIN_CLIENT_ID"], "somebody-else"],
        "azp": "somebody-else",
    },
    "another nonce": {"nonce": "x" * 43},
    "an empty nonce": {"nonce": ""},
    "no nonce": {"nonce": None},
    "no nonce, none supported": {"nonce": None, "nonce_supported": False},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a subject that is a list": {"sub": ["a", "b"]},
    "a long subject": {"sub": "x" * 256},
    "no end": {"exp": None},
    "an end that is a word": {"exp": "tomorrow"},
    "over for two minutes": {"exp": int(time.time()) - 2 * MINUTE},
    "over for years": {"exp": 1},
    "from tomorrow": {"iat": int(time.time()) + 86400, "exp": int(time.time()) + 86500},
    "not before tomorrow": {"nbf": int(time.time()) + 86400},
    "no beginning": {"iat": None},
    "nobody asked since yesterday": {"auth_time": int(time.time()) - 86400},
    "no word on when somebody was asked": {"auth_time": None},
    "somebody asked at a moment that is a word": {"auth_time": "now"},
}


@pytest.mark.parametrize("kind", FALSE)
def test_a_false_claim_lets_nobody_in(lied_to: House, lying: Liar, dialect: str, kind: str) -> None:
    visitor, answer = come_back(lied_to, lying, **FALSE[kind])
    assert (answer.status_code, nobody_is_in(lied_to, visitor)) == (502, True)
    assert "could not be checked" in answer.text
    assert [tuple(row) for row in lied_to.rows("SELECT act, outcome FROM audit_entry")] == [("login.start", "refused")]


@pytest.mark.parametrize("how", ["by_another_key", "by_the_shared_secret", "by_the_public_key", "by_nobody"])
def test_a_token_signed_by_somebody_else_lets_nobody_in(lied_to: House, lying: Liar, dialect: str, how: str) -> None:
    lying.sign = getattr(lying, how)
    visitor, answer = come_back(lied_to, lying)
    assert (answer.status_code, nobody_is_in(lied_to, visitor)) == (502, True)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "eyJhbGciOiJSUzI1NiJ9.e30.", "\u0000"])
def test_a_token_that_is_none_lets_nobody_in(lied_to: House, lying: Liar, dialect: str, token: str) -> None:
    lying.sign = lambda _claims: token
    visitor, answer = come_back(lied_to, lying)
    assert (answer.status_code, nobody_is_in(lied_to, visitor)) == (502, True)


@pytest.mark.parametrize(("seconds", "believed"), [(45, True), (-45, True), (120, False), (-420, False)])
def test_two_clocks_may_differ_a_little(
    lied_to: House, lying: Liar, dialect: str, seconds: int, *, believed: bool
) -> None:
    moment = int(time.time())
    ends = {"iat": moment + seconds, "exp": moment + seconds + 300} if seconds > 0 else {"exp": moment + seconds}
    visitor, _answer = come_back(lied_to, lying, **ends)
    assert inside(visitor) is believed


def test_a_new_key_of_the_provider_is_fetched(lied_to: House, lying: Liar, dialect: str) -> None:
    come_back(lied_to, lying)
    from joserfc.jwk import RSAKey

    old, lying.key = lying.key, RSAKey.generate_key(2048, {"kid": "the liar's next"})
    try:
        visitor, _answer = come_back(lied_to, lying)
        assert inside(visitor)
    finally:
        lying.key = old


@pytest.mark.parametrize("said", [{"email_verified": "true"}, {"email_verified": 1}, {"email": 7}, {"email": None}])
def test_an_address_counts_only_if_it_is_said_to_be_verified(
    lied_to: House, lying: Liar, dialect: str, said: dict[str, Any]
) -> None:
    visitor, _answer = come_back(lied_to, lying, **said)
    assert inside(visitor)
    assert lied_to.value("SELECT email FROM ab_user").endswith("@no-mail.invalid")


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ({"given_name": "A" * 300, "family_name": "\u202egnip\u0000"}, ("A" * 64, "gnip")),
        ({"given_name": None, "family_name": None}, ("liar", "")),
        ({"given_name": ["a"], "family_name": 7, "email": None}, ("N. N.", "")),
        ({"given_name": "<script>", "family_name": "{{ 7 * 7 }}"}, ("<script>", "{{ 7 * 7 }}")),
    ],
)
def test_names_are_taken_as_words(
    lied_to: House, lying: Liar, dialect: str, said: dict[str, Any], stored: tuple[str, str]
) -> None:
    visitor, _answer = come_back(lied_to, lying, **said)
    (row,) = lied_to.rows("SELECT first_name, last_name FROM ab_user")
    assert tuple(row) == stored
    shown = re.search("<bdi>(.*?)</bdi>", visitor.get("/").text)[1]
    assert shown == str(escape(f"{stored[0]} {stored[1]}"))


@pytest.mark.parametrize(
    ("claims", "two"),
    [
        ({"acr": "two"}, True),
        ({"acr": "one"}, False),
        ({"acr": ["two"]}, False),
        ({"amr": ["pwd", "otp"]}, True),
        ({"amr": ["pwd"]}, False),
        ({"amr": "pwd+otp"}, False),
        ({"amr": ["hwk"]}, True),
        ({"amr": [["hwk"], {}, 7]}, False),
        ({}, False),
    ],
)
def test_what_counts_as_two_factors_is_what_the_settings_say(
    dialect: str, claims: dict[str, Any], *, two: bool
) -> None:
    assert two_factors(claims, [("acr", "two"), ("amr", "pwd+otp"), ("amr", "hwk")]) is two


# --- a provider that is ill -------------------------------------------------------------------------------------------

ILL = {
    "broken": (500, b"{}"),
    "a page": (200, b"<html>maintenance</html>"),
    "nothing": (200, b""),
    "a list": (200, b"[]"),
    "a line that breaks": (0, b""),
    "an error": (400, b'{"error": "invalid_grant"}'),
    "another shape": (200, b'{"id_token": {"a": 1}}'),
}


@pytest.mark.parametrize("kind", ILL)
def test_a_provider_that_is_ill_at_discovery_is_a_sentence(
    lied_to: House, lying: Liar, dialect: str, kind: str
) -> None:
    lying.answers["/.well-known/openid-configuration"] = ILL[kind]
    visitor = lied_to.visitor()
    answer = visitor.get("/login/eu/")
    assert answer.status_code in (502, 503)
    assert re.search("Wait a few minutes|could not be checked", answer.text)
    lying.forget()
    _forget(lied_to)  # as after a few seconds
    assert inside(come_back(lied_to, lying)[0])


@pytest.mark.parametrize("place", ["/token", "/jwks"])
@pytest.mark.parametrize("kind", ILL)
def test_a_provider_that_falls_ill_in_the_middle_is_a_sentence(
    lied_to: House, lying: Liar, dialect: str, kind: str, place: str
) -> None:
    lying.answers[place] = ILL[kind]
    visitor, answer = come_back(lied_to, lying)
    assert answer.status_code in (502, 503)
    assert re.search("Wait a few minutes|could not be checked", answer.text)
    assert nobody_is_in(lied_to, visitor)
    silent = kind == "a line that breaks"
    assert lied_to.visitor().get("/login/eu/").status_code == (503 if silent else 302)  # nobody waits for it meanwhile


@pytest.mark.parametrize("code", ["", "a b", "x" * 513, "\u00e4", "\r\nX-Evil: yes"])
def test_what_cannot_be_a_code_is_not_handed_on(lied_to: House, lying: Liar, dialect: str, code: str) -> None:
    visitor = lied_to.visitor()
    words = asked(visitor.get("/login/eu/").location)
    lying.claims = {"nonce": words["nonce"]}
    answer = visitor.get("/login/eu/back", query_string={"code": code, "state": words["state"]})
    assert (answer.status_code, nobody_is_in(lied_to, visitor)) == (502, True)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_what_one_visitor_brings_upon_the_provider_keeps_nobody_else_out(
    lied_to: House, lying: Liar, dialect: str, status: int
) -> None:
    """A firewall before the provider refuses an odd code with a page of its own, again and again."""
    innocent = lied_to.visitor()
    words = asked(innocent.get("/login/eu/").location)
    lying.answers["/token"] = (status, b"<html>blocked</html>")
    for _ in range(3):
        assert come_back(lied_to, lying)[1].status_code in (502, 503)
    lying.forget()
    lying.claims = {"nonce": words["nonce"]}
    assert innocent.get(f"/login/eu/back?code=a-code&state={words['state']}").status_code == 302
    assert inside(innocent)


def test_a_provider_that_is_down_costs_nobody_the_way_back(lied_to: House, lying: Liar, dialect: str) -> None:
    innocent = lied_to.visitor()
    words = asked(innocent.get("/login/eu/").location)
    back = f"/login/eu/back?code=a-code&state={words['state']}"
    _forget(lied_to)
    lying.answers["/.well-known/openid-configuration"] = (0, b"")
    assert innocent.get(back).status_code == 503
    lying.forget()
    _forget(lied_to)  # as after a few seconds
    lying.claims = {"nonce": words["nonce"]}
    assert innocent.get(back).status_code == 302


def test_while_one_waits_for_the_provider_s_discovery_nobody_else_waits_long(
    lied_to: House, lying: Liar, dialect: str
) -> None:
    come_back(lied_to, lying)
    with lied_to.app.extensions["eu_login"]._discovering:
        begun = time.monotonic()
        away, login = lied_to.visitor().get("/login/eu/"), lied_to.visitor().get("/login/?left=x")
        assert time.monotonic() - begun < 2
    assert (away.status_code, away.headers["Refresh"], login.status_code) == (503, "2", 200)


def test_two_factors_are_what_the_id_token_says_and_not_what_is_known_of_the_person(
    lied_to: House, lying: Liar, dialect: str
) -> None:
    lying.metadata = {"userinfo_endpoint": lying.issuer + "/userinfo"}
    known = {"sub": "subject-of-the-liar", "acr": "two", "email": "lia@elsewhere.example", "email_verified": True}
    lying.answers["/userinfo"] = (200, json.dumps(known).encode())
    visitor, answer = come_back(lied_to, lying, acr=None, email=None)
    assert (answer.status_code, nobody_is_in(lied_to, visitor)) == (403, True)
    visitor, answer = come_back(lied_to, lying, email=None)
    assert (answer.status_code, lied_to.value("SELECT email FROM ab_user")) == (302, "lia@elsewhere.example")


LYING = {
    "another issuer": {"issuer": "https://evil.example"},
    "no issuer": {"issuer": None},
    "an issuer with a slash more": {},
    "a token address without a lock": {"token_endpoint": "http://evil.example/token"},
    "a place of people without a lock": {"userinfo_endpoint": "http://evil.example/userinfo"},
    "keys of somebody else, without a lock": {"jwks_uri": "http://evil.example/jwks"},
    "a place that is a script": {"authorization_endpoint": "javascript:alert(1)"},
    "no place": {"authorization_endpoint": None},
}


@pytest.mark.parametrize("kind", LYING)
def test_a_discovery_that_is_not_the_issuers_sends_nobody_anywhere(
    lied_to: House, lying: Liar, dialect: str, kind: str
) -> None:
    lying.metadata = LYING[kind] or {"issuer": lying.issuer + "/"}
    answer = lied_to.visitor().get("/login/eu/")
    assert (answer.status_code, answer.location) == (502, None)


def test_keys_of_a_refused_discovery_are_not_kept(lied_to: House, lying: Liar, dialect: str) -> None:
    from joserfc.jwk import RSAKey

    planted = RSAKey.generate_key(2048, {"kid": lying.key.kid})
    lying.metadata = {"issuer": "https://evil.example", "jwks": {"keys": [planted.as_dict(private=False)]}}
    lied_to.visitor().get("/login/eu/")
    lying.forget()
    lied_to.app.extensions.pop("eu_login")  # a process that has waited long enough
    assert inside(come_back(lied_to, lying)[0])


def test_a_provider_that_is_down_is_not_asked_again_by_everybody(lied_to: House, lying: Liar, dialect: str) -> None:
    lying.answers["/.well-known/openid-configuration"] = (0, b"")
    visitors = [lied_to.visitor() for _ in range(8)]
    lied_to.visitor().get("/login/eu/")
    lying.forget()  # it is up again, and nobody looks yet
    assert at_once(lambda one: one.get("/login/eu/").status_code, visitors) == [503] * 8
    assert lied_to.visitor().get("/login/").status_code == 200


def test_a_provider_nobody_answers_for_is_a_sentence(
    lied_to: House, lying: Liar, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = lied_to.app.extensions["appbuilder"].sm.oauth_remotes[eu_login.NAME]
    nowhere = f"http://127.0.0.1:{free_port()}/.well-known/openid-configuration"
    monkeypatch.setattr(client, "_server_metadata_url", nowhere)
    answer = lied_to.visitor().get("/login/eu/")
    assert (answer.status_code, "Wait a few minutes" in answer.text) == (503, True)


# --- without passwords ------------------------------------------------------------------------------------------------


def test_where_no_passwords_are_used_none_is_asked_for_or_taken(lied_to: House, lying: Liar, dialect: str) -> None:
    visitor = lied_to.visitor()
    page = visitor.get("/login/").text
    assert ("Sign in with EU Login" in page, 'name="password"' in page) == (True, False)
    answer = visitor.post("/login/", data={"name": "a", "password": "b"})
    assert (answer.status_code, inside(visitor)) == (200, False)
    assert lied_to.value("SELECT count(*) FROM audit_entry") == 0
    assert visitor.get("/link/anything").status_code == 404


def test_what_the_operator_reads_names_nobody(
    lied_to: House, lying: Liar, dialect: str, caplog: pytest.LogCaptureFixture
) -> None:
    come_back(lied_to, lying, aud="somebody-else")
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "EU Login's answer is not believed: invalid_claim aud" in said
    for word in ("liar@", "Lia", "subject-of", json.dumps(lying.claims["nonce"])[1:-1], "a-code"):
        assert word not in said
