"""Signing in through EU Login by CAS. What comes back is believed or not in ``outside/cas``."""

from __future__ import annotations

from flask import current_app, request

from app.outside.cas import NAME, Cas
from app.outside.providers import Arrival
from app.pages.arrivals import ArrivalPage
from app.services.trips import Back


class CasPage(ArrivalPage):
    """The way to the CAS server and back."""

    route_base = "/login/cas"
    by = NAME

    @classmethod
    def provider(cls) -> Cas | None:
        """The CAS server, where the settings name one."""
        settings = current_app.config["SETTINGS"]
        found: Cas | None = current_app.extensions.get(NAME)
        if found is None and settings["CAS_URL"]:
            verified = settings["CAS_EMAILS_VERIFIED"]
            made = Cas(
                settings["CAS_URL"], settings["CAS_VALIDATION"], settings["CAS_TWO_FACTORS"], emails_verified=verified
            )
            found = current_app.extensions.setdefault(NAME, made)
        return found

    def proof(self, came: Back) -> Arrival | None:
        """Whose ticket it is."""
        there = self.provider()
        if there is None or "ticket" not in request.args:
            return None
        return there.arrival(came.trip, self.home(), request.args["ticket"])
