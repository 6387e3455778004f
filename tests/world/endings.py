"""What has happened since: forms end, patients write, people leave, houses close."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.models import (
    ConsentForm,
    Hospital,
    Job,
    Mandate,
    Membership,
    Patient,
    Person,
    PhoneLink,
    db,
    now,
    today,
)
from app.services import archives, consents, letters, patients, phones, withdrawals
from app.words import (
    Answer,
    Channel,
    JobState,
    Relation,
    Variant,
)
from tests import factories as make
from tests.factories import DAY
from tests.houses import login_of
from tests.world.names import HALF_INSIDE, LOCKED, ONE_FACTOR, World, identity, token_of
from tests.world.records import ARCHIVED, bring_form
from tests.world.waiting import work_that_waits


def what_happened(house: Any, world: World) -> None:
    """Acts of the people concerned, then what nobody decides in a day."""
    with house.acting(world.people["owner"]) as actor:
        forms = {name: db.session.get(ConsentForm, key) for name, (key, _public) in world.forms.items()}
        forms = {name: form for name, form in forms.items() if form is not None}
        archives.attest(actor, forms["attested"], place="Paper archive, room 12")
        consents.cancel(actor, forms["cancelled"], reason="The patient went home")
        consents.annul(actor, forms["annulled"], reason="Wrong paper was scanned")
        _refuse(actor, forms["refused"])
        care = forms["withdrawn"].decisions[0]
        consents.withdraw(actor, care, withdrawn_on=today(), channel=Channel.LETTER, reason="Changed her mind")
        patients.delete(actor, db.session.get(Patient, world.patients["erased"][0]))
        renewed = consents.prepare(
            actor, db.session.get(Patient, world.patients["renewed"][0]), language="el", variant=Variant.ADULT
        )
        world.forms["renewal"] = (renewed.id, renewed.public_id)
        bring_form(actor, renewed, ARCHIVED)
        login = login_of(actor.user_id, "the desk of the owner")
        db.session.add(login)
        db.session.commit()
        world.phone_token = phones.offer_phone(actor, forms["signed"], login_id=login.id)
    with house.acting(world.people["protection"]) as actor:
        _write(world, actor)
    with house.system():
        _since(world)
        shown = {
            ONE_FACTOR: {"two_factors": False},
            HALF_INSIDE: {"two_factors": False, "asks_factor": True},
            LOCKED: {"locked_at": now()},
        }
        logins = [login_of(key, token_of(who), **shown.get(who, {})) for who, key in world.people.items()]
        db.session.add_all(
            [*logins, *(make.app_factor(world.people[who])[0] for who in ("owner", "neighbour", HALF_INSIDE))]
        )
        db.session.commit()


def _write(world: World, actor: Any) -> None:
    """Patients write to the data-protection contact: one is restricted, one only looked for, one is nobody's."""
    home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
    for name in ("restricted", "renewed", "nobody"):
        who = world.identities.get(name) or identity(70)
        letter = letters.trace(
            actor,
            home,
            reason=f"Letter about {name}",
            received_on=today(),
            family_name=who.family_name,
            birth_date=who.birth_date,
        )
        world.letters[name] = (letter.id, letter.public_id)
    restricted = db.session.get(Patient, world.patients["restricted"][0])
    withdrawals.restrict_by_protection(actor, restricted)


def _refuse(actor: Any, form: ConsentForm) -> None:
    answers = {d.public_id: Answer.REFUSED for d in form.decisions}
    consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)


def _since(world: World) -> None:
    """People leave, houses close; some work waits."""
    home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
    owner = db.session.get(Person, world.people["owner"])
    chosen = db.session.get(Patient, world.patients["enrolled"][0])
    make.grant(owner, db.session.get(Person, world.people["assistant of chosen"]), home, chosen)

    def ends(table: Any, person: str) -> None:
        statement = select(table).where(table.person_id == world.people[person])
        db.session.scalars(statement).one().ended_at = now()

    ends(Membership, "leaver")
    ends(Mandate, "gone assistant")
    db.session.get(Person, world.people["locked"]).disabled_at = now()
    for idle in ("colleague", "outsider", "assistant", "guest", "coordinator"):
        db.session.get(Person, world.people[idle]).seen_on = today() - 300 * DAY
    db.session.scalars(select(PhoneLink)).one().expires_at = now() + DAY  # longer than a run of the tests
    db.session.get(Hospital, world.hospitals["Closed house"]).ended_at = now()
    work_that_waits(world)
    for name in ("owner", "outsider"):
        db.session.add(
            Job(
                kind="test.wait",
                state=JobState.QUEUED,
                person_id=world.people[name],
                due_at=now() + DAY,
                created_at=now(),
            )
        )
    db.session.commit()
