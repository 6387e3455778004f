"""who explained a consent: the clinician its paper names, and since when that clinician says so

Revision ID: 0035
Revises: 0034
"""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

MOMENT = {"sqlite": "DATETIME", "postgresql": "TIMESTAMP WITH TIME ZONE"}
ARCHIVED = "('consent.archive', 'consent.attest', 'consent.keep-refusal', 'consent.confirm')"


def upgrade() -> None:
    """The paper names who treated the patient when it was printed, or filed by hand: who has handed over since, else today's.

    What that clinician has archived, or has filed by hand, they have explained; what an assistant archived waits.
    """
    op.execute(
        "ALTER TABLE consent_form ADD COLUMN explained_by_id INTEGER"
        " CONSTRAINT fk_consent_form_explained_by_id_ab_user REFERENCES ab_user (id)"
    )
    op.execute(
        f"ALTER TABLE consent_form ADD COLUMN explained_at {MOMENT[op.get_bind().dialect.name]}"
        " CONSTRAINT ck_consent_form_explained_by_somebody CHECK (explained_at IS NULL OR explained_by_id IS NOT NULL)"
    )
    treats = (
        "COALESCE((SELECT h.from_id FROM handover h WHERE h.patient_id = consent_form.patient_id"
        " AND h.state = 'handover_accepted' AND h.answered_at > COALESCE(printed_at, prepared_at)"
        " ORDER BY h.answered_at LIMIT 1), (SELECT p.clinician_id FROM patient p WHERE p.id = consent_form.patient_id))"
    )
    op.execute(
        f"UPDATE consent_form SET explained_by_id = {treats}"
        " WHERE printed_at IS NOT NULL OR external_reference IS NOT NULL"
    )
    noted = (
        "SELECT 1 FROM audit_entry e WHERE e.patient_id = consent_form.patient_id AND e.thing_id = consent_form.public_id"
        f" AND e.actor_id = explained_by_id AND e.outcome = 'done' AND e.act IN {ARCHIVED}"
    )
    op.execute(
        "UPDATE consent_form SET explained_at = archived_at WHERE archived_at IS NOT NULL AND explained_by_id IS NOT NULL"
        f" AND (filed_by_id = explained_by_id OR EXISTS ({noted}))"
    )
    op.execute(
        "CREATE INDEX ix_consent_form_unexplained ON consent_form (explained_by_id) WHERE explained_at IS NULL"
    )


def downgrade() -> None:
    """Who explained a form is what its paper says, and no more."""
    op.drop_index("ix_consent_form_unexplained", "consent_form")
    op.execute("ALTER TABLE consent_form DROP COLUMN explained_at")
    op.execute("ALTER TABLE consent_form DROP COLUMN explained_by_id")
