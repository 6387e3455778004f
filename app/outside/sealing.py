"""Putting a seal into a PDF with pyHanko: PAdES B-B, or B-T with a time-stamp service.

Importing this module imports pyHanko and its HTTP client (0.7 s), so only who seals does: see ``seals``.
"""

from __future__ import annotations

import io
from typing import Any, Final

from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.constants import ISO32002
from pyhanko.sign.timestamps import HTTPTimeStamper, TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from app.outside.seals import SealFault

FIELD: Final = "Seal"
TSA_SECONDS: Final = 20
PDF_OF_PART_3: Final = (1, 7)


class _Writer(IncrementalPdfFileWriter):  # type: ignore[misc]
    """PDF/A-3 is PDF 1.7: the file does not become PDF 2.0, as pyHanko has it for elliptic curves (ISO/TS 32002)."""

    def ensure_output_version(self, version: tuple[int, int]) -> None:
        super().ensure_output_version(min(version, PDF_OF_PART_3))

    def register_extension(self, ext: Any) -> None:
        if ext is not ISO32002:
            super().register_extension(ext)


def seal(pdf: bytes, key: bytes, certificate: bytes, time_stamps: str, reason: str) -> bytes:
    """The PDF with a seal added behind it; arguments and faults are those of ``Seal``."""
    own, *issuers = load_certs_from_pemder_data(certificate)
    signer = SimpleSigner(own, load_private_key_from_pemder_data(key, None), SimpleCertificateStore.from_certs(issuers))
    meaning = PdfSignatureMetadata(
        field_name=FIELD, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason=reason
    )
    clock = HTTPTimeStamper(time_stamps, timeout=TSA_SECONDS) if time_stamps else None
    written = io.BytesIO()
    try:
        sign_pdf(_Writer(io.BytesIO(pdf)), meaning, signer, timestamper=clock, output=written)
    except TimestampRequestError as fault:
        raise SealFault("no_time") from fault
    except (PdfError, SigningError) as fault:
        raise SealFault("refused") from fault
    return written.getvalue()
