"""The directory with 20,000 people and with 200,000: what a search costs the server, on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from app.models import Centre, Country, Expertise, Hospital, Membership, NameWord, Network, Person, ThematicArea, today
from app.tables.name_words import rows_of
from tests.bench.crowds import analyse, key, write
from tests.bench.grounds import Ground
from tests.bench.listing import opening
from tests.bench.timings import Figure, in_turns, ms
from tests.houses import House, furnish

SMALL, LARGE = 20_000, 200_000
MOST_MS, MOST_GROWTH = 100, 1.5
NETWORKS, HOSPITALS, AREAS, CODES = 24, 380, 120, 6000
COUNTRIES = "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
LANGUAGES = ("en", "en", "en", "de", "fr", "it", "es", "pl", "nl", "mt")
SYLLABLES = ("ma", "ri", "an", "to", "sal", "ko", "ber", "ne", "vi", "lu", "ste", "gro", "pe", "ha", "dim", "sö")

SEARCHES = {
    "everybody, by family name": "",
    "a whole name": "?q=marisal+grokolu",
    "the beginning of a name": "?q=marian",
    "two letters": "?q=ma",
    "an ERN": "?network=n7",
    "a hospital": "?hospital=hosp0000000000000000000000000011",
    "a country": "?country=DE",
    "a small country and a name": "?country=MT&q=ma",
    "a thematic area": "?area=area0000000000000000000000000050",
    "an ORPHAcode": "?orpha=355",
    "a language nearly all speak": "?language=en",
    "a language and an ERN and the beginning of a name": "?language=de&network=n7&q=lu",
}


def searched(ground: Ground) -> Iterator[Figure]:
    """Each search in turns on both sizes; its milliseconds and how they grow."""
    small, large = (_stocked(ground, size) for size in (SMALL, LARGE))
    for what, query in SEARCHES.items():
        path = f"/directory/{query}"
        spent = in_turns({"small": opening(small, 1, path), "large": opening(large, 1, path)}, rounds=8)
        growth = spent["large"] / spent["small"]
        kept = spent["small"] < MOST_MS / 1000 and growth <= MOST_GROWTH
        goal = f"under {MOST_MS} ms; at most {MOST_GROWTH}"
        name = f"postgresql: the directory: {what}; {SMALL:,} people"
        yield Figure(name, ms(spent["small"]), f"among {LARGE:,}: {ms(spent['large'])}", growth, goal, kept)


def _stocked(ground: Ground, people: int) -> House:
    house = furnish("postgresql", ground.folder, f"directory{people}", ground.printer)
    ground.others.append(house)
    dice = random.Random(7)
    with house.everything() as session:
        _places(session)
        write(session, Person, (_person(n, dice) for n in range(1, people + 1)))
        dice = random.Random(7)
        words = (row for n in range(1, people + 1) for row in rows_of(n, *_name(n, dice)))
        write(session, NameWord, words)
        spell = {"from_on": today() - dt.timedelta(days=99)}
        members = range(1, people + 1)
        write(
            session,
            Membership,
            (key("memb", n) | spell | {"person_id": n, "centre_id": 1 + n % HOSPITALS} for n in members),
        )
        write(session, Expertise, _expertise(people))
        session.commit()
    analyse(house)
    return house


def _name(number: int, dice: random.Random) -> tuple[str, str]:
    if number == 1:
        return "Reader", "Aa"
    return tuple("".join(dice.choice(SYLLABLES) for _ in range(3)).capitalize() for _ in range(2))  # type: ignore[return-value]


def _person(number: int, dice: random.Random) -> dict[str, Any]:
    first, last = _name(number, dice)
    account = {"username": f"p{number}", "email": f"p{number}@people.example", "active": True, "language": "en"}
    return key("pers", number) | account | {"first_name": first, "last_name": last, "job_title": "Consultant"}


def _expertise(people: int) -> Iterator[dict[str, Any]]:
    numbers = iter(range(1, 10 * people))
    empty: dict[str, Any] = dict.fromkeys(("network_id", "area_id", "orpha_code", "orpha_name", "language"))
    for person in range(1, people + 1):
        things = (
            {"language": LANGUAGES[person % 10]},
            {"area_id": 1 + person % AREAS},
            {"orpha_code": 1 + person % CODES},
        )
        for thing in things:
            yield key("expe", next(numbers)) | empty | thing | {"person_id": person}


def _places(session: Session) -> None:
    day = today() - dt.timedelta(days=900)
    country = {
        "procedure": "eu", "eea": True, "languages": "el", "authority_name": "A", "authority_name_en": "A",
        "authority_address": "1 Street", "authority_contact": "authority.example", "majority_age": 18,
        "two_parents": False, "source": "invented", "checked": True,
    }  # fmt: skip
    write(session, Country, (key("land", n) | country | {"code": code} for n, code in enumerate(COUNTRIES, 1)))
    networks = range(1, NETWORKS + 1)
    write(
        session, Network, (key("netw", n) | {"code": f"n{n}", "name": f"ERN {n}", "field": "tests"} for n in networks)
    )
    areas = range(1, AREAS + 1)
    write(session, ThematicArea, (key("area", n) | {"name": f"A {n}", "network_id": 1 + n % NETWORKS} for n in areas))
    hospital = {
        "city": "Town", "address": "1 Street", "phone": "0", "email": "desk@hospital.example", "dpo_name": "D",
        "dpo_contact": "d", "from_on": day,
    }  # fmt: skip
    numbers = range(1, HOSPITALS + 1)
    write(
        session,
        Hospital,
        (
            key("hosp", n) | hospital | {"name": f"Hospital {n}", "country_id": 1 + n * n % len(COUNTRIES)}
            for n in numbers
        ),
    )
    centre = {"kind": "full_member", "from_on": day, "name": "C"}
    write(
        session, Centre, (key("cent", n) | centre | {"hospital_id": n, "network_id": 1 + n % NETWORKS} for n in numbers)
    )
