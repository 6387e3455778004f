"""Who may do what, as users read it."""

from __future__ import annotations

from typing import Any

from lxml import html

from app import access
from app.pages.acts import ACT_WORDS
from app.pages.guides import SECTIONS
from tests.services.clinics import opened


def test_every_act_stands_in_one_part_of_the_page_in_words(house: Any) -> None:
    about = [thing for _title, things in SECTIONS for thing in things.split()]
    assert sorted(about) == sorted({act.partition(".")[0] for act in access.ACCESS})
    assert [act for act in access.ACCESS if act not in ACT_WORDS] == []
    page = html.fromstring(house.client_for(opened(house).clinician).get("/help/who-may-do-what").data)
    shown = [term.text_content() for term in page.xpath("//dl[contains(@class, 'rights')]//dt")]
    assert sorted(shown) == sorted(str(ACT_WORDS[act]) for act in access.ACCESS)


def test_what_nobody_does_is_done_by_the_system_and_said_so(house: Any) -> None:
    page = html.fromstring(house.client_for(opened(house).clinician).get("/help/who-may-do-what").data)
    cells = {row.xpath("string(dt)"): row.xpath("string(dd)").strip() for row in page.xpath("//dl/div[dt and dd]")}
    assert cells[str(ACT_WORDS["person.lock-idle"])] == "Nobody: the system does it by itself."
    assert "" not in cells.values()
