"""Photos of the demo's people: drawn, since nobody looks like somebody who is invented. The same name gives the same face."""

from __future__ import annotations

import io
import random
from typing import Final

from PIL import Image, ImageDraw

from app.outside.photos import EDGE, SMALL_EDGE, Drawn

WALLS: Final = ("#c9d8e6", "#d9e2cf", "#e6d9c9", "#d8d0e3", "#cfe0dd")
COATS: Final = ("#f4f6f8", "#2f6f8f", "#3d7a5c", "#6b5b8a", "#345")
SKINS: Final = ("#f1cfb5", "#dcae8b", "#b98560", "#8a5a3c", "#f6dcc8")
HAIRS: Final = ("#2b211c", "#5a3d28", "#a8743f", "#8c8f94", "#d9c9a3")


def draw(name: str) -> Drawn:
    """A head and shoulders in front of a wall."""
    dice = random.Random(name)  # noqa: S311  no secret
    picture = Image.new("RGB", (EDGE, EDGE), dice.choice(WALLS))
    pen, hair, skin = ImageDraw.Draw(picture), dice.choice(HAIRS), dice.choice(SKINS)
    long = dice.random() < 0.5
    pen.ellipse((136, 70, 376, 420 if long else 300), fill=hair)
    pen.rounded_rectangle((216, 300, 296, 420), 30, fill=skin)
    pen.ellipse((76, 372, 436, 760), fill=dice.choice(COATS))
    pen.polygon(((216, 372), (296, 372), (256, 430)), fill=skin)
    pen.ellipse((160, 104, 352, 352), fill=skin)
    pen.chord((150, 84, 362, 290), 180 + dice.randint(0, 15), 360 - dice.randint(0, 15), fill=hair)
    for eye in (212, 288):
        pen.ellipse((eye, 226, eye + 14, 240), fill="#2a2a2a")
    pen.arc((220, 250, 292, 306), 25, 155, fill="#7a3b34", width=6)
    return Drawn(_jpeg(picture), _jpeg(picture.resize((SMALL_EDGE, SMALL_EDGE), Image.Resampling.LANCZOS)))


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=85)
    return written.getvalue()
