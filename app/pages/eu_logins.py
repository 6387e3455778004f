"""Signing in through EU Login by OpenID Connect. What comes back is believed or not in ``outside/eu_login``."""

from __future__ import annotations

from flask import current_app, request

from app.outside.eu_login import NAME, EuLogin
from app.outside.providers import Arrival, Untrue
from app.pages.arrivals import ArrivalPage
from app.services.trips import Back


class EuLoginPage(ArrivalPage):
    """The way to EU Login and back."""

    route_base = "/login/eu"
    by = NAME

    @classmethod
    def provider(cls) -> EuLogin | None:
        """EU Login, where the settings name it."""
        found: EuLogin | None = current_app.extensions.get("eu_login")
        if found is None and current_app.config["OAUTH_PROVIDERS"]:
            settings = current_app.config["SETTINGS"]
            client = current_app.extensions["appbuilder"].sm.oauth_remotes[NAME]
            made = EuLogin(client, settings["EU_LOGIN_ISSUER"], settings["EU_LOGIN_TWO_FACTORS"])
            found = current_app.extensions.setdefault("eu_login", made)
        return found

    def proof(self, came: Back) -> Arrival | None:
        """Who the code stands for."""
        there = self.provider()
        if there is None or "error" in request.args or "code" not in request.args:
            return None
        if request.args.get("iss", there.issuer) != there.issuer:
            raise Untrue("issuer of the answer")
        return there.arrival(came.trip, self.home(), request.args["code"], came.begun_at)
