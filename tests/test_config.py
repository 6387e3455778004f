"""The settings: every fault at once, nothing weak, demo on loopback only."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

import config
from app.outside import seals
from tools import first_settings

GOOD = {
    "CPMS_MODE": "demo",
    "SECRET_KEY": "a secret of the tests, long enough to be one",
    "MASTER_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}


def load(tmp_path: Path, **given: str) -> config.Settings:
    return config.load(GOOD | given, path=tmp_path / "settings.env")


def faults(tmp_path: Path, **given: str) -> list[str]:
    with pytest.raises(config.Faults) as caught:
        load(tmp_path, **given)
    return [fault.split(":", 1)[0] for fault in caught.value.faults]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    found = faults(tmp_path, CPMS_MODE="test", SECRET_KEY="short", WEB_WORKERS="many", DATABASE_URL="mysql://x")

    assert found == [
        "CPMS_MODE is neither demo nor production",
        "SECRET_KEY is weak",
        "DATABASE_URL is neither sqlite",
        "WEB_WORKERS is not a number from 1 to 64",
    ]


@pytest.mark.parametrize("name", ["SECRET_KEY", "MASTER_KEY"])
def test_a_secret_has_no_default(tmp_path: Path, name: str) -> None:
    given = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(config.Faults) as caught:
        config.load(given, path=tmp_path / "settings.env")
    assert [fault.split(" ")[0] for fault in caught.value.faults] == [name]


@pytest.mark.parametrize("key", ["", "abc", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "A" * 44])
def test_a_weak_master_key_is_refused(tmp_path: Path, key: str) -> None:
    assert faults(tmp_path, MASTER_KEY=key) == ["MASTER_KEY is not 32 random bytes in base64"]


def test_each_use_of_the_secret_has_a_key_of_its_own(tmp_path: Path) -> None:
    settings, other = load(tmp_path), load(tmp_path, SECRET_KEY=GOOD["SECRET_KEY"] + "!")
    keys = {settings.key("cookies"), settings.key("forms"), other.key("cookies"), settings["SECRET_KEY"].encode()}
    assert len(keys) == 4
    assert settings.key("cookies") == load(tmp_path).key("cookies")
    assert len(settings.key("cookies")) == 32


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_text("WEB_WORKERS=3\nWEB_THREADS=5\n")
    path.chmod(0o600)

    settings = config.load(GOOD | {"WEB_WORKERS": "7"}, path=path)

    assert (settings["WEB_WORKERS"], settings["WEB_THREADS"]) == (7, 5)


def test_a_settings_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_text("")
    path.chmod(0o640)
    assert faults(tmp_path) == [f"{path} can be read by others"]


def test_an_unknown_setting_in_the_file_is_refused_so_that_a_misspelt_one_is_found(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_text("OPERATER_NAME=x\n")
    path.chmod(0o600)
    assert faults(tmp_path) == ["OPERATER_NAME in the settings file is not a setting of this program"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"PUBLIC_URL": "https://cpms.example.org"}, ["CPMS_MODE is demo, which anybody can enter"]),
        ({"BIND": "0.0.0.0:8000"}, ["PUBLIC_URL is http", "CPMS_MODE is demo, which anybody can enter"]),
        ({"TRUSTED_HOSTS": "cpms.lan"}, ["PUBLIC_URL is http", "CPMS_MODE is demo, which anybody can enter"]),
        ({"PROXY_HOPS": "1"}, ["CPMS_MODE is demo, which anybody can enter"]),
        ({"CPMS_MODE": "production", "FLASK_DEBUG": "1"}, ["FLASK_DEBUG is on"]),
        (
            {"BIND": "127.0.0.1"},
            ["PUBLIC_URL is http", "CPMS_MODE is demo, which anybody can enter", "BIND has no port"],
        ),
        (
            {"CPMS_MODE": "production", "PUBLIC_URL": "http://cpms.example.org"},
            ["PUBLIC_URL is http"],
        ),
        (
            {"CPMS_MODE": "production", "PUBLIC_URL": "http://10.0.0.1"},
            ["PUBLIC_URL is http"],
        ),
        ({"PUBLIC_URL": "ftp://127.0.0.1"}, ["PUBLIC_URL is not an address such as https"]),
        ({"PUBLIC_URL": "http://127.0.0.1/cpms"}, ["PUBLIC_URL is not an address such as https"]),
    ],
)
def test_an_address_that_would_open_the_house_is_refused(
    tmp_path: Path, given: dict[str, str], expected: list[str]
) -> None:
    assert faults(tmp_path, **given) == expected


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("https://127.0.0.1", False),
    ],
)
def test_cookies_are_plain_on_http_loopback_alone(tmp_path: Path, url: str, *, plain: bool) -> None:
    from app import _flask_config

    settings = load(tmp_path, PUBLIC_URL=url)
    cookies = _flask_config(settings)

    assert settings.plain_http is plain
    assert cookies["SESSION_COOKIE_SECURE"] is not plain
    assert cookies["SESSION_COOKIE_NAME"] == ("cpms" if plain else "__Host-cpms")


def test_demo_mode_has_an_invented_operator_and_production_has_none(tmp_path: Path) -> None:
    demo, real = load(tmp_path), load(tmp_path, CPMS_MODE="production")

    assert {name: demo[name] for name in config.OPERATOR} == config.DEMO_OPERATOR
    assert {real[name] for name in config.OPERATOR} == {""}


def test_hosts_answered_follow_the_public_address_unless_they_are_named(tmp_path: Path) -> None:
    assert load(tmp_path, PUBLIC_URL="http://localhost:9000")["TRUSTED_HOSTS"] == ["localhost"]
    named = load(tmp_path, CPMS_MODE="production", PUBLIC_URL="https://a.example", TRUSTED_HOSTS="a.example, b.example")
    assert named["TRUSTED_HOSTS"] == ["a.example", "b.example"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_by_psycopg_3(tmp_path: Path, scheme: str) -> None:
    settings = load(tmp_path, DATABASE_URL=f"{scheme}://app@db/cpms")
    assert settings["DATABASE_URL"] == settings["DATABASE_OWNER_URL"] == "postgresql+psycopg://app@db/cpms"


def test_setting_up_writes_a_closed_file_once_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "var" / "settings.env"

    wrote = [first_settings.write(path), first_settings.write(path)]
    first = path.read_text()

    assert wrote == [True, False]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == first
    assert config.load({}, path=path).demo


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    one, two = tmp_path / "1" / "settings.env", tmp_path / "2" / "settings.env"
    first_settings.write(one)
    first_settings.write(two)
    known: list[Any] = [config.load({}, path=path) for path in (one, two)]

    assert known[0]["SECRET_KEY"] != known[1]["SECRET_KEY"]
    assert known[0]["MASTER_KEY"] != known[1]["MASTER_KEY"]


# --- EU Login ---

PROVIDER = {
    "EU_LOGIN_ISSUER": "https://ecas.example/cas/oauth2",
    "EU_LOGIN_CLIENT_ID": "cpms",
    "EU_LOGIN_CLIENT_SECRET": "secret",
    "EU_LOGIN_TWO_FACTORS": "acr:https://ecas.example/loa/high, amr:pwd+otp",
}


CAS = {"CAS_URL": "https://ecas.example/cas", "CAS_TWO_FACTORS": "authenticationLevel:MEDIUM, strengths:PASSWORD_SMS"}


def test_both_ways_of_eu_login_may_be_on_and_either_alone(tmp_path: Path) -> None:
    both, alone = load(tmp_path, **PROVIDER, **CAS), load(tmp_path, **CAS, PASSWORD_LOGIN="no")

    assert both["CAS_TWO_FACTORS"] == [("authenticationLevel", "MEDIUM"), ("strengths", "PASSWORD_SMS")]
    assert (alone["CAS_VALIDATION"], alone["CAS_EMAILS_VERIFIED"]) == ("TicketValidationService", False)


def test_eu_login_is_named_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    settings = load(tmp_path, **PROVIDER, PASSWORD_LOGIN="no")

    assert settings["EU_LOGIN_TWO_FACTORS"] == [("acr", "https://ecas.example/loa/high"), ("amr", "pwd+otp")]
    assert settings["PASSWORD_LOGIN"] is False
    assert load(tmp_path)["EU_LOGIN_ISSUER"] == ""
    assert load(tmp_path)["PASSWORD_LOGIN"] is True
    rest = ["EU_LOGIN_CLIENT_ID", "EU_LOGIN_CLIENT_SECRET", "EU_LOGIN_TWO_FACTORS"]
    alone = faults(tmp_path, EU_LOGIN_ISSUER=PROVIDER["EU_LOGIN_ISSUER"])
    assert alone == [f"{name} is empty, but EU_LOGIN_ISSUER is not" for name in rest]
    without = faults(tmp_path, **{name: PROVIDER[name] for name in rest})
    assert without == [f"{name} is given, but EU_LOGIN_ISSUER is empty" for name in rest]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"PASSWORD_LOGIN": "no"}, ["PASSWORD_LOGIN is no, EU_LOGIN_ISSUER and CAS_URL are empty"]),
        ({"PASSWORD_LOGIN": "perhaps"}, ["PASSWORD_LOGIN is neither yes nor no"]),
        ({"EU_LOGIN": "yes"}, ["EU_LOGIN is neither empty nor demo"]),
        ({"EU_LOGIN": "demo", "CPMS_MODE": "production"}, ["EU_LOGIN is demo, where anybody is whom they like"]),
        (
            {"EU_LOGIN": "demo", "EU_LOGIN_ISSUER": "https://ecas.example"},
            ["EU_LOGIN is demo and EU_LOGIN_ISSUER not such as http"],
        ),
        (PROVIDER | {"EU_LOGIN_ISSUER": "http://ecas.example"}, ["EU_LOGIN_ISSUER is not an issuer such as https"]),
        (PROVIDER | {"EU_LOGIN_ISSUER": "ecas.example"}, ["EU_LOGIN_ISSUER is not an issuer such as https"]),
        (PROVIDER | {"EU_LOGIN_ISSUER": "https://e.example/?x=1"}, ["EU_LOGIN_ISSUER is not an issuer such as https"]),
        (PROVIDER | {"EU_LOGIN_TWO_FACTORS": "mfa"}, ["EU_LOGIN_TWO_FACTORS is not a list such as acr"]),
        (PROVIDER | {"EU_LOGIN_TWO_FACTORS": "amr:pwd+otp"}, ["EU_LOGIN_TWO_FACTORS has no acr"]),
        (
            {"EU_LOGIN": "demo", "EU_LOGIN_ISSUER": "http://localhost"},
            ["EU_LOGIN is demo and EU_LOGIN_ISSUER not such as http"],
        ),
        ({"CAS_URL": "http://cas.example/cas"}, ["CAS_URL is not an issuer such as https"]),
        ({"CAS_URL": "https://cas.example/cas"}, ["CAS_URL and CAS_TWO_FACTORS go together"]),
        ({"CAS_TWO_FACTORS": "authenticationLevel:HIGH"}, ["CAS_URL and CAS_TWO_FACTORS go together"]),
        (CAS | {"CAS_TWO_FACTORS": "HIGH"}, ["CAS_TWO_FACTORS is not a list such as authenticationLevel"]),
        (CAS | {"CAS_TWO_FACTORS": "a b:HIGH"}, ["CAS_TWO_FACTORS is not a list such as authenticationLevel"]),
        (
            CAS | {"CAS_VALIDATION": "validate"},
            ["CAS_VALIDATION is neither TicketValidationService nor p3/serviceValidate"],
        ),
        (PROVIDER | {"EU_LOGIN_TWO_FACTORS": "acr:"}, ["EU_LOGIN_TWO_FACTORS is not a list such as acr"]),
    ],
)
def test_an_eu_login_that_cannot_work_is_refused(tmp_path: Path, given: dict[str, str], expected: list[str]) -> None:
    assert faults(tmp_path, **given) == expected


def test_the_demos_eu_login_needs_one_word(tmp_path: Path) -> None:
    settings = load(tmp_path, EU_LOGIN="demo")
    moved = load(tmp_path, EU_LOGIN="demo", EU_LOGIN_ISSUER="http://127.0.0.1:9999")

    assert {name: settings[name] for name in config.DEMO_EU_LOGIN} == config.DEMO_EU_LOGIN
    assert moved["EU_LOGIN_ISSUER"] == "http://127.0.0.1:9999"


# --- the seal ---


def seal_files(folder: Path) -> tuple[Path, Path]:
    """Key and certificate of a seal, a file each."""
    key, certificate = seals.demo_pair(folder)
    paths = (folder / "key.pem", folder / "certificate.pem")
    for path, content in zip(paths, (key, certificate), strict=True):
        path.write_bytes(content)
        path.chmod(0o600)
    return paths


def test_a_seal_is_given_as_files_or_as_pem(tmp_path: Path) -> None:
    key, certificate = seal_files(tmp_path)

    as_files = load(tmp_path, SEAL_KEY=str(key), SEAL_CERTIFICATE=str(certificate))
    as_pem = load(tmp_path, SEAL_KEY=key.read_text(), SEAL_CERTIFICATE=certificate.read_text())

    assert as_files["SEAL_KEY"] == as_pem["SEAL_KEY"] == key.read_bytes()
    assert as_files["SEAL_CERTIFICATE"] == as_pem["SEAL_CERTIFICATE"] == certificate.read_bytes()
    assert load(tmp_path)["SEAL_KEY"] == b""


def test_a_seal_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    key, certificate = seal_files(tmp_path)
    (tmp_path / "other").mkdir()
    other, _certificate = seal_files(tmp_path / "other")

    unfit = ["SEAL_KEY and SEAL_CERTIFICATE do not belong together, or are not PEM without a password"]
    assert faults(tmp_path, SEAL_KEY=str(other), SEAL_CERTIFICATE=str(certificate)) == unfit
    assert faults(tmp_path, SEAL_KEY=str(key)) == unfit
    assert faults(tmp_path, SEAL_CERTIFICATE=str(certificate)) == unfit
    for missing in (str(tmp_path / "nowhere"), "x" * 5000):
        said = faults(tmp_path, SEAL_KEY=missing, SEAL_CERTIFICATE=str(certificate))
        assert said == ["SEAL_KEY is neither PEM nor the path of a file this program can read"]


def test_a_key_of_the_seal_that_others_can_read_is_refused(tmp_path: Path) -> None:
    key, certificate = seal_files(tmp_path)
    key.chmod(0o644)

    assert faults(tmp_path, SEAL_KEY=str(key), SEAL_CERTIFICATE=str(certificate)) == [
        f"SEAL_KEY can be read by others (chmod 600 {key})"
    ]


@pytest.mark.parametrize("address", ["tsa.example.org", "ftp://tsa.example.org/tsr", "https://"])
def test_a_time_stamp_service_has_a_web_address(tmp_path: Path, address: str) -> None:
    assert faults(tmp_path, SEAL_TSA=address) == ["SEAL_TSA is not the address of a service such as https"]
    assert load(tmp_path, SEAL_TSA="http://tsa.example.org/tsr")["SEAL_TSA"] == "http://tsa.example.org/tsr"
