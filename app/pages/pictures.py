"""Pictures the pages draw themselves."""

from __future__ import annotations

from markupsafe import Markup


def qr(text: str) -> Markup:
    """A QR code as an inline SVG; dark on white in light and dark mode alike, so that every phone reads it."""
    import segno  # noqa: PLC0415  takes a twentieth of the start, and few pages draw a code

    return Markup(segno.make(text, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff"))  # noqa: S704  drawn by segno
