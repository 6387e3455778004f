"""Lists: that they do not grow with the tables, and how they stand beside stock Flask-AppBuilder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.bench.grounds import Ground
from tests.bench.peers import MEMBERSHIPS, PATIENTS, Stock
from tests.bench.timings import Figure, in_turns, ms, reader, times
from tests.houses import DATABASES, SITE, House

SMALL, LARGE = 1_000, 100_000
MOST_GROWTH = 1.3
LEAST_GAIN = 3.0
DEEP = 400
"""The page that must cost what the first one costs."""

LISTS = {
    "a clinician's 500 patients": ("/patients/", "clinician"),
    "a coordinator's memberships": ("/memberships/", "coordinator"),
}


def grown(ground: Ground) -> Iterator[Figure]:
    """The same list among a thousand rows and among a hundred thousand, on both databases."""
    for dialect in DATABASES:
        small, large = ground.crowded(dialect, SMALL), ground.crowded(dialect, LARGE)
        for name, (path, who) in LISTS.items():
            jobs = {
                "small": _list(small[0], getattr(small[1], who), path),
                "large": _list(large[0], getattr(large[1], who), path),
            }
            spent = in_turns(jobs, rounds=30)
            yield _growth(f"{dialect}: {name} among {LARGE:,}", spent["large"], f"among {SMALL:,}", spent["small"])
        yield _deep(dialect, *large)


def _deep(dialect: str, house: House, crowd: object) -> Figure:
    """Page 400 of the memberships beside the first page."""
    who = getattr(crowd, "coordinator")  # noqa: B009
    edge = house.value("SELECT public_id FROM membership ORDER BY id DESC LIMIT 1 OFFSET :rows", rows=DEEP * 25)
    jobs = {"first": _list(house, who, "/memberships/"), "deep": _list(house, who, f"/memberships/?after={edge}")}
    spent = in_turns(jobs, rounds=30)
    return _growth(f"{dialect}: page {DEEP} of {LARGE:,} memberships", spent["deep"], "page 1", spent["first"])


def _growth(what: str, ours: float, beside: str, peer: float) -> Figure:
    ratio = ours / peer
    return Figure(what, ms(ours), f"{beside}: {ms(peer)}", ratio, f"at most {MOST_GROWTH}", ratio <= MOST_GROWTH)


def beside_stock(ground: Ground) -> Iterator[Figure]:
    """Pages a second of the same list: the same rows, 25 a page, a signed-in reader, the same WSGI client, SQLite."""
    for size in (SMALL, LARGE):
        house, crowd = ground.crowded("sqlite", size)
        few, same = max(3, size // 250), size + 1
        cases = [
            (f"{few} people in the tables", _list(house, crowd.clinician, "/patients/"), PATIENTS, (size, 0, few)),
            (f"{same:,} people, as in ours", _list(house, crowd.clinician, "/patients/"), PATIENTS, (size, 0, same)),
            (f"{same:,} people", _list(house, crowd.coordinator, "/memberships/"), MEMBERSHIPS, (0, size, same)),
        ]
        for told, job, path, sizes in cases:
            yield _gain(ground, size, told, job, path, sizes)


def _gain(
    ground: Ground, size: int, told: str, job: Callable[[int], list[float]], path: str, sizes: tuple[int, int, int]
) -> Figure:
    name = "patients" if path == PATIENTS else "memberships"
    peer = Stock(ground.folder, *sizes)
    slow = sizes[2] > 50_000
    spent = in_turns({"ours": job, "peer": lambda count: peer.pages(path, count)}, *((3, 1) if slow else (30, 5)))
    statements = peer.statements(path)
    peer.close()
    gain = spent["peer"] / spent["ours"]
    return Figure(
        f"{size:,} {name}, pages a second",
        f"{1 / spent['ours']:.0f}",
        f"stock Flask-AppBuilder, {told}: {1 / spent['peer']:.1f} ({statements} statements)",
        gain,
        f"at least {LEAST_GAIN:g}",
        gain >= LEAST_GAIN,
    )


def _list(house: House, person: int, path: str) -> Callable[[int], list[float]]:
    client = house.client_for(person)
    cookie = client.get_cookie(house.cookie, domain="cpms.test")
    assert cookie is not None
    return times(reader(house.app, path, f"{house.cookie}={cookie.value}", SITE))
