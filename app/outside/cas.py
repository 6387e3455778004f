"""EU Login by the CAS protocol, or any CAS server, as plain data: where to send a browser, and whose ticket it brings back.

The protocol is python-cas'; what is believed is decided here. A ticket is shown to the CAS server together with the address
of ours it was made for, which holds the trip's state: a ticket for another service, another browser or a second time is
refused there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

from cas import CASClientV3
from lxml import etree
from requests import HTTPError

from app.outside.providers import ANSWER_SECONDS, LONGEST_SUBJECT, Arrival, Provider, Trip, Untrue, talking, words_of

NAME = "cas"
TICKET = re.compile(r"ST-[\x21-\x7e]{1,512}")
"""What a service ticket looks like. A proxy's (PT-) is none: nobody comes here on behalf of somebody."""
LONGEST_ANSWER = 100_000
EMAIL, FIRST_NAME, LAST_NAME = ("email", "mail"), ("firstName", "givenName"), ("lastName", "sn", "familyName")
"""What CAS servers call it: EU Login first."""
ASKED = {"authenticationLevel": "authenticationLevel", "strengths": "acceptStrengths"}
"""How EU Login is asked for what its answers call so."""


class Cas(Provider):
    """The CAS server.

    Args:
        address: of the server, as https://ecas.ec.europa.eu/cas; accounts are bound under it.
        validation: the path below it where tickets are checked.
        factors: what counts as two factors: pairs of an attribute of the answer and its value.
        emails_verified: whether the server vouches that an address is the person's.
    """

    def __init__(
        self, address: str, validation: str, factors: Sequence[tuple[str, str]], *, emails_verified: bool
    ) -> None:
        super().__init__(address.rstrip("/"))
        self.validation, self.factors, self.emails_verified = validation, factors, emails_verified

    def address(self, trip: Trip, back: str) -> str:
        """Where to send a browser that is to come to ``back``: whoever sits there is asked anew, for two factors."""
        return str(self._client(trip, back).get_login_url())

    def arrival(self, trip: Trip, back: str, ticket: str) -> Arrival:
        """Who came back to ``back`` with a ticket; the server must just have asked them who they are.

        Raises:
            Unreachable: the server is down at this moment.
            Untrue: the ticket is not good, or not for us, or the answer is none.
        """
        if not TICKET.fullmatch(ticket):
            raise Untrue("ticket")
        client = self._client(trip, back)
        with talking():
            return self._arrived(_answer(client.get_verification_response(ticket)))

    def leaving(self) -> str | None:
        """Where one leaves the server itself."""
        return f"{self.issuer}/logout"

    def _client(self, trip: Trip, back: str) -> CASClientV3:
        asked: dict[str, list[str]] = defaultdict(list)
        for attribute, value in self.factors:
            if attribute in ASKED:
                asked[ASKED[attribute]].append(value)
        wanted = {name: ",".join(values) for name, values in asked.items()}
        client = _Client(
            server_url=f"{self.issuer}/", service_url=service(back, trip), extra_login_params=wanted, renew=True
        )
        client.url_suffix = self.validation
        return client

    def _arrived(self, said: Mapping[str, Sequence[str]]) -> Arrival:
        (subject,) = said["user"]
        if not 0 < len(subject) <= LONGEST_SUBJECT:
            raise Untrue("user")
        email = words_of(_first(said, EMAIL), 320) or None
        return Arrival(
            issuer=self.issuer,
            subject=subject,
            email=email,
            email_verified=self.emails_verified and email is not None and email.isascii(),
            first_name=words_of(_first(said, FIRST_NAME), 64),
            last_name=words_of(_first(said, LAST_NAME), 64),
            two_factors=any(value in said.get(attribute, ()) for attribute, value in self.factors),
        )


def service(back: str, trip: Trip) -> str:
    """The address of ours a ticket is made for: of this one trip alone."""
    return f"{back}?state={trip.state}"


class _Client(CASClientV3):  # type: ignore[misc]
    """python-cas, which itself waits for ever, follows whereto it is sent, and takes an answer of any size and status."""

    def get_verification_response(self, ticket: str) -> bytes:
        """What the server says of a ticket."""
        asked = {"ticket": ticket, "service": self.service_url, "userDetails": "true", "ticketTypes": "SERVICE"}
        asked["renew"] = "true"  # no ticket of an older login there is good
        place = urljoin(self.server_url, self.url_suffix)
        with self.session.get(
            place, params=asked, timeout=ANSWER_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            if answer.status_code != HTTPStatus.OK:
                raise HTTPError(response=answer)
            content = b""
            for part in answer.iter_content(10_000):
                content += part
                if len(content) > LONGEST_ANSWER:
                    raise Untrue("length")
        return content


def _answer(content: bytes) -> dict[str, list[str]]:
    """The user and the attributes of a success: each with all its values.

    Attributes stand beside the user (EU Login), below ``attributes`` (CAS 3), or are lists of their own (``strengths``).
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as fault:
        raise Untrue("XML") from fault
    if root.getroottree().docinfo.doctype or _name(root) != "serviceResponse" or len(root) != 1:
        raise Untrue("shape")
    success = root[0]
    if _name(success) != "authenticationSuccess":
        raise Untrue(f"refused {success.get('code', '')[:30]}")
    said: dict[str, list[str]] = defaultdict(list)
    for one in success:
        for leaf in one if len(one) else (one,):
            said[_name(leaf if _name(one) == "attributes" else one)].append("".join(leaf.itertext()).strip())
    if any(said.get("proxies", ())) or any(kind != "SERVICE" for kind in said.get("ticketType", ())):
        raise Untrue("proxy")
    return said


def _name(element: Any) -> str:
    return str(etree.QName(element).localname)


def _first(said: Mapping[str, Sequence[str]], names: Sequence[str]) -> str | None:
    return next((said[name][0] for name in names if said.get(name)), None)
