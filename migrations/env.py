"""Alembic's environment: one set of migrations for SQLite and PostgreSQL, Flask-AppBuilder's tables included."""

from __future__ import annotations

from alembic import context
from flask import current_app
from flask_appbuilder import Model
from sqlalchemy import create_engine

from app import models  # noqa: F401  every table is known
from app.tables import engines  # noqa: F401  connections are set up as in the application

target_metadata = Model.metadata


def run() -> None:
    """Migrate as the role that owns the tables."""
    settings = current_app.config["SETTINGS"]
    engine = create_engine(settings["DATABASE_OWNER_URL"])
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_metadata,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
