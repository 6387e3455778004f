"""Stacks when something goes wrong: rights that end, pages that change, commits of which nobody hears, erased records."""

from __future__ import annotations

import datetime as dt
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from PIL import Image
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from app.errors import Conflict, Incomplete, NotFound, Refusal, WrongStep
from app.models import ConsentForm, Grant, GrantedPatient, Stack, StackPage, db, now
from app.outside.paper.codes import qr_payload
from app.services import patients, stack_drops, stack_filings, stacks
from app.services.archives import Upload
from app.words import FormState, GrantScope, ScanState, StackState
from tests.papers import document
from tests.scans import scanned
from tests.screens import Screen
from tests.services.test_stacks import drop, kept_files, named_files, only, pages_of, said, work
from tests.trust.withdrawals import record
from tests.world import World

pytestmark = pytest.mark.one_database


def waiting(world: World, key: str) -> list[bool]:
    """Whether each page of a stack that waits still has its key."""
    with world.house.everything() as session:
        stack = session.scalars(select(Stack).where(Stack.public_id == key)).one()
        return [page.wrapped_key is not None for page in stack.pages if page.state is ScanState.WAITING]


def test_a_stack_with_pages_one_may_no_longer_see_is_not_closed_and_they_lapse(world: World) -> None:
    others = pages_of(world, "enrolled")[:1]
    key = drop(world, "assistant", (scanned([*pages_of(world, "printed"), *others]), "scan.pdf"))
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        grant = session.scalars(select(Grant).where(Grant.assistant_id == world.people["assistant"])).one()
        grant.scope = GrantScope.CHOSEN
        session.add(GrantedPatient(grant_id=grant.id, patient_id=world.patients["printed"][0], public_id="a" * 32))
        session.commit()

    with world.house.acting(world.people["assistant"]) as actor:
        stack, found = only(key)
        (group,) = found.ready
        stack_filings.file(actor, stack, group, said(group), seen=group.form.version, mark=group.mark)
        assert (only(key)[0].state, only(key)[1].loose) == (StackState.READY, [])

    assert waiting(world, key) == [True]
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.scalars(select(Stack).where(Stack.public_id == key)).one().state = StackState.CLOSED
        session.commit()
    with world.house.system("job") as actor:
        stack_filings.sweep(actor, {})
    assert waiting(world, key) == []
    assert kept_files(world) == named_files(world)


def test_a_page_that_says_another_form_is_placed_nowhere_else(world: World) -> None:
    pages, foreign = pages_of(world, "printed"), pages_of(world, "leaver's")
    key = drop(world, "owner", (scanned([pages[0], foreign[1], *pages[2:]]), "scan.pdf"))
    with world.house.acting(world.people["owner"]) as actor:
        _stack, found = only(key)
        (scan,) = found.loose
        form = found.waiting[0].form

        with pytest.raises(WrongStep, match="carries the code of another form"):
            stack_filings.place(actor, scan, form, number=2, seen=scan.version)

        assert (scan.form_id, found.waiting[0].missing) == (None, [2])
    shown = world.client("owner").get(f"/stacks/{key}").get_data(as_text=True)
    assert f"/stacks/{key}/pages/{scan.public_id}/assign" not in shown
    assert f"/stacks/{key}/pages/{scan.public_id}/discard" in shown


def test_a_form_whose_pages_changed_since_they_were_shown_is_not_filed(world: World) -> None:
    pages = pages_of(world, "printed")
    without_codes = pages[1].copy()
    without_codes.paste(255, (0, 0, without_codes.width, 400))
    without_codes.paste(255, (0, 1500, without_codes.width, without_codes.height))
    key = drop(world, "owner", (scanned([*pages, without_codes]), "scan.pdf"))
    with world.house.acting(world.people["owner"]) as actor:
        _stack, found = only(key)
        (group,) = found.ready
        shown, form = group.mark, group.form
        stack_filings.throw_away(actor, group.pages[1], seen=group.pages[1].version)
        (scan,) = only(key)[1].loose
        stack_filings.place(actor, scan, form, number=2, seen=scan.version)

        stack, found = only(key)
        (group,) = found.ready
        with pytest.raises(Conflict, match="have changed since you opened the stack"):
            stack_filings.file(actor, stack, group, said(group), seen=form.version, mark=shown)
        assert (form.state, form.documents) == (FormState.PRINTED, [])
        stack_filings.file(actor, stack, group, said(group), seen=form.version, mark=group.mark)
        assert form.state is FormState.ARCHIVED


def test_a_page_the_form_does_not_have_is_pointed_out_and_nothing_is_filed(world: World) -> None:
    import zxingcpp

    pages = pages_of(world, "printed")
    with world.house.everything() as session:
        code = session.get_one(ConsentForm, world.forms["printed"][0]).code
    far = Image.new("L", pages[0].size, 255)
    drawn = zxingcpp.create_barcode(qr_payload(code, 57), zxingcpp.BarcodeFormat.QRCode, ec_level="M", version="2")
    far.paste(Image.fromarray(drawn.to_image(scale=6)), (900, 60))

    key = drop(world, "owner", (scanned([*pages, far]), "scan.pdf"))

    with world.house.acting(world.people["owner"]):
        found = only(key)[1]
        assert (found.ready, [group.beyond for group in found.waiting]) == ([], [[57]])
    assert "This form has no page 57." in world.client("owner").get(f"/stacks/{key}").get_data(as_text=True)


@contextmanager
def lost_commit(world: World, of: str) -> Iterator[None]:
    """The first commit that writes an entry of this act happens, and its answer is lost."""
    left = [of]

    def lose(connection: Any) -> None:
        found = connection.exec_driver_sql("SELECT act FROM audit_entry ORDER BY seq DESC LIMIT 3").scalars().all()
        if left and of in found:
            left.clear()
            connection.connection.dbapi_connection.commit()
            raise OperationalError("COMMIT", {}, Exception("the connection is lost"))

    with world.house.app.app_context():
        engine = db.engine
    event.listen(engine, "commit", lose)
    try:
        yield
    finally:
        event.remove(engine, "commit", lose)
    assert left == []


def test_a_commit_of_which_nobody_hears_leaves_the_scans_their_rows_name(world: World) -> None:
    content = scanned(pages_of(world, "printed"))
    with world.house.acting(world.people["owner"]) as actor, lost_commit(world, "stack.upload"):
        with pytest.raises(Refusal) as refused:
            stack_drops.drop(actor, [Upload(content, "scan.pdf")])
        assert refused.value.uncertain
    assert named_files(world) <= kept_files(world)

    with lost_commit(world, "stack.read"):
        work(world)

    assert named_files(world) <= kept_files(world)
    with world.house.acting(world.people["owner"]):
        stack = db.session.scalars(select(Stack).order_by(Stack.id.desc())).first()
        assert stack is not None
        assert [group.missing for group in stacks.sort(stack).ready] == [[]]


def test_erasing_takes_the_waiting_scans_of_the_record_with_it(world: World) -> None:
    key = drop(world, "owner", (scanned(pages_of(world, "printed")), "scan.pdf"))
    with world.house.acting(world.people["owner"]) as actor:
        (group,) = only(key)[1].ready
        page = group.pages[0].public_id
        patients.delete(actor, record(world, "printed"))
    with world.house.acting(world.people["owner"]):
        assert db.session.scalar(select(StackPage).where(StackPage.public_id == page)) is None
    assert world.client("owner").get(f"/stacks/{key}/pages/{page}").status_code == NotFound.status

    work(world)

    assert waiting(world, key) == []
    assert kept_files(world) == named_files(world)


def test_a_loose_page_that_says_an_erased_record_goes_with_it(world: World) -> None:
    key = drop(world, "owner", (scanned([*pages_of(world, "printed"), *pages_of(world, "enrolled")[:1]]), "scan.pdf"))
    with world.house.everything() as session:  # its clinician has left meanwhile: the page belongs to nobody
        session.connection(execution_options={"writes": True})
        stack = session.scalars(select(Stack).where(Stack.public_id == key)).one()
        for page in stack.pages:
            page.form = None
        session.commit()
    before = waiting(world, key)
    with world.house.acting(world.people["owner"]) as actor:
        patients.delete(actor, record(world, "printed"))

    work(world)

    assert len(before) > 1
    assert waiting(world, key) == [True]


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process may grow beyond ``room`` bytes: a write fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.t_full
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_full_disk_while_a_stack_is_read_keeps_the_scans_for_later(world: World, dialect: str) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        key = stack_drops.drop(actor, [Upload(scanned(pages_of(world, "printed")), "scan.pdf")]).public_id
    with full_disk(20_000):
        work(world)
    with world.house.everything() as session:
        stack = session.scalars(select(Stack).where(Stack.public_id == key)).one()
        assert (stack.state, stack.pages, len(stack.files), stack.faults) == (StackState.READING, [], 1, [])
    assert named_files(world) <= kept_files(world)

    with time_machine.travel(now() + dt.timedelta(hours=1)):
        work(world)

    with world.house.acting(world.people["owner"]):
        (group,) = only(key)[1].ready
        assert (group.missing, dialect) == ([], "postgresql")


def test_a_spoilt_page_is_said_and_the_others_are_filed(world: World) -> None:
    loose = Image.new("L", (1200, 1700), 255)
    key = drop(world, "owner", (scanned([*pages_of(world, "printed"), loose]), "scan.pdf"))
    client = world.client("owner")
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        stack = session.scalars(select(Stack).where(Stack.public_id == key)).one()
        (spoilt,) = (page for page in stack.pages if page.form_id is None)
        public_id, spoilt.sealed_reading = spoilt.public_id, b"x" * 40
        (world.house.var / "files" / str(spoilt.storage_key)).unlink()
        session.commit()

    answers = [client.get(address).status_code for address in (f"/stacks/{key}", f"/stacks/{key}/pages/{public_id}")]

    assert answers == [200, 404]
    with world.house.acting(world.people["owner"]) as actor:
        stack, found = only(key)
        (group,) = found.ready
        stack_filings.file(actor, stack, group, said(group), seen=group.form.version, mark=group.mark)
        assert group.form.state is FormState.ARCHIVED
    with world.house.acting(world.people["owner"]) as actor:
        (page,) = only(key)[1].loose
        stack_filings.throw_away(actor, page, seen=page.version)
        assert only(key)[0].state is StackState.CLOSED


def test_somebody_with_five_unread_stacks_waits(world: World) -> None:
    content = document()
    with world.house.acting(world.people["owner"]) as actor:
        for _number in range(5):
            stack_drops.drop(actor, [Upload(content, "scan.pdf")])
        before = kept_files(world)
        with pytest.raises(Incomplete, match="Five of your stacks are still being read"):
            stack_drops.drop(actor, [Upload(content, "scan.pdf")])
        assert kept_files(world) == before
    with world.house.acting(world.people["colleague"]) as actor:
        stack_drops.drop(actor, [Upload(content, "scan.pdf")])


def test_the_name_on_the_paper_is_shown_beside_the_records(world: World) -> None:
    key = drop(world, "owner", (scanned(pages_of(world, "printed")), "scan.pdf"))
    with world.house.acting(world.people["owner"]):
        (group,) = only(key)[1].ready
        assert set(stacks.handwriting(group)) == {"family_name", "given_names", "birth_date", "file_number"}
    shown = Screen(world.client("owner").get(f"/stacks/{key}"))
    who = world.identities["printed"]
    beside = shown.tree.xpath("//*[contains(@class, 'handwritten')]//bdi/text()")
    assert (beside[:2], len(beside)) == ([who.family_name, who.given_names], 4)


def test_more_pages_than_a_form_may_have_are_refused_before_anything_is_signed(world: World) -> None:
    pages = pages_of(world, "printed")
    key = drop(world, "owner", (scanned([*pages, *[pages[1]] * 18]), "scan.pdf"))
    with world.house.acting(world.people["owner"]) as actor:
        stack, found = only(key)
        (group,) = found.ready
        assert len(group.pages) > 20

        with pytest.raises(Incomplete, match="more than 20 pages"):
            stack_filings.file(actor, stack, group, said(group), seen=group.form.version, mark=group.mark)

        form = db.session.get_one(ConsentForm, world.forms["printed"][0])
        assert (form.state, form.signed_on, form.recorded_at) == (FormState.PRINTED, None, None)
    assert kept_files(world) == named_files(world)
