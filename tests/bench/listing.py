"""Lists: their statements, that they do not grow with the tables, and how they stand beside stock Flask-AppBuilder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import event

from app.models import db
from tests.bench.crowds import Crowd
from tests.bench.grounds import Ground
from tests.bench.peers import MEMBERSHIPS, PATIENTS, Stock
from tests.bench.timings import Figure, in_turns, ms, reader, times
from tests.houses import DATABASES, SITE, House

SMALL, LARGE = 1_000, 100_000
MOST_STATEMENTS = 6
MOST_GROWTH = 1.3
LEAST_GAIN = 3.0
DEEP = 400
"""The page that must cost what the first one costs."""

EVERY_LIST = {
    "clinician": ("/patients/", "/consents/", "/people/", "/memberships/", "/hospitals/", "/networks/"),
    "coordinator": ("/memberships/", "/people/", "/mandates/", "/consents/", "/hospitals/", "/networks/"),
}
GROWING = {
    "a clinician's 500 patients": ("/patients/", "clinician"),
    "the same clinician's 500 consent forms": ("/consents/", "clinician"),
    "the same clinician's Home": ("/", "clinician"),
    "a coordinator's memberships": ("/memberships/", "coordinator"),
    "the same coordinator's people": ("/people/", "coordinator"),
}
Job = Callable[[int], list[float]]


def grown(ground: Ground) -> Iterator[Figure]:
    """The statements of lists; the same list among a thousand rows and among a hundred thousand; on both databases."""
    for dialect in DATABASES:
        small, large = ground.crowded(dialect, SMALL), ground.crowded(dialect, LARGE)
        yield _most_statements(dialect, *large)
        for name, (path, who) in GROWING.items():
            jobs = {
                "small": opening(small[0], getattr(small[1], who), path),
                "large": opening(large[0], getattr(large[1], who), path),
            }
            spent = in_turns(jobs, rounds=30)
            yield _growth(f"{dialect}: {name} among {LARGE:,}", spent["large"], f"among {SMALL:,}", spent["small"])
        yield _deep(dialect, *large)


def _most_statements(dialect: str, house: House, crowd: Crowd) -> Figure:
    """The list that asks most, of all lists, searched and not."""
    found = {
        (_statements(house, opening(house, getattr(crowd, who), path + query)), path + query, who)
        for who, paths in EVERY_LIST.items()
        for path in paths
        for query in ("", "?q=e")
    }
    most, path, who = max(found)
    return Figure(
        f"{dialect}: SQL statements of a list page, the most of {len(found)} lists (25 rows where there are as many)",
        f"{most} (`{path}`, {who})",
        f"fewest: {min(found)[0]}; BEGIN, COMMIT and ROLLBACK apart",
        most / MOST_STATEMENTS,
        f"at most {MOST_STATEMENTS}",
        most <= MOST_STATEMENTS,
    )


def _statements(house: House, job: Job) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(statement)

    with house.app.app_context():
        engine = db.engine
    job(1)  # the first page of a process compiles
    event.listen(engine, "before_cursor_execute", note)
    job(1)
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def _deep(dialect: str, house: House, crowd: Crowd) -> Figure:
    """Page 400 of the memberships beside the first page."""
    who = crowd.coordinator
    edge = house.value("SELECT public_id FROM membership ORDER BY id DESC LIMIT 1 OFFSET :rows", rows=DEEP * 25)
    jobs = {"first": opening(house, who, "/memberships/"), "deep": opening(house, who, f"/memberships/?after={edge}")}
    spent = in_turns(jobs, rounds=30)
    return _growth(f"{dialect}: page {DEEP} of {LARGE:,} memberships", spent["deep"], "page 1", spent["first"])


def _growth(what: str, ours: float, beside: str, peer: float) -> Figure:
    ratio = ours / peer
    return Figure(what, ms(ours), f"{beside}: {ms(peer)}", ratio, f"at most {MOST_GROWTH}", ratio <= MOST_GROWTH)


def beside_stock(ground: Ground) -> Iterator[Figure]:
    """Pages a second of the same list: the same rows, 25 a page, a signed-in reader, the same WSGI client, SQLite.

    Stock Flask-AppBuilder offers every person in a select above the list. The patients are measured with the fewest
    people that could treat them, so that the select weighs little. A membership is one person's, so there are as many
    people as memberships; what is left when there are few is told without a goal.
    """
    for size in (SMALL, LARGE):
        house, crowd = ground.crowded("sqlite", size)
        few, same = max(3, size // 250), size + 1
        patients = opening(house, crowd.clinician, "/patients/")
        memberships = opening(house, crowd.coordinator, "/memberships/")
        yield _gain(ground, patients, PATIENTS, (size, 0, few))
        yield _gain(ground, memberships, MEMBERSHIPS, (0, size, same))
        yield _gain(ground, memberships, MEMBERSHIPS, (0, size, few))._replace(
            goal="none: not the same people", kept=None
        )


def _gain(ground: Ground, job: Job, path: str, sizes: tuple[int, int, int]) -> Figure:
    name = "500 patients among" if path == PATIENTS else "memberships:"
    peer = Stock(ground.folder, *sizes)
    slow = sizes[2] > 50_000
    spent = in_turns({"ours": job, "peer": lambda count: peer.pages(path, count)}, *((3, 1) if slow else (30, 5)))
    statements = peer.statements(path)
    peer.close()
    gain = spent["peer"] / spent["ours"]
    return Figure(
        f"{name} {sizes[0] or sizes[1]:,}, pages a second",
        f"{1 / spent['ours']:.0f}",
        f"stock, {sizes[2]:,} people in its tables: {1 / spent['peer']:.1f} ({statements} statements)",
        gain,
        f"at least {LEAST_GAIN:g}",
        gain >= LEAST_GAIN,
    )


def opening(house: House, person: int, path: str) -> Job:
    """A job that opens a page in a browser in which the person is signed in."""
    client = house.client_for(person)
    cookie = client.get_cookie(house.cookie, domain="cpms.test")
    assert cookie is not None
    return times(reader(house.app, path, f"{house.cookie}={cookie.value}", SITE))
