"""A hospital's own consent texts: started from a standard text, written, proposed, decided by a second person, retired.

What a text may say is ``outside.paper.own_texts``. Before anybody can accept it a job sets it as paper and
publishes what was set, so that a text that cannot be set never comes into force and what was decided about is what is
printed; once accepted, a job compiles it for the first print. Which text a
form has is ``texts``. The Ukrainian form has no own texts: no act here reaches it, and the database refuses one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from app.act import act
from app.actors import Actor
from app.errors import Conflict, Incomplete, NotAllowed, WrongStep
from app.models import ConsentText, Hospital, OwnText, OwnTextWriter, db, now
from app.outside import paper
from app.outside.paper import own_texts
from app.outside.paper.own_texts import Content, Fault
from app.premises import premises
from app.services import days, jobs, papers, text_changes, texts
from app.services.jobs import job
from app.words import Opinion, OwnTextState, Procedure, Renews, Variant, _

CHECKING = "own_texts.check"
COMPILING = "own_texts.compile"
FARTHEST_DAYS = 366
MOST_PAGES = 12
"""In the usual size of print; in large print there are more."""
MOST_MISSING = 40
DRAFT_VERSION = "–"
RETIRING = (Renews.NOBODY, Renews.SIGNERS)
"""What retiring a text may answer: the standard of other languages stays as it was."""
BECAUSE = _("Say in a sentence what has changed: it is shown beside each form to renew.")


def role() -> str:
    """The operator's legal role, as forms are printed today."""
    return str(premises().settings["OPERATOR_LEGAL_ROLE"] or "joint_controller")


# --- written ----------------------------------------------------------------------------------------------------------


@act("own_text.start", creates=OwnText)
def start(
    actor: Actor,
    hospital: Hospital,
    *,
    language: str,
    variant: Variant,
    base_language: str,
    like: OwnText | None = None,
) -> OwnText:
    """Begin a version of the hospital's text in a language, from a standard text or from an earlier version.

    Raises:
        Incomplete: the hospital follows the Ukrainian procedure, the language cannot be set, or a version is under way.
    """
    if hospital.country.procedure is not Procedure.EU:
        raise Incomplete(_("The Ukrainian form is fixed. Nobody changes it."))
    if not own_texts.can_be_set(language):
        raise _wrong("language", _("A form cannot be printed in this language: its letters are not in the font."))
    if own_texts.has_standard(language):
        base_language = language
    elif not own_texts.has_standard(base_language):
        raise _wrong("base_language", _("Choose the language to start from."))
    if _under_way(hospital.id, language, variant):
        raise _wrong("language", _("A text of this language is being written already. Open it in the list."))
    base = current_base(language, variant, base_language)
    return OwnText(
        hospital_id=hospital.id,
        language=language,
        variant=variant,
        number=_next_number(hospital.id, language, variant),
        base_language=base_language,
        base=base,
        content={key: (like.content if like else base).get(key, base[key]) for key in base},
        author_id=actor.user_id,
        written_at=now(),
        writers=[OwnTextWriter(person_id=one, hospital_id=hospital.id) for one in _whose_words(actor, like)],
    )


def _whose_words(actor: Actor, like: OwnText | None) -> list[int]:
    """Who begins the text, and whoever wrote the words it takes over; words that two people decided about are nobody's."""
    undecided = [] if like is None or like.counts_from is not None else [one.person_id for one in like.writers]
    return list(dict.fromkeys([actor.user_id, *undecided]))


def current_base(language: str, variant: Variant, base_language: str) -> Content:
    """The standard text of today that a text of this language starts from."""
    foreign = not own_texts.has_standard(language)
    return own_texts.standard(base_language if foreign else language, variant.value, role(), words=foreign)


def _under_way(hospital_id: int, language: str, variant: Variant) -> bool:
    still_open = OwnText.state.in_([OwnTextState.DRAFT, OwnTextState.PROPOSED])
    found = select(OwnText.id).where(*_of(hospital_id, language, variant), still_open)
    return db.session.scalar(found.limit(1)) is not None


def _next_number(hospital_id: int, language: str, variant: Variant) -> int:
    found = select(func.max(OwnText.number)).where(*_of(hospital_id, language, variant))
    return (db.session.scalar(found) or 0) + 1


def _of(hospital_id: int, language: str, variant: Variant) -> tuple[Any, ...]:
    return OwnText.hospital_id == hospital_id, OwnText.language == language, OwnText.variant == variant


def _wrong(name: str, sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={name: sentence})


@act("own_text.write")
def write(actor: Actor, own: OwnText, *, content: Mapping[str, str]) -> None:
    """Save what is written so far; entries that are not given stay. A draft may be incomplete.

    Raises:
        Incomplete: it is longer than any form can be.
    """
    known = {key: paper.markup.cleaned(text) for key, text in content.items() if key in own.base}
    changed = {**own.content, **known}
    if own_texts.weight(changed) > own_texts.MOST_BYTES:
        raise Incomplete(_("This is more text than twelve pages hold. Shorten it and save again."))
    own.content, own.author_id, own.written_at = changed, actor.user_id, now()
    if actor.user_id not in {one.person_id for one in own.writers}:
        own.writers.append(OwnTextWriter(person_id=actor.user_id, hospital_id=own.hospital_id))


@act("own_text.drop")
def drop(_actor: Actor, _own: OwnText) -> None:
    """Give a draft up; another one can be started."""


def faults(own: OwnText) -> list[Fault]:
    """What keeps the text from being proposed."""
    return own_texts.faults(own.content, own.base, foreign=own.language != own.base_language)


def is_in_force(own: OwnText) -> bool:
    """Whether it is what the hospital prints today."""
    today_there = days.day_at(own.hospital)
    return own.id in {one.id for one in texts.in_force_at(own.hospital, today_there)}


def has_changed(own: OwnText) -> bool:
    """Whether the standard text is another one now than the one this text started from."""
    return bool(current_base(own.language, own.variant, own.base_language) != own.base)


# --- proposed and checked -----------------------------------------------------------------------------------------


@act("own_text.propose")
def propose(
    actor: Actor,
    own: OwnText,
    *,
    opinion: Opinion,
    opinion_by: str,
    opinion_on: dt.date,
    reference: str,
    note: str | None = None,
    renews: Renews,
    renews_because: str | None = None,
) -> None:
    """Propose the text with the data-protection officer's opinion; a job sets it as paper, a second person decides.

    Whoever proposes says whether the version changes what is done with the data, and what: from its day on who signed
    before signs anew.

    Raises:
        Incomplete: a point, a field, the opinion or what has changed is missing.
    """
    if faults(own):
        raise Incomplete(_("The text is not complete yet. What is missing stands beside each point."))
    if opinion_on > days.day_at(own.hospital):
        raise _wrong("opinion_on", _("This date lies in the future."))
    if opinion is Opinion.NEGATIVE and not note:
        raise _wrong("note", _("The opinion is negative: say why the hospital wants the text all the same."))
    if renews is not Renews.NOBODY and not renews_because:
        raise _wrong("renews_because", BECAUSE)
    own.renews, own.renews_because = renews, None if renews is Renews.NOBODY else renews_because
    own.opinion, own.opinion_by, own.opinion_on = opinion, opinion_by, opinion_on
    own.opinion_reference, own.opinion_note = reference, note
    own.proposed_by_id, own.proposed_at, own.returned_reason = actor.user_id, now(), None
    _forget_check(own)
    jobs.ask(CHECKING, {"text": own.public_id})


def _forget_check(own: OwnText) -> None:
    own.checked_at = own.fault = own.missing = own.pages = own.text_id = None


@job(CHECKING)
def check_as_paper(actor: Actor, payload: Mapping[str, Any]) -> None:
    """Set a proposed text as paper and note what came of it."""
    own = db.session.scalar(select(OwnText).where(OwnText.public_id == payload["text"]))
    if own is None or own.state is not OwnTextState.PROPOSED:
        return
    seen, composed = own.version, compose(own)
    page = paper.fill(composed.html, papers.standing_values(own.hospital, own.language, composed.version), role=role())
    fault = missing = pages = None
    db.session.rollback()  # no transaction stays open while it is set
    try:
        printer = premises().printer
        done = printer.set(page, composed.css, title=composed.title, language=composed.language, created=now())
        pages, missing = done.pages, "".join(done.missing)[:MOST_MISSING] or None
        fault = "missing_letters" if missing else "too_big" if pages > MOST_PAGES else None
    except paper.PaperFault as found:
        if found.code in {"busy", "crashed", "fonts_missing"}:
            raise  # not the text's: the job tries again
        fault = found.code
    try:
        note_check(actor, own, seen=seen, fault=fault, missing=missing, pages=pages, composed=composed)
    except (Conflict, WrongStep):
        db.session.rollback()  # taken back meanwhile


@act("own_text.check")
def note_check(
    actor: Actor,
    own: OwnText,
    *,
    fault: str | None,
    missing: str | None,
    pages: int | None,
    composed: paper.ComposedText,
) -> None:
    """Note whether the proposed text can be set as paper; one that can is published, and waits for its day."""
    own.checked_at, own.fault, own.missing, own.pages = now(), fault, missing, pages
    if fault is None:
        own.text = _published(actor, own, composed)


def compose(own: OwnText) -> paper.ComposedText:
    """The text as it is published. The same content gives the same text, until the form around it changes."""
    return own_texts.compose_own(
        own.content,
        own.language,
        own.variant.value,
        base=own.base_language,
        version=f"H{own.number}",
        mark=f"{own.hospital.public_id} {own.number}",
    )


@act("own_text.take-back")
def take_back(_actor: Actor, own: OwnText) -> None:
    """Make the proposal a draft again, before anybody decides."""
    _forget_check(own)


# --- decided ----------------------------------------------------------------------------------------------------------


@act("own_text.accept")
def accept(actor: Actor, own: OwnText, *, counts_from: dt.date) -> None:
    """Accept the text: from that day on it is what the hospital prints.

    Raises:
        NotAllowed: whoever wrote or proposed it does not decide.
        Incomplete: the day is past or too far, or the text is not checked or cannot be set.
    """
    _refuse_author(actor, own)
    if own.checked_at is None:
        raise Incomplete(_("The text is still being set as paper. Try again in a minute."))
    if own.text_id is None:
        raise Incomplete(_("The text cannot be set as paper. Send it back."))
    day = days.day_at(own.hospital)
    if not day <= counts_from <= day + dt.timedelta(days=FARTHEST_DAYS):
        raise _wrong("counts_from", _("Choose today or a day within a year."))
    own.decided_by_id, own.decided_at, own.counts_from = actor.user_id, now(), counts_from
    jobs.ask(COMPILING, {"text": own.public_id})
    change = text_changes.of_own_text(own, counts_from)
    if change is not None:
        text_changes.declare(actor, own, change=change)


def _published(actor: Actor, own: OwnText, composed: paper.ComposedText) -> ConsentText:
    """The row of the text; one that was published before with the same words is the same row."""
    same = select(ConsentText).where(ConsentText.sha256 == composed.sha256, ConsentText.hospital_id == own.hospital_id)
    found = db.session.scalars(same).first()
    return found or texts.publish(actor, own, text=composed, hospital_id=own.hospital_id)


def _refuse_author(actor: Actor, own: OwnText) -> None:
    if actor.user_id in {own.author_id, own.proposed_by_id, *(one.person_id for one in own.writers)}:
        raise NotAllowed(_("Whoever wrote or proposed a text does not decide about it."))


@act("own_text.send-back", gives_away=True)
def send_back(actor: Actor, own: OwnText, *, reason: str) -> None:
    """Send the proposal back to be changed, with what is wrong with it."""
    _refuse_author(actor, own)
    _forget_check(own)
    own.returned_reason = reason


@job(COMPILING)
def compile_first(_actor: Actor, payload: Mapping[str, Any]) -> None:
    """Compile an accepted text for its hospital, so that the first print is as quick as the others."""
    own = db.session.scalar(select(OwnText).where(OwnText.public_id == payload["text"]))
    if own is None or own.text is None:
        return
    values = papers.standing_values(own.hospital, own.language, own.text.text_version)
    text, settings = own.text, premises().settings
    premises().printer.print(
        text.html,
        text.css,
        values,
        role=role(),
        demo=settings.demo,
        title=text.title,
        language=text.language,
        created=now(),
    )


@act("own_text.retire")
def retire(
    actor: Actor, own: OwnText, *, reason: str, renews: Renews | None = None, renews_because: str | None = None
) -> None:
    """Retire an accepted text at once: the hospital prints the standard text again.

    Where it printed this one until now, whoever retires it says whether the standard does something else with the data:
    then who signed on it signs anew. One that never came into force makes no form due for renewal.

    Raises:
        Incomplete: who signs anew, or what has changed, is missing.
    """
    asked = gives_way_to_standard(own)
    own.retired_on, own.end_reason = days.day_at(own.hospital), reason
    if asked:
        _declare_retirement(actor, own, renews, renews_because)
    change = text_changes.of(own)
    if change is not None and own.counts_from is not None and own.retired_on < own.counts_from:
        text_changes.take_back(actor, change)


def gives_way_to_standard(own: OwnText) -> bool:
    """Whether the hospital would print a standard text in its place, were it retired now."""
    return own_texts.has_standard(own.language) and is_in_force(own)


def _declare_retirement(actor: Actor, own: OwnText, renews: Renews | None, because: str | None) -> None:
    if renews not in RETIRING:
        raise _wrong("renews", _("Choose one."))
    if renews is Renews.SIGNERS:
        if not because:
            raise _wrong("renews_because", BECAUSE)
        text_changes.declare(actor, own, change=text_changes.of_retirement(own, because))


# --- looked at ----------------------------------------------------------------------------------------------------------


def set_paper(own: OwnText) -> paper.Rendered:
    """The text as PDF, marked as not valid, without a form's code.

    Raises:
        PaperFault: it cannot be set.
    """
    composed, hospital = compose(own), own.hospital
    version = composed.version if own.text_id else DRAFT_VERSION
    values = papers.standing_values(hospital, own.language, version)
    page = paper.fill(composed.html, values, role=role(), demo=True)
    return premises().printer.set(page, composed.css, title=composed.title, language=own.language, created=now())
