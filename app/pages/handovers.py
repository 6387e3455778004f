"""Records on their way to another clinician: offer them, accept or decline what is offered, take an offer back."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import format_date, gettext, ngettext
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import joinedload

from app import rights, sight
from app.errors import Incomplete, NotFound
from app.models import Handover, Patient, Person, db
from app.pages.base import ActForm, expose, find, has_access, may, offer, once_key, sent_version, submitted, version
from app.pages.fields import PickField, words
from app.pages.grants import RecordsField
from app.pages.lists import Filter, ListPage, reach, words_filter
from app.pages.security import acting
from app.services import handovers
from app.services.handovers import Source, Tried
from app.words import GrantScope, HandoverState, MandateKind, _

FORMER = _("A former colleague")


def _waits(value: str) -> ColumnElement[bool]:
    open_ = Handover.state == HandoverState.PROPOSED
    return and_(open_, rights.right(acting(), "handover.accept")) if value == "me" else open_


WAITS: list[tuple[str, object]] = [("me", _("For you")), ("open", _("Unanswered"))]


class OfferedRecords(RecordsField):
    """Records of one clinician in one hospital that are not offered yet, by nickname."""

    source: Source

    def rows(self) -> Select[Any]:
        """The records that may be offered."""
        return handovers.to_offer(acting(), self.source.clinician_id, self.source.hospital.id)


def _by_name(rows: Select[Any]) -> Select[Any]:
    return rows.order_by(Person.last_name, Person.first_name, Person.id)


class OfferForm(ActForm):
    """To whom, and which records."""

    colleague = PickField(_("Colleague who takes over"), "person.find", narrow=_by_name)
    scope = words(_("Which records"), GrantScope)
    chosen = OfferedRecords(_("Chosen records"), description=_("Only if you choose the records one by one."))

    def __init__(self, source: Source) -> None:
        self.source = source
        super().__init__()

    def process(self, *args: Any, **given: Any) -> None:
        """Offer the records of the source, to who may take them over, before what was sent is read."""
        able = handovers.takers(self.source.hospital.id, but=self.source.clinician_id) & (Person.id != acting().user_id)
        self.colleague.narrow = lambda rows: _by_name(rows.where(able))
        self.chosen.source = self.source
        super().process(*args, **given)


class HandoverPage(ListPage):
    """What is offered to whom, and what came of it."""

    route_base = "/handovers"
    datamodel = SQLAInterface(Handover)
    acts: ClassVar[dict[str, str]] = {
        "list": "handover.see",
        "propose": "handover.propose",
        "accept_picked": "handover.accept",
        "decline_picked": "handover.decline",
        "unpicked": "handover.see",
        "take_back": "handover.take-back",
    }
    list_title = _("Handovers")
    list_template = "handovers/list.html"
    list_columns: ClassVar[list[str]] = ["record", "giver", "taker", "hospital.name", "state", "proposed_at"]
    show_columns: ClassVar[list[str]] = ["state"]
    label_columns: ClassVar[dict[str, object]] = {
        "record": _("Nickname"),
        "giver": _("From"),
        "taker": _("To"),
        "hospital.name": _("Hospital"),
        "state": _("State"),
        "proposed_at": _("Offered on"),
    }
    filters = {  # noqa: RUF012
        "waits": Filter(_("Waits"), lambda: WAITS, _waits),
        "state": words_filter(_("State"), Handover.state, HandoverState),
    }
    ticks: ClassVar[str] = "handover"
    load: ClassVar[tuple[Any, ...]] = (joinedload(Handover.patient), joinedload(Handover.hospital))
    empty: ClassVar[object] = _("No record was handed over. Whoever leaves offers the records to a colleague here.")

    def pickable(self, record: Any) -> bool:
        """What is offered to the reader."""
        return record.state is HandoverState.PROPOSED and may("handover.accept", record)

    def named(self, record: Any) -> object:
        """Whose record it is, to those who may know."""
        return self.cell(record, "record")

    def cell(self, record: Any, column: str) -> Any:
        """The nickname, to those who may know it."""
        if column == "record":
            return record.patient.nickname if record.patient else str(_("A record"))
        return super().cell(record, column)

    def _page_of(self, statement: Select[Any]) -> Any:
        """The rows, with what may be done with each."""
        found = super()._page_of(statement)
        for act in ("handover.accept", "handover.take-back"):
            ids = [row.id for row in found[0]]
            mine = select(Handover.id).where(Handover.id.in_(ids), sight.here(db.session(), act))
            able = set(db.session.scalars(mine))
            for row in found[0]:
                offer(row, [act] if row.id in able else [])
        return found

    # --- offer ---

    @expose("/propose", methods=["GET", "POST"])
    @has_access
    def propose(self) -> Any:
        """Offer records to a colleague: whose is asked first, where one may offer those of several."""
        sources = handovers.sources(acting())
        record = self._named()
        source = self._source(sources, record)
        if source is None:
            return self.page("handovers/sources.html", sources=sources)
        form = OfferForm(source)
        if request.method == "GET":
            form.once.data = once_key()
            form.scope.data, form.chosen.data = (GrantScope.CHOSEN, [record]) if record else (GrantScope.ALL, [])
        done = submitted(form, lambda: self._propose(form, source))
        if done is None:
            return self.page("handovers/propose.html", form=form, source=source, former=FORMER, action=address(source))
        return self._said(
            done,
            lambda count: ngettext(
                "%(num)s record is offered. It stays where it is until it is accepted.",
                "%(num)s records are offered. They stay where they are until they are accepted.",
                count,
            ),
        )

    def _named(self) -> Patient | None:
        """The record a link named, if one may offer it."""
        key = request.args.get("record", "")[:40]
        if not key:
            return None
        mine = select(Patient).where(Patient.public_id == key, rights.right(acting(), "handover.propose"))
        return db.session.scalars(mine).unique().one_or_none()

    @staticmethod
    def _source(sources: list[Source], record: Patient | None) -> Source | None:
        """Whose records are meant; where nothing is named, those of the only one there is."""
        key, place, chosen = (request.args.get(name, "")[:40] for name in ("clinician", "hospital", "record"))
        for one in sources:
            named = record is not None and (one.clinician_id, one.hospital.id) == (
                record.clinician_id,
                record.hospital_id,
            )
            if named or (key, place) == (one.clinician_key or "former", one.hospital.public_id):
                return one
        return sources[0] if len(sources) == 1 and not (key or place or chosen) else None

    @staticmethod
    def _propose(form: OfferForm, source: Source) -> Tried:
        found = handovers.to_offer(acting(), source.clinician_id, source.hospital.id).limit(handovers.MOST)
        all_of_them = form.scope.data is GrantScope.ALL
        records = list(db.session.scalars(found).unique()) if all_of_them else form.chosen.data
        if not records:
            sentence = _("Choose at least one record.")
            raise Incomplete(sentence, fields={"chosen": sentence})
        tried = handovers.propose_each(acting(), records, form.colleague.data, once=form.words()["once"])
        if not tried.done:
            raise tried.refused[0]
        return tried

    # --- answer ---

    @expose("/accept", methods=["POST"])
    @has_access
    def accept_picked(self) -> Any:
        """Take over the picked records."""
        tried = handovers.answer_each(acting(), self._picked(), accepted=True)
        return self._said(
            tried,
            lambda count: ngettext("%(num)s record is yours now.", "%(num)s records are yours now.", count),
        )

    @expose("/decline", methods=["POST"])
    @has_access
    def decline_picked(self) -> Any:
        """Decline the picked records."""
        tried = handovers.answer_each(acting(), self._picked(), accepted=False)
        return self._said(
            tried,
            lambda count: ngettext(
                "Declined. %(num)s record stays where it is.", "Declined. %(num)s records stay where they are.", count
            ),
        )

    @staticmethod
    def _picked() -> list[tuple[Handover, int | None]]:
        """The picked offers that are still one's to answer, each with the version that was on the screen."""
        found = []
        for picked in request.form.getlist("handover")[: handovers.MOST]:
            key, _dot, seen = picked.partition(".")
            try:
                found.append((find(Handover, key), version(seen)))
            except NotFound:
                continue
        return found

    def _said(self, tried: Tried, sentence: Any) -> Any:
        """Say how many were done, and why others were not."""
        for refusal in {str(one) for one in tried.refused}:
            flash(refusal, "warn")
        if tried.done:
            return self.done(sentence(tried.done), ".list")
        if not tried.refused:
            flash(str(_("Nothing was picked.")), "info")
        return redirect(url_for(".list"))

    @expose("/<any(accept, decline):_act>")
    @has_access
    def unpicked(self, _act: str) -> Any:
        """Whoever comes back to the address of what was picked finds the list."""
        return redirect(url_for(".list"))

    @expose("/<key>/take-back", methods=["POST"])
    @has_access
    def take_back(self, key: str) -> Any:
        """Take an offer back."""
        handovers.take_back(acting(), reach(Handover, key, "handover.take-back"), seen=sent_version())
        return self.done(_("Taken back. The record stays where it is."), ".list")


def waiting() -> list[dict[str, object]]:
    """For Home: records offered to oneself, and those of clinicians who leave a hospital one represents."""
    actor = acting()
    items: list[dict[str, object]] = []
    if may("handover.accept"):
        items += [
            {
                "title": giver,
                "url": url_for("HandoverPage.list", waits="me"),
                "note": f"{_offered(records)} · {hospital}",
                "act": _("Answer"),
            }
            for giver, hospital, records in handovers.offers(actor)
        ]
    own = handovers.leaving(actor) if may("handover.accept") else {}
    represents = MandateKind.HOSPITAL_REPRESENTATIVE in actor.mandates
    for one in handovers.sources(actor) if own or represents else ():
        if one.clinician_id != actor.user_id:
            items.append(_left(one))
        elif one.hospital.id in own:
            items.append(_leaving(one, own[one.hospital.id]))
    return items


def _offered(records: int) -> str:
    return str(ngettext("%(num)s record is offered to you", "%(num)s records are offered to you", records))


def _left(source: Source) -> dict[str, object]:
    """Records of somebody who leaves or has left."""
    note = ngettext(
        "leaves or has left: %(num)s record has to be taken over",
        "leaves or has left: %(num)s records have to be taken over",
        source.records,
    )
    return {
        "title": source.clinician or str(FORMER),
        "url": address(source),
        "note": f"{note} · {source.hospital.name}",
        "act": _("Hand over"),
    }


def _leaving(source: Source, day: dt.date) -> dict[str, object]:
    """One's own records in a hospital one is about to leave."""
    records = ngettext("%(num)s record", "%(num)s records", source.records)
    note = gettext("You leave on %(day)s: %(records)s to hand over", day=format_date(day, "long"), records=records)
    return {"title": source.hospital.name, "url": address(source), "note": note, "act": _("Hand over")}


def address(source: Source) -> str:
    """Where the records of a source are offered."""
    whose = source.clinician_key or "former"
    return str(url_for("HandoverPage.propose", clinician=whose, hospital=source.hospital.public_id))
