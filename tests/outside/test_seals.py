"""Seals: what we sign any reader can check, and what others signed is taken only as it was signed."""

from __future__ import annotations

import datetime as dt
import io
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.outside import archive_copies, scans, seals
from app.outside.seals import Seal, SealFault, SignatureRefused
from tests.papers import document

PEM = serialization.Encoding.PEM
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
YEAR = dt.timedelta(days=365)


def written(key: Any) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certified(key: Any, name: str, issuer: tuple[Any, str] | None = None, until: dt.datetime = NOW + YEAR) -> bytes:
    """A certificate for ``key``, by its own word or by another's; fit for time stamps too."""
    by_key, by_name = issuer or (key, name)
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number()).public_key(key.public_key())
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    builder = builder.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by_name)]))
    builder = builder.not_valid_before(NOW - 2 * YEAR).not_valid_after(until)
    stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    return builder.add_extension(stamping, critical=True).sign(by_key, hashes.SHA256()).public_bytes(PEM)


def signer(name: str = "Maria Signer", issuer: str = "") -> Seal:
    """Somebody with a key of their own, issued by somebody else if one is named."""
    key, authority = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    return Seal(written(key), certified(key, name, (authority, issuer) if issuer else None))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    return seals.demo_pair(tmp_path_factory.mktemp("demo"))


def archivable(pages: int = 2) -> bytes:
    drawn = archive_copies.draw_pages(document(pages))
    return archive_copies.finish(drawn, title="A form", language="en", made=NOW, files=())


def pdfsig(pdf: bytes, folder: Path) -> list[str]:
    """What poppler says, a line each."""
    (folder / "sealed.pdf").write_bytes(pdf)
    run = subprocess.run(["pdfsig", folder / "sealed.pdf"], capture_output=True, text=True, check=False)
    return [line.strip(" -") for line in run.stdout.splitlines()]


def refusal(pdf: bytes) -> str:
    with pytest.raises(SignatureRefused) as caught:
        seals.check(pdf)
    return caught.value.code


# --- our seal ---


def test_poppler_finds_the_seal_valid_and_the_whole_document_signed(pair: Any, tmp_path: Path) -> None:
    lines = pdfsig(Seal(*pair).put_on(archivable(), reason="A copy"), tmp_path)

    assert "Signature Validation: Signature is Valid." in lines
    assert "Total document signed" in lines
    assert "Signature Type: ETSI.CAdES.detached" in lines
    assert f"Signer Certificate Common Name: {seals.DEMO_NAME}" in lines


@pytest.mark.parametrize("kind", ["P-384", "RSA"])
def test_other_kinds_of_keys_seal_as_well(kind: str, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1()) if kind == "P-384" else rsa.generate_private_key(65537, 2048)

    sealed = Seal(written(key), certified(key, "Hospital")).put_on(archivable(), reason="A copy")

    assert "Signature Validation: Signature is Valid." in pdfsig(sealed, tmp_path)
    assert [one.signer for one in seals.check(sealed)] == ["Hospital"]


def test_what_is_sealed_stays_byte_for_byte_and_pdf_1_7(pair: Any) -> None:
    plain = archivable()

    sealed = Seal(*pair).put_on(plain, reason="A copy")

    assert sealed.startswith(plain)
    with pikepdf.open(io.BytesIO(sealed)) as pdf:
        assert pdf.pdf_version <= "1.7"
        assert str(pdf.Root.get("/Version", "/1.7")) == "/1.7"
        assert (str(pdf.open_metadata()["pdfaid:part"]), pdf.open_metadata()["pdfaid:conformance"]) == ("3", "B")


def test_we_read_our_own_seal_and_say_that_it_is_self_made(pair: Any) -> None:
    seal = Seal(*pair)

    (found,) = seals.check(seal.put_on(archivable(), reason="A copy"))

    assert (found.signer, found.issuer, found.self_made) == (seals.DEMO_NAME, seals.DEMO_NAME, True)
    assert (found.stamped, found.fingerprint) == (False, seal.fingerprint)
    assert abs(dt.datetime.fromisoformat(found.signed_at) - NOW) < dt.timedelta(minutes=10)


def test_one_changed_byte_of_what_is_signed_is_found_and_of_the_room_behind_the_signature(pair: Any) -> None:
    sealed = Seal(*pair).put_on(archivable(1), reason="A copy")
    start = sealed.index(b"<308", sealed.index(b"/Contents <"))
    filled = sealed.index(b"0" * 200, start)

    for place in (*range(9, start, 173), *range(filled + 200, len(sealed), 173)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SignatureRefused):
            seals.check(bytes(changed))


def test_a_changed_page_breaks_the_seal_in_popplers_eyes_too(pair: Any, tmp_path: Path) -> None:
    sealed = bytearray(Seal(*pair).put_on(archivable(), reason="A copy"))
    sealed[sealed.index(b"/MediaBox") + 1] ^= 1

    assert "Signature Validation: Digest Mismatch." in pdfsig(bytes(sealed), tmp_path)


def test_a_certificate_that_is_over_seals_nothing() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    seal = Seal(written(key), certified(key, "Hospital", until=NOW - dt.timedelta(days=1)))

    with pytest.raises(SealFault) as caught:
        seal.put_on(archivable(1), reason="A copy")
    assert caught.value.code == "over"


def test_key_and_certificate_must_fit() -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _one in range(2))
    locked = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x"))
    own = certified(key, "Hospital")

    for pair in ((written(other), own), (locked, own), (b"", own), (written(key), b""), (own, written(key))):
        with pytest.raises(SealFault) as caught:
            Seal(*pair)
        assert caught.value.code == "unfit"


def test_the_demos_pair_is_made_once_for_our_eyes_only(tmp_path: Path) -> None:
    first, second = seals.demo_pair(tmp_path), seals.demo_pair(tmp_path)

    assert first == second
    assert [path.name for path in tmp_path.iterdir()] == ["demo-seal.pem"]
    assert stat.S_IMODE((tmp_path / "demo-seal.pem").stat().st_mode) == 0o600
    assert Seal(*first).subject == "CPMS demo seal, self-made, proves nothing outside this demo"


# --- time stamps ---


@contextmanager
def time_stamps(answer: bool = True) -> Iterator[str]:
    """A time-stamp service (RFC 3161) on this machine."""
    from asn1crypto import tsp
    from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
    from pyhanko.sign.timestamps import DummyTimeStamper

    key = rsa.generate_private_key(65537, 2048)
    (own,) = load_certs_from_pemder_data(certified(key, "Clock"))
    clock = DummyTimeStamper(own, load_private_key_from_pemder_data(written(key), None))

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            said = clock.request_tsa_response(asked).dump() if answer else b"no"
            self.send_response(200 if answer else 500)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_words: Any) -> None:
            """Nothing to say."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/tsr"
        server.shutdown()


def test_a_time_stamp_service_vouches_for_the_moment(pair: Any, tmp_path: Path) -> None:
    with time_stamps() as address:
        sealed = Seal(*pair, address).put_on(archivable(1), reason="A copy")

    (found,) = seals.check(sealed)
    assert found.stamped
    assert "Signature Validation: Signature is Valid." in pdfsig(sealed, tmp_path)


def test_without_its_time_stamp_no_seal_is_made(pair: Any) -> None:
    with time_stamps(answer=False) as address, pytest.raises(SealFault) as caught:
        Seal(*pair, address).put_on(archivable(1), reason="A copy")
    assert caught.value.code == "no_time"


# --- what others signed ---


def test_an_unsigned_pdf_has_no_signatures() -> None:
    assert seals.check(document()) == ()


def test_a_signed_pdf_passes_the_check_of_scans_and_tells_who_signed_and_who_vouches(tmp_path: Path) -> None:
    signed = signer("Maria Signer", "State Authority").put_on(document(3), reason="I agree")

    assert scans.inspect(signed, "signed.pdf").pages == 3
    (found,) = seals.check(signed)
    assert (found.signer, found.issuer, found.self_made) == ("Maria Signer", "State Authority", False)


def test_two_people_may_sign_one_after_the_other(pair: Any) -> None:
    both = clinician_after(signer("Maria Signer").put_on(document(), reason="I agree"))

    assert [one.signer for one in seals.check(both)] == ["Maria Signer", "Dr Second"]


def test_a_second_signature_that_draws_over_what_was_signed_is_refused() -> None:
    once = signer("Maria Signer").put_on(archivable(1), reason="I agree")

    assert refusal(clinician_after(once, box=(0, 0, 595, 842))) == "changed"


def test_a_visible_signature_in_the_place_prepared_for_it_is_accepted() -> None:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field

    out, writer = io.BytesIO(), IncrementalPdfFileWriter(io.BytesIO(archivable(1)))
    append_signature_field(writer, SigFieldSpec("Second", on_page=0, box=(50, 50, 250, 100)))
    writer.write(out)

    both = clinician_after(signer("Maria Signer").put_on(out.getvalue(), reason="I agree"))

    assert [one.signer for one in seals.check(both)] == ["Maria Signer", "Dr Second"]


def clinician_after(signed: bytes, box: tuple[int, int, int, int] | None = None) -> bytes:
    """A second signature in a field of its own; with ``box`` one that is drawn there."""
    from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, sign_pdf
    from pyhanko.sign.fields import SigFieldSpec
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    key = ec.generate_private_key(ec.SECP256R1())
    (own,) = load_certs_from_pemder_data(certified(key, "Dr Second"))
    second = SimpleSigner(own, load_private_key_from_pemder_data(written(key), None), SimpleCertificateStore())
    out = io.BytesIO()
    sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(signed)),
        PdfSignatureMetadata(field_name="Second"),
        second,
        new_field_spec=SigFieldSpec("Second", on_page=0, box=box) if box else None,
        output=out,
    )
    return out.getvalue()


def updated(signed: bytes, change: Any) -> bytes:
    """A change written behind the signed file, which stays byte for byte."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    assert out.getvalue().startswith(signed)
    return out.getvalue()


def cross_a_box(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    box = writer.root["/AcroForm"]["/Fields"][0]
    box[generic.pdf_name("/V")] = generic.pdf_name("/Yes")
    writer.update_container(box)


def turn_the_page(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    page = writer.root["/Pages"]["/Kids"][0]
    page[generic.pdf_name("/Rotate")] = generic.NumberObject(180)
    writer.update_container(page)


def form_with_a_box() -> bytes:
    made = pikepdf.open(io.BytesIO(document()))
    box = pikepdf.Dictionary(
        FT=pikepdf.Name.Btn,
        T="care",
        V=pikepdf.Name.Off,
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Widget,
        Rect=[10, 10, 30, 30],
    )
    made.Root.AcroForm = pikepdf.Dictionary(Fields=[made.make_indirect(box)])
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_a_page_changed_behind_the_signature_is_refused() -> None:
    assert refusal(updated(signer().put_on(document(), reason="I agree"), turn_the_page)) == "changed"


def test_a_box_crossed_after_the_signature_is_refused() -> None:
    signed = signer().put_on(form_with_a_box(), reason="I agree")
    assert [one.signer for one in seals.check(signed)] == ["Maria Signer"]

    crossed = updated(signed, cross_a_box)

    assert refusal(crossed) == "changed"
    assert refusal(clinician_after(crossed)) == "changed"


def test_bytes_hung_behind_the_signature_are_refused() -> None:
    signed = signer().put_on(document(), reason="I agree")

    assert refusal(signed + b"\n% a note\n") == "changed"
    assert refusal(signed + signed) == "changed"


def test_a_file_written_anew_is_refused() -> None:
    with pikepdf.open(io.BytesIO(signer().put_on(document(), reason="I agree"))) as pdf:
        out = io.BytesIO()
        pdf.save(out)

    assert refusal(out.getvalue()) == "broken"


def test_a_signature_over_sha_1_is_not_believed() -> None:
    from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, sign_pdf
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    key = rsa.generate_private_key(65537, 2048)
    (own,) = load_certs_from_pemder_data(certified(key, "Old Program"))
    old = SimpleSigner(own, load_private_key_from_pemder_data(written(key), None), SimpleCertificateStore())
    out = io.BytesIO()
    meaning = PdfSignatureMetadata(field_name="Old", md_algorithm="sha1")
    sign_pdf(IncrementalPdfFileWriter(io.BytesIO(document())), meaning, old, output=out)

    assert refusal(out.getvalue()) == "unreadable"


def test_what_only_looks_signed_is_refused_and_costs_no_process() -> None:
    made = pikepdf.open(io.BytesIO(document()))
    empty = pikepdf.Dictionary(Type=pikepdf.Name.Sig, ByteRange=[0, 1, 2, 3], Contents=b"\0" * 32)
    field = pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="Signature", V=made.make_indirect(empty))
    made.Root.AcroForm = pikepdf.Dictionary(Fields=[made.make_indirect(field)])
    out = io.BytesIO()
    made.save(out)

    assert refusal(out.getvalue()) == "unreadable"
    assert refusal(b"%PDF-1.7\n/ByteRange " + b"[" * 100_000) == "unreadable"
