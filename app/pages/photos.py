"""Photos of people, as pictures: for whoever finds them in the directory, and for themselves."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response

from app.models import Photo
from app.pages.base import Page, expose, find, has_access
from app.services import photos


class PhotoPage(Page):
    """A photo under a name nobody can guess. Another photo has another name, so a browser may keep one."""

    route_base = "/photos"
    default_view = "show"
    acts: ClassVar[dict[str, str]] = {"show": "photo.open", "small": "photo.open"}

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """As on a person's page."""
        return _picture(key, small=False)

    @expose("/<key>/small")
    @has_access
    def small(self, key: str) -> Any:
        """As in a list."""
        return _picture(key, small=True)


def _picture(key: str, *, small: bool) -> Response:
    answer = Response(photos.read(find(Photo, key), small=small), mimetype="image/jpeg")
    answer.cache_control.private = True
    answer.cache_control.max_age = 86400
    return answer
