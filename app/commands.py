"""The command line: ``flask …``. What a command does is a service's; here are its words and what it prints.

``consent render`` and ``house`` need no settings, no database and no secret: ``run.py`` gives them an application that
has nothing else.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from flask import Flask, current_app, url_for
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

import config
from app import actors, audit_chain, house_book, sight
from app.actors import Actor
from app.errors import Refusal
from app.models import Person, db
from app.operating import COMMANDS as OPERATING
from app.outside import paper
from app.services import (
    accounts,
    blanks,  # noqa: F401  its jobs
    dispatchers,  # noqa: F401  its job
    export_files,  # noqa: F401  its jobs
    factors,
    farewells,  # noqa: F401  its job
    guests,  # noqa: F401  its jobs
    handovers,  # noqa: F401  its job
    housekeeping,
    idle,  # noqa: F401  its jobs
    installs,
    jobs,
    leavings,  # noqa: F401  its job
    links,
    mail_rounds,  # noqa: F401  its job
    own_texts,  # noqa: F401  its jobs
    passwords,
    policies,  # noqa: F401  its job
    reference,
    reminders,  # noqa: F401  its job
    rolls,  # noqa: F401  its job
    stack_filings,  # noqa: F401  its jobs
    stack_readings,  # noqa: F401  its jobs
    texts,
)
from app.words import Variant

if TYPE_CHECKING:
    from config import Settings

HOUSE_BOOK = config.ROOT / "docs" / "house.md"
NEED_NO_SETTINGS = (["consent", "render"], ["house"])

user = AppGroup("user", help="People's accounts.")
audit = AppGroup("audit", help="The audit log.")
consent = AppGroup("consent", help="Consent texts.")
reference_rows = AppGroup("reference", help="Countries, networks, thematic areas.")


def register(app: Flask) -> None:
    """Add our commands; where one is under way, Flask-Migrate's too: it brings Alembic along, 10 MB."""
    if _under_way():
        from app import migrating  # noqa: PLC0415  a web process does without

        migrating.furnish(app)
    for command in (user, audit, consent, reference_rows, fsck, house, seed, prepare, *OPERATING):
        app.cli.add_command(command)


def _under_way() -> bool:
    """Whether this process is a ``flask …``."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true"


def needs_no_settings(words: Sequence[str]) -> bool:
    """Whether the command line under way is one of those that need nothing but the program itself."""
    if not _under_way():
        return False
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        del rest[: 1 if "=" in rest[0] or rest[0] == "--debug" else 2]
    return any(rest[: len(command)] == command for command in NEED_NO_SETTINGS)


def without_settings() -> Flask:
    """An application for these commands alone."""
    app = Flask("cpms")
    app.cli.add_command(consent)
    app.cli.add_command(house)
    return app


def work() -> int:
    """The job worker, until it is told to stop."""
    from app import create_app  # noqa: PLC0415  the package is imported while this module is

    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    app = create_app()
    jobs.keep_running(app.config["SETTINGS"]["VAR"], app.app_context)
    return 0


@contextmanager
def operating() -> Iterator[Actor]:
    """The operator at the machine; a refusal ends the command with its sentence."""
    actor = actors.system("command")
    sight.bind(db.session(), actor)
    try:
        yield actor
    except Refusal as refusal:
        fail("; ".join([str(refusal), *(f"{name}: {text}" for name, text in refusal.fields.items())]))


def fail(sentence: str) -> NoReturn:
    """End with a sentence and exit code 1."""
    raise click.ClickException(sentence)


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


# --- people ----------------------------------------------------------------------------------------------------------


@user.command("add")
@click.option("--email", prompt="E-mail address")
@click.option("--first-name", prompt="First name")
@click.option("--last-name", prompt="Last name")
@click.option("--password", is_flag=True, help="Ask for a password here instead of printing a one-time link.")
def add_user(email: str, first_name: str, last_name: str, *, password: bool) -> None:
    """Make an operator's account (Admin): the first one, and any later one."""
    with operating() as actor:
        typed = accounts.Typed(email=email, first_name=first_name, last_name=last_name)
        chosen = click.prompt("Password", hide_input=True, confirmation_prompt=True) if password else ""
        if password:
            passwords.check(chosen, chosen, (email, first_name, last_name))
        person_id = accounts.found_or_made(actor, typed)
        accounts.make_operator(person_id, chosen)
        click.echo(f"{email} is an operator now.")
        if not password:
            _print_link(actor, db.session.get(Person, person_id))


@user.command("link")
@click.argument("email")
def offer_link(email: str) -> None:
    """Print a one-time link with which somebody sets a password; good for two hours."""
    with operating() as actor:
        _print_link(actor, db.session.get(Person, accounts.matching(email) or 0))


@user.command("forget-password")
@click.argument("emails", metavar="E-MAIL...", nargs=-1, required=True)
def forget_password(emails: tuple[str, ...]) -> None:
    """Take passwords away: from then on EU Login opens these accounts, by their verified addresses."""
    with operating():
        for email in emails:
            person_id = accounts.matching(email)
            if person_id is None:
                fail(f"There is no account with this e-mail address: {email}")
            links.forget_password(person_id)
            click.echo(f"{email} has no password any more.")


@user.command("reset-factors")
@click.argument("email", metavar="E-MAIL")
def reset_factors(email: str) -> None:
    """Take away the second factors somebody has lost; their logins end, and the next one sets up anew."""
    with operating() as actor:
        factors.reset(actor, db.session.get(Person, accounts.matching(email) or 0) or _nobody())
        click.echo(f"{email} has no second factor any more.")


def _nobody() -> NoReturn:
    fail("There is no account with this e-mail address.")


def _print_link(actor: Actor, person: Person | None) -> None:
    if person is None:
        _nobody()
    token = links.offer(actor, person)
    with current_app.test_request_context(base_url=_settings()["PUBLIC_URL"]):
        address = url_for("LoginPage.link", token=token, _external=True)
    click.echo(f"Open this once, within {links.HOURS} hours, to set the password:\n{address}")


# --- audit -----------------------------------------------------------------------------------------------------------


@audit.command("verify")
@click.option("--known", multiple=True, metavar="NUMBER:HASH", help="A head exported earlier; may be given again.")
def verify_audit(known: tuple[str, ...]) -> None:
    """Recompute the chain; name the first bad entry."""
    heads = {int(number): digest for number, _colon, digest in (head.partition(":") for head in known)}
    with sight.wide("command") as session:
        verdict = audit_chain.verify(session, heads)
    if verdict.first_bad is not None:
        fail(f"Entry {verdict.first_bad} is bad. {verdict.reason} The {verdict.entries} entries before it hold.")
    click.echo(f"{verdict.entries} entries hold. Head: {verdict.entries}:{verdict.head}")


@audit.command("head")
def print_head() -> None:
    """Print the number and the hash of the last entry, to be kept elsewhere."""
    with sight.wide("command") as session:
        number, digest = audit_chain.head(session)
    click.echo(f"{number}:{digest}")


# --- files and rows --------------------------------------------------------------------------------------------------


@click.command("fsck")
@with_appcontext
@click.option("--repair", is_flag=True, help="Remove orphans older than an hour; finish what is safe.")
@click.option("--deep", is_flag=True, help="Read every file to its end.")
def fsck(*, repair: bool, deep: bool) -> None:
    """Compare the files with the tables. One line for each finding; exit code 1 if any is left."""
    sight.bind(db.session(), actors.system("fsck"))
    left = 0
    for finding in list(housekeeping.fsck(deep=deep)):
        if repair and finding.repair is not None:
            finding.repair()
            click.echo(f"{finding} (repaired)")
            continue
        left += 1
        click.echo(f"{finding} (--repair)" if finding.repair else str(finding))
    click.echo(f"{left} findings left" if left else "everything fits")
    sys.exit(1 if left else 0)


# --- consent texts ---------------------------------------------------------------------------------------------------


@consent.command("render")
@click.option("--procedure", type=click.Choice(paper.PROCEDURES))
@click.option("--language", metavar="CODE")
@click.option("--variant", type=click.Choice(paper.VARIANTS), default="adult", show_default=True)
@click.option("--large", is_flag=True, help="In large print.")
@click.option("--all", "every", is_flag=True, help="Every form there is, into --output as a folder.")
@click.option("--output", type=click.Path(path_type=Path), required=True)
def render(
    procedure: str | None, language: str | None, variant: str, output: Path, *, large: bool, every: bool
) -> None:
    """Write blank forms as PDF. Needs no database, no secret and no demo data."""
    if every == bool(procedure or language) or (not every and not (procedure and language)):
        raise click.UsageError("Give either --all, or --procedure and --language.")
    try:
        if every:
            written = paper.render_all_blanks(output, large=large)
        else:
            written = _render_one(procedure or "", language or "", variant, output, large=large)
        for path in written:
            click.echo(path)
    except paper.PaperFault as fault:
        if fault.code == "text_missing":
            there = " ".join(paper.languages(procedure or ""))
            fail(f"There is no form of this procedure in {language!r}. There is one in: {there}.")
        fail(f"The paper cannot be set: {fault.code}.")
    except OSError as fault:
        fail(f"{output}: {fault.strerror}")


def _render_one(procedure: str, language: str, variant: str, output: Path, *, large: bool) -> Iterator[Path]:
    paper.render_blank(procedure, language, variant, output, large=large)
    yield output


@consent.command("publish")
def publish() -> None:
    """Store the texts of this version that are not stored yet; forms are printed from stored texts alone."""
    click.echo(f"{_publish()} texts published")


@consent.command("install-ua")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, metavar="TEXT", help="Where the file came from; kept with the text.")
@click.option("--sha256", required=True, metavar="HASH", help="Of the file, as the source tells it.")
@click.option("--variant", type=click.Choice(paper.VARIANTS), help="Only this one; without: both are in the file.")
def install_ua(file: Path, source: str, sha256: str, variant: str | None) -> None:
    """Install the authoritative Ukrainian form, once: docs/operate.md says how the file looks."""
    variants = [Variant(variant)] if variant else list(Variant)
    with operating() as actor:
        made = installs.install_ukrainian(actor, file.read_bytes(), source=source, sha256=sha256, variants=variants)
    for text in made:
        click.echo(f"installed: {text.language} {text.variant.value}, version {text.text_version}")


def _publish() -> int:
    with operating() as actor:
        return texts.publish_new(actor)


# --- what is in the tables at the start ------------------------------------------------------------------------------


@reference_rows.command("load")
def load_reference() -> None:
    """Add the countries, networks and thematic areas that are missing; what was adapted stays."""
    loaded = reference.load_reference()
    click.echo(f"{loaded.countries} countries, {loaded.networks} networks, {loaded.areas} thematic areas added")


@click.command("seed")
@with_appcontext
@click.option("--demo", is_flag=True, required=True, help="There is no other seed.")
def seed(*, demo: bool) -> None:  # noqa: ARG001  said aloud, so that nobody seeds by mistake
    """Make the demo's hospitals, people and patients in an empty database."""
    with operating():
        _seed()


def _seed() -> None:
    from app.services import demo  # noqa: PLC0415  draws handwriting: no other command needs what that needs

    with click.progressbar(length=1, label="Making the demo") as bar:

        def tell(done: int, turns: int) -> None:
            bar.length = turns
            bar.update(done - bar.pos)

        made = demo.seed(tell=tell)
    click.echo(f"{made.hospitals} hospitals, {made.people} people, {made.patients} patients")


@click.command("prepare")
@with_appcontext
@click.option("--demo/--no-demo", default=True, help="In demo mode: fill an empty database.", show_default=True)
def prepare(*, demo: bool) -> None:
    """Bring the database up to this version: tables, reference rows, consent texts, in demo mode the demo."""
    from flask_migrate import upgrade  # noqa: PLC0415  Alembic is needed here alone

    upgrade()
    reference.load_reference()
    if demo and _settings().demo and _empty():
        with operating():
            _seed()
        db.session.remove()
    _publish()


def _empty() -> bool:
    with sight.wide("command") as session:
        return session.scalar(select(Person.id).limit(1)) is None


# --- the house's book ------------------------------------------------------------------------------------------------


@click.command("house")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 when docs/house.md is stale.")
def house(*, check: bool) -> None:
    """Write docs/house.md: who may do what, in what order, what is kept, which settings there are."""
    text = house_book.written()
    if not check:
        HOUSE_BOOK.write_text(text, encoding="utf-8")
        click.echo(f"wrote {HOUSE_BOOK.relative_to(config.ROOT)}")
    elif not HOUSE_BOOK.is_file() or HOUSE_BOOK.read_text("utf-8") != text:
        fail("docs/house.md is stale: run make docs")
