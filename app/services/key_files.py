"""The keys in a file, apart from every backup: the secret settings, and the seal's key and certificate.

The file reads like ``settings.env``, so that its lines can be put there.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from dotenv import dotenv_values

from app.outside import folders, seals
from app.outside.seals import SealFault
from app.premises import premises
from app.services.backup_folders import Unfit, disk, var

SEAL = {"SEAL_KEY": "seal-key.pem", "SEAL_CERTIFICATE": "seal-certificate.pem"}
"""The settings of the seal, key first, and where in ``var/`` a restore puts what they name."""


def refuse_near(file: Path, folder: Path) -> None:
    """Refuse to write the keys beside what they open.

    Raises:
        Unfit: the file would lie inside the backup, or cannot be made.
    """
    if folder.resolve() in file.resolve().parents:
        raise Unfit(f"{file} lies inside {folder}. Whoever finds both can read everything: keep the keys elsewhere.")
    if file.is_dir() or not file.resolve().parent.is_dir():
        raise Unfit(f"{file} cannot be written: give the name of a file in a folder that is there.")


def write(file: Path) -> None:
    """Write the secret settings as they stand in ``settings.env``, for the owner's eyes alone."""
    half = file.with_name(f".{file.name}.part")
    with disk(file):
        folders.write(half, "".join(f"{name}={value}\n" for name, value in _secrets().items()))
        half.replace(file)


def _secrets() -> dict[str, str]:
    settings = premises().settings
    masters = settings["MASTER_KEY"]
    several = ",".join(f"{one}:{_base64(masters[one])}" for one in sorted(masters, key=int, reverse=True))
    master = _base64(masters["1"]) if set(masters) == {"1"} else several
    quoted = {name: json.dumps(settings[name].decode()) for name in SEAL if settings[name]}  # its lines in one
    return {"SECRET_KEY": settings["SECRET_KEY"], "MASTER_KEY": master, **quoted}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def read_seal(file: Path) -> dict[str, str]:
    """The seal's key and certificate out of such a file; nothing where there was no seal.

    Raises:
        Unfit: it cannot be read, or key and certificate are not a pair.
    """
    if not file.is_file():
        raise Unfit(f"{file} is no file with keys.")
    with disk(file):
        found = dotenv_values(file, interpolate=False)
    seal = {name: found[name] or "" for name in SEAL if found.get(name)}
    try:
        if seal:
            seals.fitting(*(seal.get(name, "").encode() for name in SEAL))
    except SealFault as fault:
        raise Unfit(f"The key and the certificate of the seal in {file} do not fit each other.") from fault
    return seal


def put_back(seal: dict[str, str]) -> dict[str, Path]:
    """Write the seal's files into ``var/`` where the settings name none; gives where, by the setting that is to name them."""
    settings, written = premises().settings, {}
    with disk(var()):
        for name, content in seal.items():
            if not settings[name]:
                written[name] = var() / SEAL[name]
                folders.write(written[name], content)
    return written
