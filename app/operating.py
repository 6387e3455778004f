"""The command line of whoever keeps an installation running: ``flask backup``, ``flask restore``, ``flask keys``.

What they do is a service's (``backups``, ``restores``, ``keys``); the other commands are ``commands``, which adds these.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask.cli import AppGroup, with_appcontext

from app.errors import Refusal
from app.services import backup_folders, backups, housekeeping, imports, key_files, keys, restores, takebacks
from app.services.backup_folders import Backup
from app.services.keys import Tell
from app.services.ledgers import LEDGERS, Ledger
from app.services.restores import Again

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@contextmanager
def _telling() -> Iterator[Tell]:
    """Show how far it is, a bar for each kind of work; a refusal ends the command with its sentence."""
    bars: list[tuple[str, Any]] = []

    def tell(what: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():  # nobody looks, and what a nightly run says comes by mail
            return
        if not bars or bars[-1][0] != what:
            _end(bars)
            bars.append((what, click.progressbar(length=total, label=what, file=sys.stderr)))
            bars[-1][1].__enter__()
        bar = bars[-1][1]
        bar.length = total
        bar.update(done - bar.pos)

    try:
        yield tell
    except Refusal as refusal:
        _end(bars)
        raise click.ClickException(str(refusal)) from refusal
    finally:
        _end(bars)


def _end(bars: list[tuple[str, Any]]) -> None:
    while bars:
        bars.pop()[1].__exit__(None, None, None)


# --- backup and restore ----------------------------------------------------------------------------------------------


@click.command("backup")
@FOLDER
@click.option(
    "--keys", "file", type=click.Path(path_type=Path), help="Also write the secret settings and the seal here."
)
@with_appcontext
def backup(folder: Path, file: Path | None) -> None:
    """Copy database and files into DIR while the platform runs. An earlier backup there is brought up to date."""
    with _telling() as tell:
        if file is not None:
            key_files.refuse_near(file, folder)
        made = backups.make(folder, tell)
        if file is not None:
            key_files.write(file)
    click.echo(f"{_said(made.backup)} ({made.added} files new)")
    if file is not None:
        click.echo(f"The keys are in {file}: take it to another place than {folder}.")
    if made.missing:
        raise click.ClickException(f"{made.missing} files that rows name are missing in the store: run flask fsck.")


@click.command("restore")
@FOLDER
@click.option(
    "--ledger", type=click.Path(path_type=Path), help="What was erased since, if kept elsewhere (erased.log)."
)
@click.option(
    "--withdrawals", type=click.Path(path_type=Path), help="What was withdrawn since (withdrawn.log), likewise."
)
@click.option(
    "--keys", "file", type=click.Path(path_type=Path), help="The file of backup --keys: the seal is put back."
)
@click.option("--check", is_flag=True, help="Read the whole backup and write nothing.")
@with_appcontext
def restore(folder: Path, ledger: Path | None, withdrawals: Path | None, file: Path | None, *, check: bool) -> None:
    """Bring the backup in DIR into an empty house; what was erased or withdrawn since is done again."""
    from flask_migrate import downgrade, upgrade  # noqa: PLC0415  Alembic is needed here alone

    given = {keys.ERASED.name: ledger, takebacks.WITHDRAWN.name: withdrawals}
    elsewhere = {name: path for name, path in given.items() if path is not None}
    with _telling() as tell:
        found = backup_folders.read(folder)
        seal = key_files.read_seal(file) if file is not None else {}
        if check:
            backup_folders.verify(found, tell)
            click.echo(f"{_said(found)} is whole.")
            return
        missing = [one for one in LEDGERS if one.name not in elsewhere and not one.path().exists()]
        done = restores.restore(
            found, elsewhere, tell, lambda to: upgrade() if to == "head" else downgrade(revision=to)
        )
        written = key_files.put_back(seal)
    _say_missing(found, missing)
    _say_seal(written)
    if done.unread:
        click.echo(f"{done.unread} lines of the ledgers cannot be read.")
    _say_withdrawn(done.withdrawn)
    left = _findings()
    click.echo(f"{_said(found)} is restored; {done.destroyed} erasures made since were done again.")
    sys.exit(1 if left or done.withdrawn.left else 0)


def _say_missing(found: Backup, missing: list[Ledger]) -> None:
    """Say what may have come back because nobody knows it was taken away."""
    moment = found.words["made_at"]
    if keys.ERASED in missing:
        click.echo(
            f"No ledger of erasures was found: what was erased after {moment} is back. "
            f"With a copy of {keys.ERASED.name}, run flask keys erase-again FILE before anybody signs in."
        )
    if takebacks.WITHDRAWN in missing:
        click.echo(
            f"No ledger of withdrawals was found: what was withdrawn after {moment} is given again. "
            f"With a copy of {takebacks.WITHDRAWN.name}, run flask withdraw-again FILE before anybody signs in; "
            "without one, ask each hospital."
        )


def _say_seal(written: dict[str, Path]) -> None:
    if written:
        click.echo("The seal is back. Put these lines into the settings:")
    for name, path in written.items():
        click.echo(f"{name}={path}")


def _say_withdrawn(again: Again) -> None:
    if again.done:
        click.echo(f"{again.done} withdrawals and restrictions made since were recorded again.")
    for patient in again.left:
        click.echo(
            f"patient {patient}: a withdrawal could not be recorded again: ask the hospital, and record it there"
        )


def _said(found: Backup) -> str:
    """One line about a backup."""
    words, rows = found.words, found.words["rows"]
    return (
        f"Backup of {words['made_at']}: {rows.get('patient', 0)} patients, {rows.get('consent_form', 0)} forms, "
        f"{words['files']['count']} files ({words['files']['bytes'] >> 20} MB), {words['log']['entries']} entries of the log"
    )


def _findings() -> int:
    """Print what does not fit and no repair mends; how much of it there is."""
    found = list(housekeeping.fsck())
    left = [finding for finding in found if finding.repair is None]
    for finding in left:
        click.echo(str(finding))
    if len(found) > len(left):
        click.echo(f"{len(found) - len(left)} findings more: flask fsck --repair mends them.")
    return len(left)


# --- keys ------------------------------------------------------------------------------------------------------------

keys_group = AppGroup("keys", help="The master keys.")


@keys_group.command("rotate")
def rotate() -> None:
    """Wrap every key by the newest master key, while the platform runs. Stopped in the middle, run it again."""
    with _telling() as tell:
        done = keys.rotate(tell)
        newest, others = keys.newest(), keys.others()
    click.echo(f"{done.done} keys are wrapped anew; master key {newest} wraps new ones.")
    for other in others:
        if other in done.needed:
            click.echo(f"Master key {other} is still needed: run flask keys rotate again.")
        else:
            click.echo(
                f"No row needs master key {other} any more. Take it out of MASTER_KEY and restart; "
                "keep it apart for as long as backups made with it are kept."
            )
    if done.broken:
        raise click.ClickException(f"{done.broken} keys do not open: flask fsck names them.")


@keys_group.command("erase-again")
@click.argument("file", type=click.Path(path_type=Path))
def erase_again(file: Path) -> None:
    """Erase what a ledger calls erased and a restore has brought back: after one by hand, or without a ledger."""
    with _telling():
        unread = keys.ERASED.merge(file)
        destroyed = keys.destroy_again()
    click.echo(f"{destroyed} erasures were done again.")
    if unread:
        click.echo(f"{unread} lines of the ledger cannot be read.")


@click.command("withdraw-again")
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
def withdraw_again(file: Path) -> None:
    """Withdraw what a ledger calls withdrawn and a restore has given again: after one by hand, or without a ledger."""
    with _telling():
        unread = takebacks.WITHDRAWN.merge(file)
        again = restores.withdraw_again()
    _say_withdrawn(again)
    click.echo(f"{again.done} withdrawals and restrictions were done again.")
    if unread:
        click.echo(f"{unread} lines of the ledger cannot be read.")
    sys.exit(1 if again.left else 0)


# --- people of CPMS 1 ------------------------------------------------------------------------------------------------

people_group = AppGroup("people", help="People of CPMS 1.")


@people_group.command("import")
@click.argument("file", type=click.File("rb"))
def import_people(file: BinaryIO) -> None:
    """Make the accounts and memberships of FILE, a CSV in UTF-8; all of it, or nothing.

    Columns: email, first_name, last_name, hospital, network, and if there are any job_title, country, centre. Taken again, a
    file changes nothing. The people sign in with EU Login under their verified address.
    """
    try:
        taken = imports.take(file.read())
    except imports.Faulty as faulty:
        click.echo("\n".join(faulty.faults), err=True)
        message = f"{len(faulty.faults)} faults: nothing is written"
        raise click.ClickException(message) from faulty
    click.echo(f"{taken.people} accounts, {taken.memberships} memberships made; {taken.known} were there already")


COMMANDS = (backup, restore, keys_group, withdraw_again, people_group)
