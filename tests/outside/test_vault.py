"""What is locked opens with the right key in the right place, and with nothing else."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import TYPE_CHECKING

import pytest

from app.outside.vault import Place, Vault, VaultFault

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
NAME = "Παπαδοπούλου".encode()
WHOSE = b"patient:7f1c"
PLACE = Place("patient_identity", "sealed", "7f1c")
BORN = dt.date(2019, 3, 7)
HOSPITAL, OTHER_HOSPITAL = b"hospital-a", b"hospital-b"


@pytest.fixture
def vault() -> Vault:
    return Vault({"2026": OLD}, "2026")


def test_what_was_sealed_opens_and_does_not_show(vault: Vault) -> None:
    key = vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)

    assert vault.open(key, WHOSE, sealed, PLACE) == NAME
    assert NAME not in sealed


def test_sealing_twice_gives_different_bytes(vault: Vault) -> None:
    key = vault.new_key(WHOSE)

    assert vault.seal(key, WHOSE, NAME, PLACE) != vault.seal(key, WHOSE, NAME, PLACE)
    assert vault.new_key(WHOSE) != key


def test_every_changed_byte_of_a_sealed_value_is_found(vault: Vault) -> None:
    key = vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)

    codes = {fault_of_opening(vault, key, changed, PLACE) for changed in each_changed(sealed)}

    assert codes == {"damaged"}


def test_every_changed_byte_of_a_wrapped_key_is_found(vault: Vault) -> None:
    key = vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)

    codes = {fault_of_opening(vault, changed, sealed, PLACE) for changed in each_changed(key)}

    assert codes == {"damaged", "unknown_key"}, "unknown_key when the byte is one of the key's id"


def test_every_cut_and_every_addition_is_found(vault: Vault) -> None:
    key = vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)
    cuts = [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0"]
    key_cuts = [key[:length] for length in range(len(key))] + [key + b"\0"]

    codes = {fault_of_opening(vault, key, cut, PLACE) for cut in cuts}
    key_codes = {fault_of_opening(vault, cut, sealed, PLACE) for cut in key_cuts}

    assert (codes, key_codes) == ({"damaged"}, {"damaged"})


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place("consent_form", "sealed", "7f1c"),
        Place("patient_identity", "sealed_paper", "7f1c"),
        Place("patient_identity", "sealed", "7f1d"),
        Place("patient_identit", "ysealed", "7f1c"),
        Place("patient_identity", "sealed7", "f1c"),
    ],
)
def test_a_value_moved_to_another_table_column_or_row_does_not_open(vault: Vault, elsewhere: Place) -> None:
    key = vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)

    assert fault_of_opening(vault, key, sealed, elsewhere) == "damaged"


def test_the_key_of_another_patient_opens_nothing(vault: Vault) -> None:
    key, other = vault.new_key(WHOSE), vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)

    assert fault_of_opening(vault, other, sealed, PLACE) == "damaged"


def test_a_key_works_for_what_it_was_made_for_and_for_nothing_else(vault: Vault) -> None:
    key, other = vault.new_key(WHOSE), b"patient:7f1d"
    sealed = vault.seal(key, WHOSE, NAME, PLACE)
    asked: list[Callable[[], object]] = [
        lambda: vault.check(key, other),
        lambda: vault.seal(key, other, NAME, PLACE),
        lambda: vault.open(key, other, sealed, PLACE),
        lambda: vault.file_cipher(key, other, bytes(32)),
        lambda: vault.check(key, b""),
    ]
    codes = []
    for ask in asked:
        with pytest.raises(VaultFault) as caught:
            ask()
        codes.append(caught.value.code)

    assert codes == ["damaged"] * 5
    vault.check(key, WHOSE)


def test_another_master_key_opens_nothing(vault: Vault) -> None:
    key = vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)

    assert fault_of_opening(Vault({"2026": NEW}, "2026"), key, sealed, PLACE) == "damaged"
    assert fault_of_opening(Vault({"2027": OLD}, "2027"), key, sealed, PLACE) == "unknown_key"


def test_after_a_rotation_old_values_open_and_the_old_master_key_can_go(vault: Vault) -> None:
    key = vault.new_key(WHOSE)
    sealed = vault.seal(key, WHOSE, NAME, PLACE)
    both = Vault({"2026": OLD, "2027": NEW}, "2027")

    rewrapped = both.rewrap(key)

    assert (both.is_current(key), both.is_current(rewrapped)) == (False, True)
    assert both.open(key, WHOSE, sealed, PLACE) == NAME
    only_new = Vault({"2027": NEW}, "2027")
    assert only_new.open(rewrapped, WHOSE, sealed, PLACE) == NAME


@pytest.mark.parametrize(
    ("keys", "current"),
    [({}, "a"), ({"a": b"short"}, "a"), ({"a": OLD}, "b"), ({"": OLD}, ""), ({"ä": OLD}, "ä")],
)
def test_weak_or_missing_master_keys_are_refused(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(VaultFault) as caught:
        Vault(keys, current)

    assert caught.value.code == "bad_master_key"


def test_a_vault_shows_no_key_and_does_not_travel(vault: Vault) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(vault)

    assert OLD.hex() not in repr(vars(vault))
    assert repr(OLD) not in repr(vars(vault))


@pytest.mark.parametrize(
    "spelling",
    ["MÜLLER-SCHMIDT", "müller  schmidt ", "Mu\u0308ller\u2010Schmidt", "Muller Schmidt", "\uff2duller-Schmidt"],
)
def test_one_person_spelt_in_several_ways_has_one_blind_index(vault: Vault, spelling: str) -> None:
    index = vault.blind_identity(HOSPITAL, "Müller-Schmidt", BORN)

    assert vault.blind_identity(HOSPITAL, spelling, BORN) == index
    assert len(index) == 32


def test_names_in_greek_and_cyrillic_match_without_accents_and_case(vault: Vault) -> None:
    assert vault.blind_identity(HOSPITAL, "Παπαδοπούλου", BORN) == vault.blind_identity(HOSPITAL, "ΠΑΠΑΔΟΠΟΥΛΟΥ", BORN)
    assert vault.blind_identity(HOSPITAL, "Гримм'йов", BORN) == vault.blind_identity(HOSPITAL, "ГРИММ\u2019ЙОВ", BORN)


def test_another_name_date_hospital_kind_or_master_key_gives_another_blind_index(vault: Vault) -> None:
    later = BORN + dt.timedelta(days=1)
    indexes = [
        vault.blind_identity(HOSPITAL, "Meier", BORN),
        vault.blind_identity(HOSPITAL, "Maier", BORN),
        vault.blind_identity(HOSPITAL, "Meier", later),
        vault.blind_identity(OTHER_HOSPITAL, "Meier", BORN),
        vault.blind_file_number(HOSPITAL, "Meier"),
        vault.blind_file_number(OTHER_HOSPITAL, "Meier"),
        Vault({"2026": NEW}, "2026").blind_identity(HOSPITAL, "Meier", BORN),
    ]

    assert len(set(indexes)) == len(indexes)


def test_file_numbers_match_without_case_spaces_and_kind_of_dash(vault: Vault) -> None:
    index = vault.blind_file_number(HOSPITAL, "AB-0012/7")

    assert vault.blind_file_number(HOSPITAL, " ab\u20130012 /7\u200b") == index
    assert vault.blind_file_number(HOSPITAL, "AB-012/7") != index


def test_there_is_no_blind_index_over_nothing(vault: Vault) -> None:
    asked: list[Callable[[], bytes]] = [
        lambda: vault.blind_identity(HOSPITAL, " -'", BORN),
        lambda: vault.blind_identity(b"", "Meier", BORN),
        lambda: vault.blind_file_number(HOSPITAL, " - "),
    ]
    codes = []
    for ask in asked:
        with pytest.raises(VaultFault) as caught:
            ask()
        codes.append(caught.value.code)

    assert codes == ["nothing_to_index"] * 3


def test_the_vault_offers_no_index_over_a_name_alone() -> None:
    offered = sorted(name for name in vars(Vault) if name.startswith("blind"))

    assert offered == ["blind_file_number", "blind_identity", "blind_reference"]


def each_changed(whole: bytes) -> list[bytes]:
    return [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]


def fault_of_opening(vault: Vault, wrapped: bytes, sealed: bytes, place: Place) -> str:
    with pytest.raises(VaultFault) as caught:
        vault.open(wrapped, WHOSE, sealed, place)
    return caught.value.code
