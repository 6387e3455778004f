"""What this installation owns: its settings, locks, store of files, printer and scanner.

Made once by ``create_app`` and reached from services by ``premises()``, so that services need not know Flask.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from app.outside.paper import Press, Renderer
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


def furnish(settings: Settings) -> Premises:
    """Make them from the settings."""
    return Premises(
        settings=settings,
        vault=Vault({"1": settings["MASTER_KEY"]}, "1"),
        store=LocalStore(settings["VAR"] / "files"),
        printer=Press(Renderer(children=settings["PRINTERS"]), settings["VAR"] / "papers"),
    )


def premises() -> Premises:
    """Those of the app under way."""
    found: Premises = current_app.extensions["premises"]
    return found
