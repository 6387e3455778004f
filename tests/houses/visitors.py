"""Browsers that visit a house, and the rows of their logins."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse

import config
from app.models import Login
from tests.houses.settings import SECRET, SITE


class Visitor(FlaskClient):
    """A browser: sends what browsers send, and the token of a form where it may."""

    csrf: str = ""

    def open(self, *args: Any, **given: Any) -> TestResponse:
        """Any request, from a page of ours."""
        headers = {"Referer": f"{SITE}/", **given.pop("headers", {})}
        try:
            answer = super().open(*args, base_url=given.pop("base_url", SITE), headers=headers, **given)
            answer.get_data()  # to the end, as a browser reads it: a stream holds its session until then
        except Exception as fault:  # noqa: BLE001  a web server would answer so
            sent = EnvironBuilder(base_url=SITE).get_request()
            return TestResponse([repr(fault).encode()], "500 broken", Headers(), sent)
        return answer

    def post(self, *args: Any, **given: Any) -> TestResponse:
        """A form sent with its token (``csrf_token=None`` in the data leaves it out)."""
        data = dict(given.pop("data", None) or {})
        data.setdefault("csrf_token", self._token())
        sent = {name: value for name, value in data.items() if value is not None}
        return super().post(*args, data=sent, **given)

    def _token(self) -> str:
        if not self.csrf:
            pages = (self.get(address).get_data(as_text=True) for address in ("/login/", "/password/"))
            found = (re.search(r'name="csrf" content="([^"]+)"', page) for page in pages)
            self.csrf = next((one[1] for one in found if one), "")
        return self.csrf


def form_token(raw: str) -> str:
    """What a form carries for a session that holds ``raw``."""
    key = config.Settings({"SECRET_KEY": SECRET}).key("tokens of forms")
    return str(URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(raw))


RAW = hashlib.sha256(SECRET.encode()).hexdigest()
"""What the sessions of the tests' own logins hold to make form tokens from."""


def login_of(person_id: int, token: str, **given: Any) -> Login:
    """The row of a login."""
    moment = dt.datetime.now(dt.UTC)
    known = {
        "started_at": moment,
        "seen_at": moment,
        "proved_at": moment,
        "two_factors": True,
        "expires_at": moment + dt.timedelta(hours=10),
        "address": "127.0.0.1",
        "browser": "test",
        "contents": {"csrf_token": RAW},
    }
    return Login(token_hash=hashlib.sha256(token.encode()).digest(), person_id=person_id, **known | given)
