"""Flask-Migrate as this program uses it. Loaded by what brings the tables to a version, and by nothing else."""

from __future__ import annotations

from flask import Flask
from flask_appbuilder import Model
from flask_migrate import Migrate

import config
from app.models import db


class Migrations(Migrate):  # type: ignore[misc]
    """Alembic sees Flask-AppBuilder's tables too, or it would drop them."""

    @staticmethod
    def get_metadata(*_bind: object) -> object:
        """The one metadata of all tables."""
        return Model.metadata


def furnish(app: Flask) -> None:
    """Let the application's tables be brought to a version; adds ``flask db``."""
    Migrations(app, db, directory=str(config.ROOT / "migrations"), render_as_batch=True)
