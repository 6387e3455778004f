"""Who may do what, as users read it."""

from __future__ import annotations

from app import access
from app.pages.acts import ACT_WORDS
from app.pages.guides import SECTIONS


def test_every_act_that_the_page_of_rights_shows_is_said_in_words() -> None:
    shown = {thing for _title, things in SECTIONS for thing in things}
    assert [act for act in access.ACCESS if act.partition(".")[0] in shown and act not in ACT_WORDS] == []
