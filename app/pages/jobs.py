"""Work that runs in the background: what one has asked for, and how far it has come."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.models.sqla.interface import SQLAInterface

from app.models import Job
from app.pages.lists import ListPage, words_filter
from app.words import JobState, _

KIND_WORDS: dict[str, object] = {}
"""What a person reads for a kind of job that people ask for."""


def kind_words(kind: str) -> object:
    """The kind in a person's words."""
    return KIND_WORDS.get(kind, _("Background work"))


class JobPage(ListPage):
    """One's own background work. A page that asks for some leads here."""

    route_base = "/jobs"
    datamodel = SQLAInterface(Job)
    acts: ClassVar[dict[str, str]] = {"list": "job.see", "show": "job.see"}
    list_title = _("Background work")
    list_columns: ClassVar[list[str]] = ["kind", "state", "created_at", "finished_at"]
    show_columns: ClassVar[list[str]] = ["kind", "state"]
    label_columns: ClassVar[dict[str, object]] = {
        "kind": _("What"),
        "state": _("State"),
        "created_at": _("Asked for"),
        "finished_at": _("Finished"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {"kind": kind_words}
    filters = {"state": words_filter(_("State"), Job.state, JobState)}  # noqa: RUF012
    empty: ClassVar[object] = _("Nothing of yours runs in the background.")
    show_template = "jobs/show.html"
