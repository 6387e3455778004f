"""Work that waits for somebody: stacks of scans, exports, forms printed for several patients."""

from __future__ import annotations

from sqlalchemy import select

from app.models import (
    Absence,
    BlankForm,
    ConsentForm,
    Expertise,
    Export,
    ExportRelease,
    Mail,
    MailOff,
    Photo,
    PrintItem,
    PrintRun,
    Profile,
    Roll,
    Stack,
    StackPage,
    ThematicArea,
    db,
    now,
    today,
)
from app.outside.storage import PURPOSE
from app.outside.vault import Place
from app.premises import premises
from app.words import (
    Bundle,
    ExportState,
    MailState,
    MandateKind,
    ReleaseState,
    RunState,
    ScanState,
    StackState,
)
from tests.factories import DAY
from tests.papers import document
from tests.world.handovers import records_offered
from tests.world.names import World
from tests.world.requests import requests_for_places


def work_that_waits(world: World) -> None:
    """All of it, written as rows: the acts that make it are tried elsewhere."""
    _stacks(world)
    _exports(world)
    _runs(world)
    _mails(world)
    requests_for_places(world)
    _profiles(world)
    _absences(world)
    records_offered(world)
    _rolls(world)


def _rolls(world: World) -> None:
    """Yearly lists of people: open at home, overdue elsewhere, and one that is done."""
    days = {"Thessaloniki": (20, None), "Leipzig": (-5, None), "Closed house": (-300, -310)}
    for name, (due, done) in days.items():
        roll = Roll(hospital_id=world.hospitals[name], due_on=today() + due * DAY)
        roll.begun_on, roll.joined_by = roll.due_on - 30 * DAY, roll.due_on - 31 * DAY
        roll.done_on = None if done is None else today() + done * DAY
        db.session.add(roll)


MAILS = {
    # whose: what became of it
    "owner": MailState.SENT,
    "assistant": MailState.FAILED,
    "representative": MailState.QUEUED,
    "outsider": MailState.DROPPED,
}


def _mails(world: World) -> None:
    """What the platform wrote to people; it is due tomorrow, so that no round of a test takes it."""
    facts = {"role": MandateKind.ASSISTANT, "place": "Thessaloniki", "day": today().isoformat()}
    for who, state in MAILS.items():
        mail = Mail(person_id=world.people[who], kind="place.given", facts=facts, state=state)
        mail.message_id, mail.written_at, mail.due_at = f"<{who}@cpms.test>", now(), now() + DAY
        mail.sent_at = now() if state is MailState.SENT else None
        db.session.add(mail)
    db.session.add(MailOff(person_id=world.people["colleague"], kind="digest"))


def _absences(world: World) -> None:
    """Somebody away at home and elsewhere, for whom a colleague stands in."""
    for who, substitute in (("owner", "colleague"), ("neighbour", "two hats"), ("representative", "protection")):
        away = Absence(person_id=world.people[who], from_on=today(), to_on=today() + 5 * DAY, note=f"The {who} is away")
        away.substitute_id, away.accepted_at = world.people[substitute], now()
        db.session.add(away)


def _profiles(world: World) -> None:
    """What people say of themselves, at home and elsewhere."""
    area = db.session.scalars(select(ThematicArea).order_by(ThematicArea.id)).first()
    for who in ("owner", "colleague", "neighbour", "outsider", "guest", "coordinator", "ukrainian"):
        person_id = world.people[who]
        db.session.add(Profile(person_id=person_id, professional_title="MD", about=f"About the {who}"))
        db.session.add(_photo(person_id))
        for thing in ({"network": area.network}, {"area": area}, {"orpha_code": 355}, {"language": "en"}):
            db.session.add(Expertise(person_id=person_id, **thing))


def _photo(person_id: int) -> Photo:
    """Two pictures one after the other; a real one would take a child process for every world."""
    vault = premises().vault
    key = vault.new_key(PURPOSE)
    stored = premises().store.put(f"small {person_id}large {person_id}".encode(), key, vault)
    photo = Photo(person_id=person_id, added_at=now(), storage_key=stored.key, wrapped_key=key, size=stored.size)
    photo.small_size = stored.size // 2
    return photo


STACKS = {
    # whose: forms and blank forms whose pages lie in it (None: no form)
    "owner": ("printed", "enrolled", "blank out", "blank bound", None),
    "colleague": ("colleague's", "blank colleague's", None),
    "neighbour": ("neighbour's", "blank neighbour's", None),
    "assistant": ("printed", "blank out", None),
    "assistant of chosen": ("enrolled", "printed", "blank out", None),  # sees the first and the last
    "revoked assistant": ("printed", "blank out", None),  # the grant has ended since
    "leaver": ("leaver's", "blank leaver's"),
}


def _stacks(world: World) -> None:
    """Scans that wait to be filed."""
    for who, names in STACKS.items():
        stack = Stack(person_id=world.people[who], state=StackState.READY, added_at=now(), files=[], faults=[])
        stack.hospital_id = world.hospitals["Leipzig" if who == "neighbour" else "Thessaloniki"]
        stack.passed_on = 3
        for position, name in enumerate(names, start=1):
            stack.pages.append(_page(world, position, name))
        db.session.add(stack)


def _page(world: World, position: int, name: str | None) -> StackPage:
    """A page of a form, of a blank form or of none."""
    vault, store = premises().vault, premises().store
    key = vault.new_key(PURPOSE)
    page = StackPage(position=position, state=ScanState.WAITING, wrapped_key=key)
    page.storage_key = store.put(document(), key, vault).key
    if name is None:
        return page
    if name.startswith("blank "):
        blank = db.session.get(BlankForm, world.blanks[name.removeprefix("blank ")][0])
        page.code = blank.code
        page.form, page.blank = blank.form, None if blank.form else blank  # once bound it is that form's page
    else:
        page.form = db.session.get(ConsentForm, world.forms[name][0])
        page.code = page.form.code
    page.number, page.of_pages = 1, 4
    return page


def _exports(world: World) -> None:
    """An export that can be fetched at home, and one at Leipzig that waits for the neighbour."""
    vault, store = premises().vault, premises().store
    waits = Export(
        hospital_id=world.hospitals["Leipzig"],
        person_id=world.people["two hats"],
        state=ExportState.RELEASING,
        reason="An audit",
        asked_at=now(),
    )
    ready = Export(
        hospital_id=world.hospitals["Thessaloniki"],
        person_id=world.people["representative"],
        state=ExportState.TO_FETCH,
        reason="A move",
        asked_at=now(),
    )
    ready.public_id, key = "e" * 32, vault.new_key(PURPOSE)
    file = store.put(b"PK an encrypted file of a test", key, vault)
    ready.storage_key, ready.wrapped_key, ready.size, ready.sha256 = file.key, key, file.size, file.sha256
    place = Place(Export.__tablename__, "sealed_passphrase", ready.public_id)
    ready.sealed_passphrase = vault.seal(key, PURPOSE, b"ABCD-EFGH", place)
    ready.made_at, ready.fetch_until, ready.forms, ready.left_out = now(), today() + 7 * DAY, 3, 1
    for export, who, state in ((waits, "neighbour", "release_asked"), (ready, "bystander", "not_released")):
        said = (
            {}
            if export is waits
            else {"decided_at": now(), "decided_by_id": world.people["protection"], "reason": "No"}
        )
        ExportRelease(
            export=export,
            hospital_id=export.hospital_id,
            person_id=world.people[who],
            state=ReleaseState(state),
            forms=3,
            **said,
        )
        db.session.add(export)


RUNS = {
    # whose: patients whose forms were printed at once
    "owner": ("printed", "enrolled"),
    "colleague": ("colleague's",),
    "assistant": ("printed",),
    "assistant of chosen": ("printed", "enrolled"),  # sees the second
    "revoked assistant": ("printed",),  # the grant has ended since
    "leaver": ("leaver's",),
}


def _runs(world: World) -> None:
    """Forms printed for several patients, still to be fetched."""
    vault, store = premises().vault, premises().store
    for who, names in RUNS.items():
        key = vault.new_key(PURPOSE)
        kept = store.put(document(), key, vault)
        run = PrintRun(person_id=world.people[who], state=RunState.READY, bundle=Bundle.ONE_PDF, asked_at=now())
        run.asked_for, run.job_key, run.ends_at = len(names), "0" * 32, now() + DAY
        run.storage_key, run.wrapped_key, run.size = kept.key, key, kept.size
        for position, name in enumerate(names, start=1):
            form = db.session.get(ConsentForm, world.forms[name][0])
            item = PrintItem(position=position, patient_id=form.patient_id, language=form.language)
            item.variant, item.form_id = form.variant, form.id
            run.items.append(item)
        db.session.add(run)
