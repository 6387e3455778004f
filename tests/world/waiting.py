"""Work that waits for somebody: stacks of scans, exports, forms printed for several patients."""

from __future__ import annotations

from app.models import (
    ConsentForm,
    Export,
    ExportRelease,
    PrintItem,
    PrintRun,
    Stack,
    StackPage,
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
    ReleaseState,
    RunState,
    ScanState,
    StackState,
)
from tests.factories import DAY
from tests.papers import document
from tests.world.names import World


def work_that_waits(world: World) -> None:
    """All of it, written as rows: the acts that make it are tried elsewhere."""
    _stacks(world)
    _exports(world)
    _runs(world)


STACKS = {
    # whose: forms whose pages lie in it (None: no form)
    "owner": ("printed", "enrolled", None),
    "colleague": ("colleague's", None),
    "neighbour": ("neighbour's", None),
    "assistant": ("printed", None),
    "revoked assistant": ("printed", None),  # the grant has ended since
    "leaver": ("leaver's",),
}


def _stacks(world: World) -> None:
    """Scans that wait to be filed."""
    vault, store = premises().vault, premises().store
    for who, names in STACKS.items():
        stack = Stack(person_id=world.people[who], state=StackState.READY, added_at=now(), files=[], faults=[])
        stack.hospital_id = world.hospitals["Leipzig" if who == "neighbour" else "Thessaloniki"]
        stack.passed_on = 3
        for position, name in enumerate(names, start=1):
            key = vault.new_key(PURPOSE)
            form = db.session.get(ConsentForm, world.forms[name][0]) if name in world.forms else None
            StackPage(
                stack=stack,
                position=position,
                state=ScanState.WAITING,
                code=form.code if form is not None else None,
                number=1 if form is not None else None,
                form=form,
                of_pages=4 if form is not None else None,
                storage_key=store.put(document(), key, vault).key,
                wrapped_key=key,
            )
        db.session.add(stack)


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
    "revoked assistant": ("printed",),  # the grant has ended since
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
