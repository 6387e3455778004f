"""The reference files: countries, authorities, ages and networks; complete, consistent, read strictly."""

from __future__ import annotations

import re

import pytest
from babel import Locale

from app.outside.reference import FaultyReference, countries, networks, read_table
from app.outside.reference.shapes import SignerStory

EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def test_the_countries_are_the_eu_the_eea_and_ukraine() -> None:
    assert [country.code for country in countries()] == sorted([*EU, "IS", "LI", "NO", "UA"])
    assert {country.code for country in countries() if country.eu} == set(EU)
    assert {country.code for country in countries() if not country.eea} == {"UA"}
    assert {country.code: country.procedure for country in countries()} == {
        code: "ua" if code == "UA" else "eu" for code in [*EU, "IS", "LI", "NO", "UA"]
    }


def test_every_language_of_a_country_is_one_that_babel_knows_by_its_own_code() -> None:
    spoken = {language for country in countries() for language in country.languages}

    assert {str(Locale.parse(language)) for language in spoken} == spoken


def test_the_official_languages_of_the_union_and_ukrainian_and_bokmal_each_have_a_country() -> None:
    official = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv".split()  # noqa: SIM905

    spoken = {language for country in countries() for language in country.languages}

    assert spoken - {"is", "lb"} == {*official, "uk", "nb"}


def test_every_authority_has_its_own_and_an_english_name_an_address_and_a_bare_host() -> None:
    for country in countries():
        authority = country.authority
        own = country.languages[0]
        assert {own, "en"} <= authority.names.keys() <= {*country.languages, "en"}, country.code
        assert authority.name(own) == authority.names[own]
        assert len(authority.address) >= 2, country.code
        assert HOST.fullmatch(authority.website), country.code
        assert all(authority.names.values()), country.code


def test_an_authority_is_named_in_the_countrys_first_language_where_the_asked_one_is_missing() -> None:
    greece = next(country for country in countries() if country.code == "GR")

    assert greece.authority.name("uk") == greece.authority.names["el"]


def test_ages_rise_from_cosigning_over_signing_alone_to_majority() -> None:
    for country in countries():
        ages = country.ages
        steps = [age for age in (ages.cosign_from, ages.alone_from, ages.majority) if age is not None]
        assert steps == sorted(set(steps)), country.code
        assert min(steps) >= 12, country.code
        assert ages.source, country.code
        assert not (ages.by_maturity and ages.alone_from), country.code


def test_a_doubtful_rule_or_authority_says_what_is_doubtful() -> None:
    doubtful = [
        (country.code, part.note)
        for country in countries()
        for part in (country.ages, country.authority)
        if not part.sure
    ]

    assert doubtful
    assert [code for code, note in doubtful if not note] == []


def test_the_24_networks_have_a_stable_code_and_four_to_eight_areas() -> None:
    assert len(networks()) == 24
    assert len({network.code for network in networks()}) == 24
    for network in networks():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", network.code)
        assert HOST.fullmatch(network.website)
        assert 4 <= len(set(network.areas)) == len(network.areas) <= 8, network.code
        assert network.code == network.name.lower().replace(" ", "-"), network.code


@pytest.mark.parametrize(
    ("table", "code", "where"),
    [
        ({"name": "A", "relation": "self", "prooof": "x"}, "unknown-key", "here: prooof"),
        ({"name": "A", "relation": "sister"}, "wrong-value", "here: relation"),
        ({"name": 1, "relation": "self"}, "wrong-value", "here: name"),
        ("A", "wrong-value", "here"),
    ],
)
def test_a_misspelt_or_misshapen_table_is_named_and_not_ignored(table: object, code: str, where: str) -> None:
    with pytest.raises(FaultyReference) as refused:
        read_table(table, SignerStory, "here")

    assert (refused.value.code, refused.value.where) == (code, where)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(FaultyReference, match=r"missing-key.*relation"):
        read_table({"name": "A"}, SignerStory, "here")
