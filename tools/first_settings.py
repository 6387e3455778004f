"""Writes the settings of a demo, secrets of its own included, where there are none yet: ``make setup``."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

import config


def write(path: Path) -> bool:
    """Write the file once, mode 0600. True when it was written."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [
        "# Written once by `make setup`. The environment overrides it. Keep MASTER_KEY apart from the backups.",
        "CPMS_MODE=demo",
        f"SECRET_KEY={secrets.token_urlsafe(48)}",
        f"MASTER_KEY={base64.b64encode(secrets.token_bytes(32)).decode()}",
        "PUBLIC_URL=http://127.0.0.1:8000",
        "TRUSTED_HOSTS=127.0.0.1,localhost",
    ]
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(lines) + "\n")
    return True


if __name__ == "__main__" and write(config.SETTINGS_FILE):
    print("wrote", config.SETTINGS_FILE)
