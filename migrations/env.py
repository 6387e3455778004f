"""Alembic's environment: one set of migrations for SQLite and PostgreSQL, Flask-AppBuilder's tables included."""

from __future__ import annotations

from alembic import context
from flask import current_app
from flask_appbuilder import Model
from sqlalchemy import Connection, create_engine, make_url

from app import models  # noqa: F401  every table is known
from app.tables import engines  # noqa: F401  connections are set up as in the application
from app.tables.guards import APPEND_ONLY

target_metadata = Model.metadata


def run() -> None:
    """Migrate as the role that owns the tables."""
    settings = current_app.config["SETTINGS"]
    engine = create_engine(settings["DATABASE_OWNER_URL"])
    try:
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
            grant(connection, make_url(settings["DATABASE_URL"]).username)
    finally:
        engine.dispose()


def grant(connection: Connection, role: str | None) -> None:
    """PostgreSQL: let the application's role, which owns nothing, read and write; the log and the archive only grow."""
    if connection.dialect.name != "postgresql" or role in (None, connection.engine.url.username):
        return
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    later = [table for table in ("policy_version",) if connection.dialect.has_table(connection, table)]
    kept = ", ".join(("audit_entry", *APPEND_ONLY, *later, "alembic_version"))
    statements = [
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"REVOKE UPDATE, DELETE ON {kept} FROM {name}",
        f"REVOKE INSERT ON alembic_version FROM {name}",
    ]
    if connection.dialect.has_table(connection, "audit_entry"):  # not after the last way down
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


run()
