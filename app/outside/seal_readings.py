"""What the warm child does with digitally signed PDFs: whether each signature holds, and what it covers.

Runs in the child only (``seals`` is how others see it): what is imported here meets what strangers wrote. Nothing is
fetched, so neither trust in an issuer nor a revocation is decided here; neither does it matter to what a file says.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from asn1crypto.cms import ContentInfo
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DiffResult,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.rules.form_field_rules import is_field_visible
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import extract_certificate_info, extract_signer_info
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter, validate_sig_integrity
from pyhanko.sign.validation.status import SignatureCoverageLevel

from app.outside.seals import name_of, self_made

if TYPE_CHECKING:
    import datetime as dt

for name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(name).setLevel(logging.CRITICAL)  # they quote the stranger's file

UNSAFE: Final = frozenset({"md2", "md5", "sha1"})
LONGEST_NAME: Final = 200
FILE_END: Final = re.compile(rb"startxref\s+\d+\s+%%EOF\s*")
READER_RIGHTS: Final = frozenset({"/UR", "/UR3"})
"""What a form's maker signs so that a viewer lets people fill it in: nobody's word about what was filled in."""


class NothingDrawnLater(SigFieldCreationRule):  # type: ignore[misc]
    """pyHanko's rule without its leave to put a visible signature on a page: it may cover what was signed before."""

    def apply(self, context: Any) -> Any:
        """Refuse a new field one can see; a place for a second signature that was there before may be filled."""
        for name, spec in context.field_specs.items():
            if spec.old_field_ref is None and is_field_visible(spec.new_field_ref.get_object()):
                raise SuspiciousModification(f"{name} was put on the page after the signature")
        return super().apply(context)


KEEPING: Final = ModificationLevel.LTA_UPDATES
"""What may follow the last signature: what keeps it checkable."""
UNCHANGED: Final = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),
        *(
            rule.as_qualified(KEEPING)
            for rule in (DocInfoRule(), XrefStreamRule(), ObjectStreamRule(), DSSCompareRule(), MetadataUpdateRule())
        ),
    ],
    form_rule=FormUpdatingRule(field_rules=[NothingDrawnLater(), SigFieldModificationRule()]),
)
"""pyHanko's own policy without its leave to fill in fields or draw: a box crossed after the signature was not signed."""

Facts = tuple[str, str, bool, str, bool, str]
"""Those of ``seals.Signature``, in its order."""


class Refused(Exception):
    """Args: the code of ``seals.SignatureRefused``."""


def read(content: bytes) -> tuple[str, Any]:
    """``("signed", the facts of each signature)`` or ``("refused", code)``."""
    try:
        return ("signed", _signatures(content))
    except Refused as refused:
        return ("refused", refused.args[0])
    except Exception:  # noqa: BLE001  whatever a stranger's file makes the parser say, it cannot be checked
        return ("refused", "unreadable")


def _signatures(content: bytes) -> list[Facts]:
    reader = PdfFileReader(io.BytesIO(content))
    every = list(reader.embedded_signatures)
    if not every and READER_RIGHTS & set(reader.root.get("/Perms", {})):
        return []
    if not every or len(every) < sum(1 for _field in enumerate_sig_fields(reader, filled_status=True)):
        raise Refused("unreadable")  # pyHanko passes over kinds it does not know, and over one no field leads to
    if not _ends_with_last_revision(reader, content):
        raise Refused("changed")
    persons = [one for one in every if one.sig_object_type == "/Sig"]
    for one in every:
        _check_whole(one)
        _check_changes(one, content, last=one is persons[-1] if persons else True)
    return [_facts(one) for one in persons]


def _ends_with_last_revision(reader: Any, content: bytes) -> bool:
    """Whether nothing hangs behind the last revision: readers pass over it, and no signature could cover it."""
    table = reader.xrefs.get_xref_container_info(reader.xrefs.total_revisions - 1).end_location
    return FILE_END.fullmatch(content, content.find(b"startxref", table)) is not None


def _check_whole(signature: Any) -> None:
    """The signature is mathematically one over the bytes it names."""
    if signature.md_algorithm in UNSAFE or signature.external_md_algorithm in UNSAFE:
        raise Refused("unreadable")
    stamp = signature.sig_object_type == "/DocTimeStamp"
    digest = signature.compute_digest()
    if stamp:
        told = signature.signed_data["encap_content_info"]["content"].parsed["message_imprint"]["hashed_message"].native
        if told != digest:
            raise Refused("broken")
        if not _token_holds(signature.signed_data):
            raise Refused("broken")
        return
    intact, valid = validate_sig_integrity(signature.signer_info, signature.signer_cert, "data", digest)
    if not (intact and valid):
        raise Refused("broken")


def _check_changes(signature: Any, content: bytes, *, last: bool) -> None:
    """It covers the whole file, or all that was there when it was made and nothing changed since."""
    _from, first, start, length = (int(number) for number in signature.byte_range)
    hole = content[first:start]
    if _from or hole[:1] != b"<" or hole[-1:] != b">" or bytes.fromhex(hole[1:-1].decode()) != signature.pkcs7_content:
        raise Refused("changed")
    if any(signature.pkcs7_content[len(ContentInfo.load(signature.pkcs7_content).dump()) :]):
        raise Refused("changed")  # only zeros fill the room the signature leaves
    signature.compute_integrity_info(diff_policy=UNCHANGED)
    if signature.coverage is SignatureCoverageLevel.ENTIRE_FILE and start + length == len(content):
        return
    found = signature.diff_result
    most = KEEPING if last or signature.sig_object_type != "/Sig" else ModificationLevel.FORM_FILLING
    holds = isinstance(found, DiffResult) and found.modification_level <= most
    whole = signature.coverage is SignatureCoverageLevel.ENTIRE_REVISION
    if not (whole and holds and signature.summarise_integrity_info()["docmdp_ok"]):
        raise Refused("changed")


def _facts(signature: Any) -> Facts:
    certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
    stamped = _stamped_at(signature.signer_info)
    moment = stamped or signature.self_reported_timestamp
    return (
        _plain(name_of(certificate.subject)),
        _plain(name_of(certificate.issuer)),
        self_made(certificate),
        moment.isoformat() if moment and moment.tzinfo else "",
        stamped is not None,
        certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _stamped_at(signer_info: Any) -> dt.datetime | None:
    """When a time-stamp service saw the signature; its stamp must fit the signature and itself."""
    if not signer_info["unsigned_attrs"]:
        return None
    for token in extract_tst_data_iter(signer_info, signed=False):
        told = token["encap_content_info"]["content"].parsed
        imprint = told["message_imprint"]
        digest = hashlib.new(imprint["hash_algorithm"]["algorithm"].native, signer_info["signature"].native).digest()
        if imprint["hashed_message"].native != digest or not _token_holds(token):
            raise Refused("broken")
        moment: dt.datetime = told["gen_time"].native
        return moment
    return None


def _token_holds(token: Any) -> bool:
    signer_info = extract_signer_info(token)
    kind = signer_info["digest_algorithm"]["algorithm"].native
    if kind in UNSAFE:
        raise Refused("unreadable")
    digest = hashlib.new(kind, bytes(token["encap_content_info"]["content"])).digest()
    intact, valid = validate_sig_integrity(signer_info, extract_certificate_info(token).signer_cert, "tst_info", digest)
    return bool(intact and valid)


def _plain(words: str) -> str:
    """A name as one line: it is shown to people."""
    return " ".join("".join(sign for sign in words if sign.isprintable()).split())[:LONGEST_NAME]
