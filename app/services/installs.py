"""The authoritative Ukrainian form, installed once by the operator; from then on it is what every Ukrainian hospital prints.

What the file may hold is ``outside.paper.installs``. The published rows keep where it came from and the file's hash; the
database lets no second one stand beside them, and nothing changes them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from sqlalchemy import select

from app.actors import Actor
from app.errors import Conflict, Incomplete
from app.models import ConsentText, db, now
from app.outside import paper
from app.outside.paper import installs
from app.premises import premises
from app.services import texts
from app.words import Procedure, Variant, _

LONGEST_SOURCE = 300


def install_ukrainian(
    actor: Actor, content: bytes, *, source: str, sha256: str, variants: Sequence[Variant]
) -> list[ConsentText]:
    """Publish an authoritative file's text for each of the variants it is for.

    Args:
        actor: the operator at the command line.
        content: of the file.
        source: where it came from, in words that a lawyer finds it by.
        sha256: of the file, as the source tells it.
        variants: for whose signature it is.

    Raises:
        Incomplete: the hash is another one, the file is unfit, or it cannot be set as paper.
        Conflict: one is installed already.
    """
    digest = hashlib.sha256(content).hexdigest()
    if not hmac.compare_digest(digest, sha256.strip().lower()):
        raise Incomplete(
            _("The file is not the one of this hash: its SHA-256 is %(hash)s. Nothing was installed.", hash=digest)
        )
    if not source.strip() or len(source) > LONGEST_SOURCE:
        raise Incomplete(_("Say in at most 300 characters where the file came from."))
    for variant in variants:
        if _installed(variant):
            raise Conflict(
                _("An authoritative text is installed already for: %(variant)s. It stays.", variant=variant.value)
            )
    made = [_fit(content, variant, digest) for variant in variants]
    return [texts.publish(actor, None, text=text, source=source.strip(), source_sha256=digest) for text in made]


def _installed(variant: Variant) -> bool:
    found = select(ConsentText.id).where(
        ConsentText.procedure == Procedure.UA, ConsentText.variant == variant, ConsentText.source.is_not(None)
    )
    return db.session.scalar(found.limit(1)) is not None


def _fit(content: bytes, variant: Variant, digest: str) -> paper.ComposedText:
    """The text, once it is read, complete, and set as paper with every letter."""
    try:
        text = installs.composed_form(installs.read_form(content), variant.value, digest)
        page = paper.fill(text.html, {"form.version": text.version})
        done = premises().printer.set(page, text.css, title=text.title, language=text.language, created=now())
    except installs.Unfit as unfit:
        raise Incomplete(
            _("The file is not fit. Nothing was installed. %(faults)s", faults=" ".join(unfit.args))
        ) from unfit
    except paper.PaperFault as fault:
        told = _("The file cannot be set as paper: %(code)s. Nothing was installed.", code=fault.code)
        raise Incomplete(told) from fault
    if done.missing:
        raise Incomplete(
            _("The form’s font has no letters for: %(signs)s. Nothing was installed.", signs=" ".join(done.missing))
        )
    return text
