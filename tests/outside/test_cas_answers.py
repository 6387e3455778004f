"""What a CAS server says of a ticket: EU Login's own shape, that of the protocol, and what is no answer at all."""

from __future__ import annotations

import pytest

from app.outside.cas import Cas, _answer
from app.outside.providers import Untrue

EU_LOGIN = """<?xml version="1.0" encoding="UTF-8"?>
<cas:serviceResponse xmlns:cas="https://ecas.ec.europa.eu/cas/schemas" server="ECAS" version="4.6">
  <cas:authenticationSuccess>
    <cas:user>n00elsen<!-- a comment -->x</cas:user>
    <cas:firstName>Nora</cas:firstName><cas:lastName>Elsewhere\u202e</cas:lastName>
    <cas:email>nora@elsewhere.example</cas:email>
    <cas:ticketType>SERVICE</cas:ticketType>
    <cas:authenticationLevel>MEDIUM</cas:authenticationLevel>
    <cas:strengths number="2"><cas:strength>PASSWORD</cas:strength><cas:strength>MOBILE_APP</cas:strength></cas:strengths>
    <cas:proxies/>
  </cas:authenticationSuccess>
</cas:serviceResponse>"""


def known(factors: list[tuple[str, str]], *, emails_verified: bool = True) -> Cas:
    return Cas("https://cas.example/cas/", "TicketValidationService", factors, emails_verified=emails_verified)


def test_the_answer_of_eu_login_is_read() -> None:
    arrival = known([("strengths", "MOBILE_APP")])._arrived(_answer(EU_LOGIN.encode()))
    assert (arrival.issuer, arrival.subject) == ("https://cas.example/cas", "n00elsenx")
    assert (arrival.email, arrival.email_verified) == ("nora@elsewhere.example", True)
    assert (arrival.first_name, arrival.last_name, arrival.two_factors) == ("Nora", "Elsewhere", True)


@pytest.mark.parametrize(
    ("factors", "two"),
    [
        ([("authenticationLevel", "MEDIUM")], True),
        ([("authenticationLevel", "HIGH")], False),
        ([("authenticationLevel", "HIGH"), ("strengths", "PASSWORD")], True),
        ([("strength", "MOBILE_APP")], False),
        ([("user", "MEDIUM"), ("nothing", "")], False),
        ([], False),
    ],
)
def test_two_factors_are_what_the_settings_say(factors: list[tuple[str, str]], *, two: bool) -> None:
    assert known(factors)._arrived(_answer(EU_LOGIN.encode())).two_factors is two


def test_an_address_counts_only_where_the_server_vouches_for_it_and_is_ascii() -> None:
    assert not known([], emails_verified=False)._arrived(_answer(EU_LOGIN.encode())).email_verified
    kelvin = EU_LOGIN.replace("nora@", "\u212aelvin@")
    assert not known([])._arrived(_answer(kelvin.encode())).email_verified


FALSE = {
    "nothing": "",
    "a page": "<html>maintenance</html>",
    "no XML": "yes\nnora\n",
    "a refusal": '<s:serviceResponse xmlns:s="u"><s:authenticationFailure code="INVALID_TICKET"/></s:serviceResponse>',
    "both": EU_LOGIN.replace("</cas:serviceResponse>", "<cas:authenticationFailure/></cas:serviceResponse>"),
    "two users": EU_LOGIN.replace("<cas:proxies/>", "<cas:user>admin</cas:user>"),
    "a user among the attributes": EU_LOGIN.replace(
        "<cas:proxies/>", "<cas:attributes><cas:user>admin</cas:user></cas:attributes>"
    ),
    "no user": EU_LOGIN.replace("cas:user>", "cas:uid>"),
    "an empty user": EU_LOGIN.replace("n00elsen<!-- a comment -->x", " "),
    "a long user": EU_LOGIN.replace("n00elsen", "x" * 300),
    "a proxy's ticket": EU_LOGIN.replace("SERVICE<", "PROXY<"),
    "a proxy": EU_LOGIN.replace("<cas:proxies/>", "<cas:proxies><cas:proxy>https://p</cas:proxy></cas:proxies>"),
    "a document type": EU_LOGIN.replace("?>", '?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>', 1),
}


@pytest.mark.parametrize("kind", FALSE)
def test_what_is_no_success_is_not_believed(kind: str) -> None:
    with pytest.raises((Untrue, ValueError, KeyError)):  # outside, the last two become the first
        known([])._arrived(_answer(FALSE[kind].encode()))


def test_a_document_type_in_another_encoding_is_found_too() -> None:
    with pytest.raises(Untrue):
        _answer(FALSE["a document type"].replace("UTF-8", "UTF-16").encode("utf-16"))
