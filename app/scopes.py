"""Where a role may act: each scope says which rows, as a column and a SELECT of its values.

A scope never reads the ORM entity it limits: it selects from aliased Core tables (FAB.md, HOUSE.md section 1), so it
can stand in any statement. Each alias has a name that no other scope uses (``known_as``): none is taken for another's.
Of the actor a scope uses ``user_id`` and ``on``, only in comparisons: they may be ``actors.ME`` and ``actors.TODAY``.
The first line of a scope's docstring is the sentence users read on "Who may do what".
Which act asks which scope is ``access``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    GenerativeSelect,
    Integer,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)

from app.actors import Actor, in_force, known_as, mandates_in_force, memberships_in_force
from app.models import (
    ArchivedDocument,
    AuditEntry,
    BlankForm,
    Centre,
    ConsentDecision,
    ConsentForm,
    Country,
    DocumentKey,
    ExportRelease,
    Grant,
    GrantedPatient,
    Hospital,
    Letter,
    LetterRecord,
    Mandate,
    Membership,
    Network,
    OwnText,
    Patient,
    Person,
    PhoneLink,
    PrintItem,
    PrintRun,
    Stack,
    StackPage,
)
from app.words import Answer, FormState, GrantScope, MandateKind, OwnTextState, PatientState, Purpose


class Reach(NamedTuple):
    """The rows whose ``column`` is among the values that one of ``ids`` selects."""

    column: str
    ids: tuple[Select[Any], ...]


Scope = Callable[[Actor, type[Any]], "Reach | bool"]


# --- the same rows, asked for in three ways ---------------------------------------------------------------------------


def clause(thing: type[Any], reaches: Iterable[Reach | bool]) -> ColumnElement[bool]:
    """The rows of ``reaches``, as sets: those of one column share one IN, which databases plan well."""
    by_column: dict[str, list[Select[Any]]] = {}
    for reach in reaches:
        if reach is True:
            return true()
        if isinstance(reach, Reach):
            by_column.setdefault(reach.column, []).extend(reach.ids)
    parts = [
        getattr(thing, column).in_(ids[0] if len(ids) == 1 else union_all(*ids)) for column, ids in by_column.items()
    ]
    return or_(false(), *parts) if parts else false()


def keys(thing: Any, reaches: Iterable[Reach | bool]) -> GenerativeSelect | None:
    """The same rows by their keys, for a database to begin with; ``None``: every row."""
    row = known_as(f"reached_{thing.__tablename__}", thing)
    found: list[Select[Any]] = []
    for reach in reaches:
        if reach is True:
            return None
        if isinstance(reach, Reach):
            own = reach.column == "id"
            found += reach.ids if own else (select(row.c.id).where(row.c[reach.column].in_(ids)) for ids in reach.ids)
    if not found:
        return select(row.c.id).where(false())
    return found[0] if len(found) == 1 else union_all(*found)


def holds(thing: type[Any], reaches: Iterable[Reach | bool]) -> ColumnElement[bool]:
    """Whether a row at hand is one of them.

    The row's own key stands inside each SELECT, so a database looks that row up. It would find the whole set first, however
    large, if the set stood alone; and PostgreSQL would make a join of an IN or EXISTS, hence the scalar with a LIMIT.
    """
    found: list[Select[Any]] = []
    for reach in reaches:
        if reach is True:
            return true()
        if isinstance(reach, Reach):
            found += (_of_row(thing, reach.column, ids) for ids in reach.ids)
    if not found:
        return false()
    one = found[0] if len(found) == 1 else union_all(*found)
    return one.limit(1).scalar_subquery().is_not(None)


def _of_row(thing: type[Any], column: str, ids: Select[Any]) -> Select[Any]:
    """``ids``, of the one row of ``thing`` that the statement around holds, whatever it calls the table."""
    (key,) = ids.selected_columns
    return ids.where(key == thing.__table__.c[column]).correlate_except(*ids.get_final_froms())


# --- how far a set of patients, hospitals, networks or people reaches in each table ---------------------------------


def _forms_of(column: str, ids: Select[Any]) -> Select[Any]:
    form = known_as("their_form", ConsentForm)
    return select(form.c.id).where(form.c[column].in_(ids)).correlate(None)


def _centres_of(column: str, ids: Select[Any]) -> Select[Any]:
    centre = known_as("their_centre", Centre)
    return select(centre.c.id).where(centre.c[column].in_(ids)).correlate(None)


def of_patients(thing: type[Any], ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the patients ``ids`` selects."""
    if thing is DocumentKey:
        document = known_as("their_document", ArchivedDocument)
        forms = _forms_of("patient_id", ids)
        return Reach("document_id", (select(document.c.id).where(document.c.form_id.in_(forms)).correlate(None),))
    if thing in (ConsentDecision, ArchivedDocument, PhoneLink):
        return Reach("form_id", (_forms_of("patient_id", ids),))
    return Reach({Patient: "id"}.get(thing, "patient_id"), (ids,))


def of_hospitals(thing: type[Any], ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the hospitals ``ids`` selects."""
    if thing is Membership:
        return Reach("centre_id", (_centres_of("hospital_id", ids),))
    if thing in (ConsentDecision, ArchivedDocument):
        return Reach("form_id", (_forms_of("hospital_id", ids),))
    return Reach({Hospital: "id"}.get(thing, "hospital_id"), (ids,))


def of_networks(thing: type[Any], ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the networks ``ids`` selects."""
    if thing is Membership:
        return Reach("centre_id", (_centres_of("network_id", ids),))
    if thing is Hospital:
        centre = known_as("network_centre", Centre)
        return Reach("id", (select(centre.c.hospital_id).where(centre.c.network_id.in_(ids)).correlate(None),))
    return Reach({Network: "id"}.get(thing, "network_id"), (ids,))


def of_people(thing: type[Any], *ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the people one of ``ids`` selects."""
    return Reach({Person: "id"}.get(thing, "person_id"), ids)


# --- who reaches what -------------------------------------------------------------------------------------------------


def _my_hospitals(actor: Actor) -> Select[Any]:
    m = memberships_in_force(actor.on).subquery()
    return select(m.c.hospital_id).where(m.c.person_id == actor.user_id).correlate(None)


def _mandated(actor: Actor, *kinds: MandateKind, column: str = "hospital_id") -> Select[Any]:
    m = mandates_in_force(actor.on).subquery()
    return select(m.c[column]).where(m.c.person_id == actor.user_id, m.c.kind.in_(kinds)).correlate(None)


def _grants(actor: Actor) -> tuple[FromClause, ColumnElement[bool]]:
    """Grants in force to this assistant, while both people still belong to the hospital."""
    g = known_as("granted", Grant)
    member, mandate = memberships_in_force(actor.on).subquery(), mandates_in_force(actor.on).subquery()
    clinician_there = select(member.c.hospital_id).where(member.c.person_id == g.c.clinician_id)
    assistant_there = select(mandate.c.hospital_id).where(
        mandate.c.person_id == g.c.assistant_id, mandate.c.kind == MandateKind.ASSISTANT
    )
    return g, and_(
        g.c.assistant_id == actor.user_id,
        in_force(g, actor.on),
        g.c.hospital_id.in_(clinician_there),
        g.c.hospital_id.in_(assistant_there),
    )


def _me(actor: Actor) -> Select[Any]:
    return select(type_coerce(actor.user_id, Integer))


def nobody(_actor: Actor, _thing: type[Any]) -> bool:
    """No one."""
    return False


def everybody(_actor: Actor, _thing: type[Any]) -> bool:
    """All of them."""
    return True


def consequence(_actor: Actor, _thing: type[Any]) -> bool:
    """Happens by itself, as part of another act."""
    return False


def own(actor: Actor, thing: type[Any]) -> Reach:
    """What is about oneself."""
    return of_people(thing, _me(actor))


def treating(actor: Actor, thing: type[Any]) -> Reach:
    """Records of the patients this clinician treats."""
    p = known_as("treated", Patient)
    mine = select(p.c.id).where(p.c.clinician_id == actor.user_id, p.c.hospital_id.in_(_my_hospitals(actor)))
    return of_patients(thing, mine.correlate(None))


def on_behalf(actor: Actor, thing: type[Any]) -> Reach:
    """Records of a clinician who granted it, all of them or the chosen ones."""
    g, granted = _grants(actor)
    p, chosen = known_as("granted_record", Patient), known_as("chosen", GrantedPatient)
    named = select(chosen.c.patient_id).where(chosen.c.grant_id == g.c.id).correlate(g)
    ids = (
        select(p.c.id)
        .join_from(g, p, and_(p.c.clinician_id == g.c.clinician_id, p.c.hospital_id == g.c.hospital_id))
        .where(granted, or_(g.c.scope == GrantScope.ALL, p.c.id.in_(named)))
    )
    return of_patients(thing, ids.correlate(None))


def _unerased(thing: type[Any], patients: Reach, name: str) -> Reach:
    p = known_as(name, Patient)
    there = p.c.state != PatientState.ERASED
    return of_patients(thing, select(p.c.id).where(p.c.id.in_(patients.ids[0]), there).correlate(None))


def treating_unerased(actor: Actor, thing: type[Any]) -> Reach:
    """Records of the patients this clinician treats, until they are erased."""
    return _unerased(thing, treating(actor, Patient), "treated_unerased")


def on_behalf_unerased(actor: Actor, thing: type[Any]) -> Reach:
    """Records of a clinician who granted it, until they are erased."""
    return _unerased(thing, on_behalf(actor, Patient), "assisted_unerased")


def proving(actor: Actor, thing: type[Any]) -> Reach:
    """Proof of consent of erased records, of the hospital whose data-protection contact one is."""
    p = known_as("erased_patient", Patient)
    there = p.c.hospital_id.in_(_mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))
    return of_patients(thing, select(p.c.id).where(there, p.c.state == PatientState.ERASED).correlate(None))


def _anothers_paper(actor: Actor) -> tuple[FromClause, ColumnElement[bool]]:
    """Papers from elsewhere that somebody else has filed: nobody is their own second person."""
    form = known_as("anothers_paper", ConsentForm)
    return form, form.c.filed_by_id != actor.user_id


def second_treating(actor: Actor, _thing: type[Any]) -> Reach:
    """Papers somebody else filed, of the patients this clinician treats."""
    form, others = _anothers_paper(actor)
    mine = form.c.patient_id.in_(treating(actor, Patient).ids[0])
    return Reach("id", (select(form.c.id).where(others, mine).correlate(None),))


def second_on_behalf(actor: Actor, _thing: type[Any]) -> Reach:
    """Papers somebody else filed, of the records one assists with."""
    form, others = _anothers_paper(actor)
    mine = form.c.patient_id.in_(on_behalf(actor, Patient).ids[0])
    return Reach("id", (select(form.c.id).where(others, mine).correlate(None),))


def second_protecting(actor: Actor, _thing: type[Any]) -> Reach:
    """Papers to check that others filed, of the hospital whose data-protection contact one is."""
    form, others = _anothers_paper(actor)
    there = form.c.hospital_id.in_(_mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))
    waits = form.c.state == FormState.TO_CHECK
    return Reach("id", (select(form.c.id).where(others, there, waits).correlate(None),))


def checked_for(actor: Actor, thing: type[Any]) -> Reach:
    """Records with a paper to check, or just checked, of the hospital whose data-protection contact one is."""
    form, others = _anothers_paper(actor)
    there = form.c.hospital_id.in_(_mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))
    checked = and_(form.c.checked_by_id == actor.user_id, form.c.checked_on >= actor.on)
    ids = select(form.c.patient_id).where(others, there, or_(form.c.state == FormState.TO_CHECK, checked))
    return of_patients(thing, ids.correlate(None))


def own_blanks(actor: Actor, _thing: type[Any]) -> Reach:
    """Blank forms of this clinician, for patients of the hospital they work in."""
    b = known_as("own_blank", BlankForm)
    ids = select(b.c.id).where(b.c.clinician_id == actor.user_id, b.c.hospital_id.in_(_my_hospitals(actor)))
    return Reach("id", (ids.correlate(None),))


def granted_blanks(actor: Actor, _thing: type[Any]) -> Reach:
    """Blank forms of a clinician who granted all records: whose patients they will be is not known yet."""
    g, granted = _grants(actor)
    b = known_as("granted_blank", BlankForm)
    ids = (
        select(b.c.id)
        .join_from(g, b, and_(b.c.clinician_id == g.c.clinician_id, b.c.hospital_id == g.c.hospital_id))
        .where(granted, g.c.scope == GrantScope.ALL)
    )
    return Reach("id", (ids.correlate(None),))


def own_stacks(actor: Actor, _thing: type[Any]) -> Reach:
    """One's own stacks of scans, of a hospital one works in."""
    stack = known_as("my_stack", Stack)
    there = or_(stack.c.hospital_id.in_(_my_hospitals(actor)), stack.c.hospital_id.in_(_assisted_hospitals(actor)))
    return Reach("id", (select(stack.c.id).where(stack.c.person_id == actor.user_id, there).correlate(None),))


def own_scans_treated(actor: Actor, _thing: type[Any]) -> Reach:
    """Pages of one's own stacks of scans: of patients one treats and who are not erased, of one's blank forms, or of none."""
    return _own_scans(actor, treating(actor, Patient), own_blanks(actor, BlankForm))


def own_scans_assisted(actor: Actor, _thing: type[Any]) -> Reach:
    """Pages of one's own stacks of scans: of records not erased or blank forms one assists with, or of no form."""
    return _own_scans(actor, on_behalf(actor, Patient), granted_blanks(actor, BlankForm))


def _own_scans(actor: Actor, patients: Reach, blanks: Reach) -> Reach:
    page = known_as("own_scan", StackPage)
    form, patient = known_as("scanned_form", ConsentForm), known_as("scanned_patient", Patient)
    blank, bound = known_as("scanned_blank", BlankForm), known_as("scanned_bound", BlankForm)
    forms = (
        select(form.c.id)
        .join_from(form, patient, form.c.patient_id == patient.c.id)
        .where(patient.c.id.in_(patients.ids[0]), patient.c.state != PatientState.ERASED)
        .correlate(None)
    )
    out = select(blank.c.id).where(blank.c.form_id.is_(None), blank.c.id.in_(blanks.ids[0])).correlate(None)
    since = select(bound.c.id).where(bound.c.form_id.in_(forms)).correlate(None)
    no_form = or_(page.c.blank_id.is_(None), page.c.blank_id.in_(out), page.c.blank_id.in_(since))
    known = or_(page.c.form_id.in_(forms), and_(page.c.form_id.is_(None), no_form))
    mine = page.c.stack_id.in_(own_stacks(actor, Stack).ids[0])
    return Reach("id", (select(page.c.id).where(mine, known).correlate(None),))


def release_asked_of_self(actor: Actor, thing: type[Any]) -> Reach:
    """What one is asked to release, in one's own hospital."""
    r = known_as("own_release", ExportRelease)
    ids = select(r.c.id).where(r.c.person_id == actor.user_id, r.c.hospital_id.in_(_my_hospitals(actor)))
    return Reach({ExportRelease: "id"}.get(thing, "release_id"), (ids.correlate(None),))


def release_asked_of_host(actor: Actor, thing: type[Any]) -> Reach:
    """What a clinician who granted all records is asked to release."""
    g, granted = _grants(actor)
    r = known_as("hosts_release", ExportRelease)
    theirs = and_(r.c.person_id == g.c.clinician_id, r.c.hospital_id == g.c.hospital_id)
    ids = select(r.c.id).join_from(g, r, theirs).where(granted, g.c.scope == GrantScope.ALL)
    return Reach({ExportRelease: "id"}.get(thing, "release_id"), (ids.correlate(None),))


def release_of_who_left(actor: Actor, thing: type[Any]) -> Reach:
    """What people who have left, or whose account is locked, would release in the hospital whose data-protection contact one is."""
    r, asked = known_as("left_release", ExportRelease), known_as("asked_person", Person)
    member = memberships_in_force(actor.on).subquery()
    there = select(member.c.hospital_id).where(member.c.person_id == r.c.person_id).correlate(r)
    ids = (
        select(r.c.id)
        .join_from(r, asked, asked.c.id == r.c.person_id)
        .where(
            r.c.hospital_id.in_(_mandated(actor, MandateKind.DATA_PROTECTION_CONTACT)),
            or_(r.c.hospital_id.not_in(there), asked.c.disabled_at.is_not(None), asked.c.active.is_(False)),
        )
    )
    return Reach({ExportRelease: "id"}.get(thing, "release_id"), (ids.correlate(None),))


def own_prints_treated(actor: Actor, _thing: type[Any]) -> Reach:
    """What one had printed at once, of patients one treats."""
    return _own_prints(actor, treating(actor, Patient))


def own_prints_assisted(actor: Actor, _thing: type[Any]) -> Reach:
    """What one had printed at once, of records one assists with."""
    return _own_prints(actor, on_behalf(actor, Patient))


def _own_prints(actor: Actor, patients: Reach) -> Reach:
    item, run = known_as("own_print", PrintItem), known_as("own_run", PrintRun)
    ids = (
        select(item.c.id)
        .join_from(item, run, item.c.run_id == run.c.id)
        .where(run.c.person_id == actor.user_id, item.c.patient_id.in_(patients.ids[0]))
    )
    return Reach("id", (ids.correlate(None),))


def own_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of one's own hospital."""
    return of_hospitals(thing, _my_hospitals(actor))


def granted_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital where a clinician granted all records."""
    g, granted = _grants(actor)
    return of_hospitals(thing, select(g.c.hospital_id).where(granted, g.c.scope == GrantScope.ALL).correlate(None))


def assisted_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital where a clinician has granted one records."""
    return of_hospitals(thing, _assisted_hospitals(actor))


def _assisted_hospitals(actor: Actor) -> Select[Any]:
    g, granted = _grants(actor)
    return select(g.c.hospital_id).where(granted).correlate(None)


def given_by_self(actor: Actor, thing: type[Any]) -> Reach:
    """The grants one has given."""
    return _of_grants(thing, "clinician_id", actor)


def given_to_self(actor: Actor, thing: type[Any]) -> Reach:
    """The grants one has received."""
    return _of_grants(thing, "assistant_id", actor)


def _of_grants(thing: type[Any], side: str, actor: Actor) -> Reach:
    if thing is Grant:
        return Reach(side, (_me(actor),))
    g = known_as("own_grant", Grant)
    return Reach("grant_id", (select(g.c.id).where(g.c[side] == actor.user_id).correlate(None),))


def represented(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital one represents."""
    return of_hospitals(thing, _mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE))


def mandated_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital one represents or whose data-protection contact one is."""
    kinds = (MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT)
    return of_hospitals(thing, _mandated(actor, *kinds))


def protected(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital whose data-protection contact one is."""
    return of_hospitals(thing, _mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))


def written_about(actor: Actor, thing: type[Any]) -> Reach:
    """Records a patient's letter of the last days is about, of the hospital whose data-protection contact one is."""
    letter, found, p = known_as("letter", Letter), known_as("letters_record", LetterRecord), known_as("writer", Patient)
    ids = (
        select(p.c.id)
        .join_from(letter, found, found.c.letter_id == letter.c.id)
        .join(p, and_(p.c.id == found.c.patient_id, p.c.hospital_id == letter.c.hospital_id))
        .where(
            letter.c.open_until >= actor.on,
            letter.c.hospital_id.in_(_mandated(actor, MandateKind.DATA_PROTECTION_CONTACT)),
        )
    )
    return of_patients(thing, ids.correlate(None))


def coordinated(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the network one coordinates."""
    return of_networks(thing, _mandated(actor, MandateKind.ERN_COORDINATOR, column="network_id"))


def network_hospitals(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospitals with a centre in the network one coordinates."""
    return of_hospitals(thing, _network_hospitals(actor))


def _networks(actor: Actor) -> Select[Any]:
    return _mandated(actor, MandateKind.ERN_COORDINATOR, column="network_id")


def _network_hospitals(actor: Actor) -> Select[Any]:
    centre = known_as("coordinated_centre", Centre)
    return (
        select(centre.c.hospital_id)
        .where(centre.c.network_id.in_(_networks(actor)), _not_over(centre, actor))
        .correlate(None)
    )


def _not_over(spell: FromClause, actor: Actor) -> ColumnElement[bool]:
    """In force or still to begin: who prepares something has to see it."""
    return and_(spell.c.ended_at.is_(None), or_(spell.c.to_on.is_(None), spell.c.to_on >= actor.on))


def hosting(actor: Actor, thing: type[Any]) -> Reach:
    """Clinicians of the hospital one represents and of the network one coordinates."""
    return of_people(thing, _hosts(actor))


def _hosts(actor: Actor, of: FromClause | None = None) -> Select[Any]:
    """Those whose guests one looks after; with ``of``, the host of that mandate alone."""
    m = memberships_in_force(actor.on).subquery()
    represented_ = _mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE)
    hosts = select(m.c.person_id).where(or_(m.c.hospital_id.in_(represented_), m.c.network_id.in_(_networks(actor))))
    return hosts.correlate(None) if of is None else hosts.where(m.c.person_id == of.c.host_id).correlate(of)


def hosted(actor: Actor, thing: type[Any]) -> Reach:
    """Guests of clinicians of the hospital one represents and of the network one coordinates."""
    return Reach("id", (_guests(actor, "id"),)) if thing is Mandate else of_people(thing, _guests(actor))


def _guests(actor: Actor, column: str = "person_id") -> Select[Any]:
    """Begins with the guests: they are few, and the clinicians of a network are many."""
    mandate = known_as("guest", Mandate)
    guests = select(mandate.c[column]).where(mandate.c.host_id.is_not(None))
    return guests.where(mandate.c.host_id.in_(_hosts(actor, mandate))).correlate(None)


def appointing(actor: Actor, thing: type[Any]) -> Reach:
    """Those whom somebody with one's mandate appoints: contacts, assistants, representatives, guests."""
    mandate = known_as("appointed", Mandate)
    below = (MandateKind.DATA_PROTECTION_CONTACT, MandateKind.ASSISTANT)
    represented_ = _mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE)
    ids = select(mandate.c.id).where(
        mandate.c.person_id != actor.user_id,
        or_(
            and_(mandate.c.kind.in_(below), mandate.c.hospital_id.in_(represented_)),
            and_(
                mandate.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE,
                mandate.c.hospital_id.in_(_network_hospitals(actor)),
            ),
            mandate.c.host_id.in_(_hosts(actor, mandate)),
        ),
    )
    return Reach({Mandate: "id"}.get(thing, "mandate_id"), (ids.correlate(None),))


def _people_of_hospitals(actor: Actor, hospitals: Select[Any]) -> tuple[Select[Any], Select[Any]]:
    member, mandate = memberships_in_force(actor.on).subquery(), mandates_in_force(actor.on).subquery()
    return (
        select(member.c.person_id).where(member.c.hospital_id.in_(hospitals)).correlate(None),
        select(mandate.c.person_id).where(mandate.c.hospital_id.in_(hospitals)).correlate(None),
    )


def _workplaces(actor: Actor) -> Select[Any]:
    m = mandates_in_force(actor.on).subquery()
    return (
        union_all(
            _my_hospitals(actor),
            select(m.c.hospital_id).where(m.c.person_id == actor.user_id, m.c.hospital_id.is_not(None)),
        )
        .subquery()
        .select()
    )


def workplace(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital one works in."""
    return of_hospitals(thing, _workplaces(actor))


def colleagues(actor: Actor, thing: type[Any]) -> Reach:
    """People of one's own hospital."""
    return of_people(thing, *_people_of_hospitals(actor, _workplaces(actor)))


def mandated_people(actor: Actor, thing: type[Any]) -> Reach:
    """People who have, will have or had a place in the hospital or network inside one's mandate, and its guests."""
    hospitals = _mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT)
    networks = _networks(actor)
    member, centre, mandate = known_as("placed", Membership), known_as("place", Centre), known_as("appointee", Mandate)
    members = select(member.c.person_id).join_from(member, centre, member.c.centre_id == centre.c.id)
    return of_people(
        thing,
        members.where(centre.c.hospital_id.in_(hospitals)).correlate(None),
        members.where(centre.c.network_id.in_(networks)).correlate(None),
        select(mandate.c.person_id).where(mandate.c.hospital_id.in_(hospitals)).correlate(None),
        select(mandate.c.person_id).where(mandate.c.hospital_id.in_(_network_hospitals(actor))).correlate(None),
        select(mandate.c.person_id).where(mandate.c.network_id.in_(networks)).correlate(None),
        _guests(actor),
    )


def ukrainian_people(actor: Actor, thing: type[Any]) -> Reach:
    """People of Ukrainian hospitals."""
    h, c = known_as("their_hospital", Hospital), known_as("their_country", Country)
    ids = select(h.c.id).join_from(h, c, h.c.country_id == c.c.id).where(c.c.procedure == "ua").correlate(None)
    return of_people(thing, *_people_of_hospitals(actor, ids))


def accepted_at_work(actor: Actor, _thing: type[Any]) -> Reach:
    """Accepted texts of the hospital one works in."""
    own_text = known_as("accepted_text", OwnText)
    known = own_text.c.state.in_([OwnTextState.ACCEPTED, OwnTextState.RETIRED])
    ids = select(own_text.c.id).where(known, own_text.c.hospital_id.in_(_workplaces(actor)))
    return Reach("id", (ids.correlate(None),))


def others_text(actor: Actor, _thing: type[Any]) -> Reach:
    """Texts of the hospital one represents that somebody else wrote and proposes."""
    own_text = known_as("others_text", OwnText)
    mine = own_text.c.hospital_id.in_(_mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE))
    return Reach("id", (select(own_text.c.id).where(mine, _by_another(own_text, actor)).correlate(None),))


def second_person(actor: Actor, _thing: type[Any]) -> Reach:
    """Proposed texts of hospitals with a centre in the network one coordinates, where no second representative decides."""
    own_text, other = known_as("lonely_text", OwnText), known_as("decidable_text", OwnText)
    m = mandates_in_force(actor.on).subquery()
    decidable = (
        select(other.c.id)
        .join_from(other, m, m.c.hospital_id == other.c.hospital_id)
        .where(
            m.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE,
            m.c.person_id != other.c.author_id,
            m.c.person_id != other.c.proposed_by_id,
        )
        .correlate(None)
    )
    ids = select(own_text.c.id).where(
        own_text.c.state != OwnTextState.DRAFT,
        own_text.c.state != OwnTextState.DROPPED,
        own_text.c.hospital_id.in_(_network_hospitals(actor)),
        _by_another(own_text, actor),
        own_text.c.id.not_in(decidable),
    )
    return Reach("id", (ids.correlate(None),))


def _by_another(own_text: FromClause, actor: Actor) -> ColumnElement[bool]:
    """Neither written nor proposed by the actor."""
    return and_(own_text.c.author_id != actor.user_id, func.coalesce(own_text.c.proposed_by_id, 0) != actor.user_id)


def about_no_patient(_actor: Actor, _thing: type[Any]) -> Reach:
    """What concerns no patient."""
    entry = known_as("impersonal", AuditEntry)
    return Reach("seq", (select(entry.c.seq).where(entry.c.patient_id.is_(None)).correlate(None),))


# --- consent ------------------------------------------------------------------------------------------------------------


def care_in_force() -> Select[Any]:
    """Ids of the patients whose care consent is archived, given and not withdrawn: the gate of everything shared.

    A restriction by the data-protection contact shuts it, whatever was consented.
    """
    form, decision = known_as("care_form", ConsentForm), known_as("care_decision", ConsentDecision)
    patient = known_as("cared_for", Patient)
    return (
        select(form.c.patient_id)
        .join_from(form, decision, decision.c.form_id == form.c.id)
        .join(patient, patient.c.id == form.c.patient_id)
        .where(
            patient.c.state.not_in([PatientState.ERASED, PatientState.CLOSED]),
            patient.c.restricted_on.is_(None),
            form.c.state == FormState.ARCHIVED,
            decision.c.purpose == Purpose.CARE,
            decision.c.answer == Answer.GIVEN,
        )
        .correlate(None)
    )


def decisions_in_force(on: dt.date) -> Select[Any]:
    """Ids of the decisions that count on a day: given on the archived form, while care consent is in force.

    Education and registries pause from the day on which the form is due for renewal; care goes on.
    """
    form, decision = known_as("deciding_form", ConsentForm), known_as("deciding", ConsentDecision)
    return (
        select(decision.c.id)
        .join_from(decision, form, decision.c.form_id == form.c.id)
        .where(
            form.c.state == FormState.ARCHIVED,
            decision.c.answer == Answer.GIVEN,
            form.c.patient_id.in_(care_in_force()),
            or_(decision.c.purpose == Purpose.CARE, form.c.renewal_due_on.is_(None), form.c.renewal_due_on > on),
        )
        .correlate(None)
    )
