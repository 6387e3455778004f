"""Facts that ship with the platform: countries, networks, and the invented world of the demo.

The facts are the TOML files beside this module; ``shapes`` says how each looks, and here they are read. Nothing is
stored here: `flask seed` writes the rows. Whether a consent text exists in a language is not known here
either: that is `app/consent_templates`.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from app.outside.reference.shapes import (
    CountryFacts,
    DemoWorld,
    HospitalStory,
    NetworkFacts,
    PatientStory,
    PersonStory,
    ProfileStory,
    RegistryStory,
)

HERE = Path(__file__).parent

Row = TypeVar("Row")


class FaultyReference(Exception):
    """A reference file does not have the shape its dataclass asks for.

    ``code`` is ``unknown-key``, ``missing-key`` or ``wrong-value``; ``where`` names the table and key.
    """

    def __init__(self, code: str, where: str) -> None:
        super().__init__(f"{code}: {where}")
        self.code = code
        self.where = where


@cache
def countries() -> tuple[CountryFacts, ...]:
    """The countries of the EU and EEA, and Ukraine; by code."""
    return _rows("countries.toml", "country", CountryFacts)


@cache
def networks() -> tuple[NetworkFacts, ...]:
    """The 24 European Reference Networks."""
    return _rows("networks.toml", "network", NetworkFacts)


@cache
def demo() -> DemoWorld:
    """The invented hospitals, people, patients and registries of `flask seed --demo`."""
    return DemoWorld(
        hospitals=_rows("demo/hospitals.toml", "hospital", HospitalStory),
        people=_rows("demo/people.toml", "person", PersonStory),
        profiles=_rows("demo/profiles.toml", "profile", ProfileStory),
        patients=_rows("demo/patients.toml", "patient", PatientStory),
        registries=_rows("demo/registries.toml", "registry", RegistryStory),
    )


def _rows(file: str, table: str, shape: type[Row]) -> tuple[Row, ...]:
    """The rows of one ``[[table]]`` of a reference file."""
    rows = tomllib.loads((HERE / file).read_text(encoding="utf-8"))[table]
    return tuple(read_table(row, shape, f"{file} {table} {number}") for number, row in enumerate(rows, 1))


def read_table(table: object, shape: type[Row], where: str) -> Row:
    """One TOML table as ``shape``; strict, so that a misspelt key is found and not ignored.

    Raises:
        FaultyReference: a key is unknown or missing, or a value has the wrong kind.
    """
    if not isinstance(table, dict):
        raise FaultyReference("wrong-value", where)
    fields = {field.name: field for field in dataclasses.fields(shape)}  # type: ignore[arg-type]
    if unknown := table.keys() - fields.keys():
        raise FaultyReference("unknown-key", f"{where}: {min(unknown)}")
    kinds = get_type_hints(shape)
    values = {key: _value(value, kinds[key], f"{where}: {key}") for key, value in table.items()}
    try:
        return shape(**values)
    except TypeError as missing:
        raise FaultyReference("missing-key", f"{where}: {missing}") from missing


def _value(value: object, kind: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {types.UnionType, Union}:  # TOML has no null: what is there is of the first kind
        return _value(value, inner[0], where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return read_table(value, kind, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(item, inner[0], where) for item in value)
    if origin is Mapping and isinstance(value, dict):
        return {key: _value(item, inner[1], where) for key, item in value.items()}
    if origin is Literal and value in inner:
        return value
    if type(value) is kind:
        return value
    raise FaultyReference("wrong-value", where)
