"""Settings of a production installation of the tests, complete and strict."""

from __future__ import annotations

import base64
from pathlib import Path

SITE = "https://cpms.test"
SECRET = "a secret of the tests, long enough to be one: 0123456789"
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
OPERATOR = {
    "OPERATOR_NAME": "Tests' operator",
    "OPERATOR_ADDRESS": "1 Test Street, 1000 Testtown",
    "OPERATOR_LEGAL_ROLE": "processor",
    "OPERATOR_DPO": "dpo@operator.example",
    "ARRANGEMENT_REFERENCE": "TEST-1",
}


def environment(var: Path, **changes: str) -> dict[str, str]:
    """Settings of a production installation, complete and strict."""
    return {
        "CPMS_MODE": "production",
        "PUBLIC_URL": SITE,
        "SECRET_KEY": SECRET,
        "MASTER_KEY": MASTER_KEY,
        "VAR_DIR": str(var),
        "DATABASE_URL": f"sqlite:///{var / 'cpms.sqlite'}",
        **OPERATOR,
        **changes,
    }
