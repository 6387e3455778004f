"""T-SSRF: what is set, opened, copied, sealed or checked asks nobody and opens no file, whatever addresses stand in it.

A listener on this machine counts who comes, from this process and from every child. What a page alone could ask for is
tried on the renderer itself (``tests/outside/test_paper_attacks``); here it is the whole way of names and files.
"""

from __future__ import annotations

import io
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from pikepdf import Array, Dictionary, Name
from PIL import Image, PngImagePlugin

from app.errors import Incomplete
from app.models import ConsentForm, Stack, db
from app.outside.seals import Seal
from app.services import archives, consents, jobs, papers, stack_drops
from tests.conftest import Tally
from tests.outside.test_seals import NOW, PEM, YEAR, archivable, written
from tests.papers import document, photograph
from tests.services.copy_words import sealing
from tests.trust.planting import active_in, every_page, plant
from tests.world import SIGNED, World, bring_form

pytestmark = [pytest.mark.t_ssrf, pytest.mark.one_database]

SECRET = b"root of the machine 7741"


class Outside:
    """Somebody outside: a port that counts who comes, and a file nobody may read."""

    def __init__(self, folder: Path) -> None:
        self.callers: list[Any] = []
        self.file = folder / "secret.txt"
        self.file.write_bytes(SECRET)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def address(self) -> str:
        """What would be asked for."""
        return f"http://127.0.0.1:{self.port}/x"

    def _listen(self) -> None:
        while True:
            try:
                caller, whence = self._server.accept()
            except OSError:
                return
            self.callers.append(whence)
            caller.recv(4096)
            caller.sendall(b"HTTP/1.0 200 OK\r\n\r\nhere")
            caller.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    made = Outside(tmp_path)
    yield made
    made.close()


def test_the_listener_hears_who_comes(outside: Outside) -> None:
    with urllib.request.urlopen(outside.address) as answer:
        assert answer.read() == b"here"
    assert len(outside.callers) == 1


# --- names and addresses, on every page and every paper ---------------------------------------------------------------


def hostile_words(outside: Outside) -> tuple[str, ...]:
    """Words that would fetch where a page or a paper took them for its own."""
    address, file = outside.address, outside.file
    return (
        f"<img src={address}>",
        f'"><img src="{address}">',
        f"<link rel=stylesheet href={address}>",
        f"<style>@import '{address}'</style>",
        f"url({address})",
        f'");@import "{address}"',
        f"<object data={address}>",
        f"<link rel=attachment href={file}>",
        f"<img src={file}>",
        f"<svg><image href={address}></svg>",
        f"<!DOCTYPE x SYSTEM '{address}'>",
        f"<?xml-stylesheet href='{address}'?>",
        f"<!ENTITY x SYSTEM 'file://{file}'>",
        f"<xi:include href='{file}'/>",
        f"![x]({address})",
        address,
    )


def test_names_and_addresses_make_no_page_and_no_paper_fetch(world: World, outside: Outside, tally: Tally) -> None:
    plant(world, hostile_words(outside), [outside.address])
    papers = 0
    for who, route, answer in every_page(world, every=False):
        tally.check(answer.status_code < 500, f"{who}: {route} answers {answer.status_code}")
        tally.check(not outside.callers, f"{who}: {route} asked outside")
        outside.callers.clear()
        if answer.data.startswith(b"%PDF") and len(answer.data) > 10_000:
            papers += 1
            tally.check(not active_in(answer.data), f"{who}: {route} holds {active_in(answer.data)}")
            tally.check(SECRET not in contents(answer.data), f"{who}: {route} holds a file")
    tally.check(papers > 5, f"only {papers} papers")


def contents(pdf: bytes) -> bytes:
    """Everything in a PDF, unpacked."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        streams = [item for item in opened.objects if isinstance(item, pikepdf.Stream)]
        return pdf + b"".join(_unpacked(stream) for stream in streams)


def _unpacked(stream: pikepdf.Stream) -> bytes:
    try:
        return bytes(stream.read_bytes())
    except pikepdf.PdfError:
        return b""


# --- files -------------------------------------------------------------------------------------------------------------


def link(outside: Outside) -> Dictionary:
    return Dictionary(S=Name.URI, URI=outside.address)


def elsewhere(outside: Outside) -> Dictionary:
    return Dictionary(Type=Name.Filespec, FS=Name.URL, F=outside.address)


def here(outside: Outside) -> Dictionary:
    return Dictionary(Type=Name.Filespec, F=str(outside.file), UF=str(outside.file))


def on_page(pdf: pikepdf.Pdf, **note: Any) -> None:
    rectangle = Array([0, 0, 500, 500])
    pdf.pages[0].Annots = Array([pdf.make_indirect(Dictionary(Type=Name.Annot, Rect=rectangle, **note))])


def drawn(pdf: pikepdf.Pdf, stream: pikepdf.Stream) -> None:
    pdf.pages[0].Resources = Dictionary(XObject=Dictionary(X=pdf.make_indirect(stream)))
    pdf.pages[0].contents_add(b" q 500 0 0 500 0 0 cm /X Do Q")


def picture(pdf: pikepdf.Pdf, **more: Any) -> pikepdf.Stream:
    kept = {"Type": Name.XObject, "Subtype": Name.Image, "Width": 1, "Height": 1, "BitsPerComponent": 8}
    return pdf.make_stream(b"\0", **kept, ColorSpace=Name.DeviceGray, **more)


def form(pdf: pikepdf.Pdf, **more: Any) -> pikepdf.Stream:
    return pdf.make_stream(b"0 0 9 9 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 9, 9]), **more)


def entity(outside: Outside) -> bytes:
    """A description (XMP) that asks for a file and an address."""
    return (
        f'<?xpacket begin=""?><!DOCTYPE x [<!ENTITY a SYSTEM "file://{outside.file}"><!ENTITY b SYSTEM "{outside.address}">'
        f'<!ENTITY % c SYSTEM "{outside.address}"> %c;]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;&b;'
        f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="{outside.address}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def described(pdf: pikepdf.Pdf, outside: Outside) -> None:
    pdf.Root.Metadata = pdf.make_stream(entity(outside), Type=Name.Metadata, Subtype=Name.XML)


def filled_by_xfa(pdf: pikepdf.Pdf, outside: Outside) -> None:
    pdf.Root.AcroForm = Dictionary(Fields=Array([]), XFA=pdf.make_stream(entity(outside)))


def scripted(pdf: pikepdf.Pdf, outside: Outside) -> None:
    script = Dictionary(S=Name.JavaScript, JS=f"app.launchURL('{outside.address}')")
    pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([pikepdf.String("a"), script])))


def set_in_a_font_of_elsewhere(pdf: pikepdf.Pdf, outside: Outside) -> None:
    described_by = Dictionary(Type=Name.FontDescriptor, FontName=Name.X, FontFile2=form(pdf, F=elsewhere(outside)))
    font = Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name.X, FontDescriptor=described_by)
    pdf.pages[0].Resources = Dictionary(Font=Dictionary(F=font))
    pdf.pages[0].contents_add(b" BT /F 12 Tf (x) Tj ET")


HOSTILE: dict[str, Callable[[pikepdf.Pdf, Outside], Any]] = {
    "a link": lambda pdf, o: on_page(pdf, Subtype=Name.Link, A=link(o)),
    "a link to a file": lambda pdf, o: on_page(pdf, Subtype=Name.Link, A=Dictionary(S=Name.GoToR, F=here(o), D=0)),
    "a link to an address's page": lambda pdf, o: on_page(
        pdf, Subtype=Name.Link, A=Dictionary(S=Name.GoToR, F=elsewhere(o))
    ),
    "a link into a file of a file": lambda pdf, o: on_page(
        pdf, Subtype=Name.Link, A=Dictionary(S=Name.GoToE, F=elsewhere(o), T=Dictionary(R=Name.C))
    ),
    "a program": lambda pdf, o: on_page(pdf, Subtype=Name.Link, A=Dictionary(S=Name.Launch, F=here(o))),
    "a note's picture elsewhere": lambda pdf, o: on_page(
        pdf, Subtype=Name.Stamp, AP=Dictionary(N=form(pdf, F=elsewhere(o)))
    ),
    "a film": lambda pdf, o: on_page(pdf, Subtype=Name.Movie, Movie=Dictionary(F=elsewhere(o), Poster=True)),
    "a file attached to a page": lambda pdf, o: on_page(pdf, Subtype=Name.FileAttachment, FS=here(o)),
    "an address at opening": lambda pdf, o: setattr(pdf.Root, "OpenAction", link(o)),
    "an address on leaving": lambda pdf, o: setattr(pdf.Root, "AA", Dictionary(WC=link(o))),
    "an address when a page is shown": lambda pdf, o: setattr(pdf.pages[0], "AA", Dictionary(O=link(o))),
    "a script": scripted,
    "a form that sends": lambda pdf, o: setattr(pdf.Root, "OpenAction", Dictionary(S=Name.SubmitForm, F=elsewhere(o))),
    "a form that is fetched": lambda pdf, o: setattr(pdf.Root, "OpenAction", Dictionary(S=Name.ImportData, F=here(o))),
    "a form in XML": filled_by_xfa,
    "a base address": lambda pdf, o: setattr(pdf.Root, "URI", Dictionary(Base=o.address)),
    "a description with entities": described,
    "a picture whose bytes are elsewhere": lambda pdf, o: drawn(pdf, picture(pdf, F=elsewhere(o))),
    "a picture whose bytes are in a file": lambda pdf, o: drawn(pdf, picture(pdf, F=here(o))),
    "a drawing whose bytes are elsewhere": lambda pdf, o: drawn(pdf, form(pdf, F=elsewhere(o))),
    "a drawing that stands for a page elsewhere": lambda pdf, o: drawn(
        pdf, form(pdf, Ref=Dictionary(F=elsewhere(o), Page=0))
    ),
    "a drawing that stands for a file's page": lambda pdf, o: drawn(pdf, form(pdf, Ref=Dictionary(F=here(o), Page=0))),
    "a picture with a print shop's original": lambda pdf, o: drawn(
        pdf, picture(pdf, OPI=Dictionary({"/2.0": Dictionary(Type=Name.OPI, Version=2.0, F=here(o))}))
    ),
    "a page whose content is elsewhere": lambda pdf, o: setattr(
        pdf.pages[0], "Contents", pdf.make_stream(b"0 0 9 9 re f", F=elsewhere(o))
    ),
    "a font elsewhere": set_in_a_font_of_elsewhere,
    "a profile elsewhere": lambda pdf, o: setattr(
        pdf.Root,
        "OutputIntents",
        Array([Dictionary(S=Name.GTS_PDFX, DestOutputProfileRef=Dictionary(URLs=Array([elsewhere(o)])))]),
    ),
}


def hostile_pdf(write: Callable[[pikepdf.Pdf, Outside], Any], outside: Outside) -> bytes:
    """A page of a scan with something in it that leads outside."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(document())) as pdf:
        write(pdf, outside)
        pdf.save(out, static_id=True)
    return out.getvalue()


def described_picture(kind: str, outside: Outside) -> bytes:
    """A photograph whose description leads outside."""
    out, said = io.BytesIO(), entity(outside)
    with Image.open(io.BytesIO(photograph())) as opened:
        if kind == "PNG":
            chunk = PngImagePlugin.PngInfo()
            chunk.add_itxt("XML:com.adobe.xmp", said.decode())
            opened.save(out, "PNG", pnginfo=chunk)
        else:
            opened.save(
                out, kind, **({"xmp": said} if kind == "JPEG" else {"tiffinfo": {700: said, 270: outside.address}})
            )
    return out.getvalue()


def archived(world: World, content: bytes | Seal, ending: str) -> tuple[str, list[bytes]]:
    """What became of an upload: the refusal's field, or nothing; and every kept file, original, reading and copy.

    With a seal the form itself is sent, signed with it.
    """
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(ConsentForm, world.forms["enrolled"][0]).patient
        made = consents.prepare(actor, patient, language="en", variant="adult")
        bring_form(actor, made, SIGNED)
        key = made.id
        if isinstance(content, Seal):
            content = content.put_on(papers.set_paper(made).pdf, reason="I consent")
        try:
            archives.file_scan(actor, made, [archives.Upload(content, f"scan.{ending}")], source="desk")
        except Incomplete as refusal:
            db.session.rollback()
            consents.cancel(actor, db.session.get(ConsentForm, key), reason="not a scan")
            return str(refusal), []
    jobs.run_due(world.house.app.app_context)
    with world.house.acting(world.people["owner"]):
        kept = db.session.get(ConsentForm, key).documents
        return "", [archives.read(one) for one in kept if one.kind != "original"]


ATTACHED = frozenset({"/EmbeddedFiles", "/FS"})
"""In a copy: the decisions as data, and a signed original behind its cover."""


def test_no_hostile_file_makes_the_archive_fetch_or_takes_a_file_along(
    world: World, outside: Outside, seal: Seal, tally: Tally
) -> None:
    files = {name: (hostile_pdf(write, outside), "pdf") for name, write in HOSTILE.items()}
    files |= {
        f"a {kind} with a description": (described_picture(kind, outside), kind.lower()) for kind in ("JPEG", "PNG")
    }
    taken = 0
    with sealing(world, seal):
        for name, (content, ending) in files.items():
            refused, kept = archived(world, content, ending)
            taken += not refused
            tally.check(refused or len(kept) >= 1, f"{name}: no copy was made")
            tally.check(not outside.callers, f"{name}: asked outside")
            outside.callers.clear()
            for copy in kept:
                active = active_in(copy, allowed=ATTACHED)
                tally.check(not active, f"{name}: the copy holds {active}")
                tally.check(SECRET not in contents(copy), f"{name}: the copy holds a file of this machine")
                leads = ending == "pdf" and outside.address.encode() in contents(copy)  # a JPEG goes in as it is
                tally.check(not leads, f"{name}: the copy leads outside")
    tally.check(taken >= 8, f"only {taken} of {len(files)} were taken, so the copy was hardly tried")


def test_no_hostile_file_makes_a_stack_fetch(world: World, outside: Outside, tally: Tally) -> None:
    files = [(hostile_pdf(write, outside), "scan.pdf") for write in HOSTILE.values()]
    files += [(described_picture(kind, outside), f"scan.{kind.lower()}") for kind in ("JPEG", "PNG", "TIFF")]
    with world.house.acting(world.people["owner"]) as actor:
        uploads = [archives.Upload(content, name) for content, name in files]
        key = stack_drops.drop(actor, uploads).public_id
    jobs.run_due(world.house.app.app_context)
    tally.check(not outside.callers, "the reading of a stack asked outside")
    with world.house.acting(world.people["owner"]):
        stack = db.session.query(Stack).filter_by(public_id=key).one()
        tally.check(len(stack.pages) >= 8, f"only {len(stack.pages)} pages were read")
        pages = [page.public_id for page in stack.pages]
    client = world.client("owner")
    for page in pages:
        answer = client.get(f"/stacks/{key}/pages/{page}")
        tally.check(answer.status_code == 200, f"a page answers {answer.status_code}")
        tally.check(SECRET not in answer.data, "a page holds a file of this machine")
    tally.check(not outside.callers, "looking at a stack asked outside")


# --- signatures ----------------------------------------------------------------------------------------------------------


def pointing(outside: Outside) -> Seal:
    """A key whose certificate names where to ask: the issuer, what it took back, and whether this one is good."""
    key, authority = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    where = x509.UniformResourceIdentifier(outside.address)
    point = x509.DistributionPoint([where], None, None, None)
    access = [
        x509.AccessDescription(kind, where)
        for kind in (AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS)
    ]
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number()).public_key(key.public_key())
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Maria Signer")]))
    builder = builder.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody else")]))
    builder = builder.not_valid_before(NOW - YEAR).not_valid_after(NOW + YEAR)
    for extension in (
        x509.AuthorityInformationAccess(access),
        x509.CRLDistributionPoints([point]),
        x509.FreshestCRL([point]),
        x509.SubjectAlternativeName([where]),
    ):
        builder = builder.add_extension(extension, critical=False)
    return Seal(written(key), builder.sign(authority, hashes.SHA256()).public_bytes(PEM))


@pytest.fixture
def seal(outside: Outside) -> Seal:
    return pointing(outside)


def test_a_signature_is_checked_and_a_copy_sealed_without_asking_where_the_certificates_point(
    world: World, outside: Outside, seal: Seal, tally: Tally
) -> None:
    theirs = pointing(outside)
    signed = theirs.put_on(archivable(1), reason="I consent")
    tally.check(outside.address.encode() in certificates(signed), "the certificate points nowhere")
    with sealing(world, seal):
        refused, kept = archived(world, theirs, "pdf")
    tally.check(not refused and len(kept) == 1, f"not archived: {refused}")
    tally.check(not outside.callers, "asked where a certificate points")


def certificates(signed: bytes) -> bytes:
    """What stands in the signature itself."""
    start = signed.index(b"<308", signed.index(b"/Contents <")) + 1
    return bytes.fromhex(signed[start : signed.index(b">", start)].decode())
