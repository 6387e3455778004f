"""A list page asks the database a few times, however many rows it shows and whatever they show."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from app.models import db
from tests.bench.crowds import fill

MOST = 6
LISTS = ("/patients/", "/consents/", "/memberships/", "/people/", "/hospitals/", "/mandates/", "/networks/")
FORBIDDEN = {("coordinator", "/patients/")}


def asked(house: Any, client: Any, address: str) -> tuple[Any, list[str]]:
    """The answer, and the statements it took."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(statement)

    with house.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        return client.get(address), seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("who", ["clinician", "coordinator"])
def test_a_list_of_25_rows_takes_at_most_six_statements_searched_or_not(house: Any, who: str) -> None:
    crowd = fill(house, patients=80, memberships=80)
    client = house.client_for(getattr(crowd, who))
    taken = {}
    for path in LISTS:
        for query in ("", "?q=e"):
            client.get(path)  # the first page of a process compiles
            answer, statements = asked(house, client, path + query)
            if (who, path) in FORBIDDEN:
                assert answer.status_code == 403
                continue
            assert answer.status_code == 200
            taken[path + query] = len(statements)
    assert {address: count for address, count in taken.items() if count > MOST} == {}


def test_a_page_of_25_rows_takes_as_many_statements_as_a_page_of_three(house: Any) -> None:
    crowd = fill(house, patients=3, memberships=80)
    client = house.client_for(crowd.clinician)
    few, _ = asked(house, client, "/patients/")
    assert few.text.count('role="row"') == 1 + 3
    counts = {path: len(asked(house, client, path)[1]) for path in ("/patients/", "/consents/")}
    house.reset()
    crowd = fill(house, patients=80, memberships=80)
    client = house.client_for(crowd.clinician)
    full, _ = asked(house, client, "/patients/")
    assert full.text.count('role="row"') == 1 + 25
    assert {path: len(asked(house, client, path)[1]) for path in counts} == counts
