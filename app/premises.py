"""What this installation owns: its settings, locks, store of files, printer and seal.

Made once by ``create_app`` and reached from services by ``premises()``, so that services need not know Flask.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from app.outside import seals
from app.outside.paper import Press, Renderer
from app.outside.seals import Seal
from app.outside.storage import LocalStore
from app.outside.vault import Vault
from config import Settings


@dataclass(frozen=True)
class Premises:
    """The installation's own things."""

    settings: Settings
    vault: Vault
    store: LocalStore
    printer: Press
    seal: Seal | None
    """None outside demo mode while there is no key: then no archive copy is made."""


def furnish(settings: Settings) -> Premises:
    """Make them from the settings."""
    return Premises(
        settings=settings,
        vault=Vault(settings["MASTER_KEY"], max(settings["MASTER_KEY"], key=int)),
        store=LocalStore(settings["VAR"] / "files"),
        printer=Press(Renderer(children=settings["PRINTERS"]), settings["VAR"] / "papers"),
        seal=_seal(settings),
    )


def _seal(settings: Settings) -> Seal | None:
    if settings["SEAL_KEY"]:
        return Seal(settings["SEAL_KEY"], settings["SEAL_CERTIFICATE"], settings["SEAL_TSA"])
    return Seal(*seals.demo_pair(settings["VAR"])) if settings.demo else None


def premises() -> Premises:
    """Those of the app under way."""
    found: Premises = current_app.extensions["premises"]
    return found
