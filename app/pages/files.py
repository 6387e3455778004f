"""How a paper is answered: a PDF for the browser's own viewer."""

from __future__ import annotations

from flask import Response


def paper(content: bytes, name: str, *, how: str = "inline", kind: str = "application/pdf") -> Response:
    """A file to look at, or with ``how="attachment"`` to keep. Its name says nothing about anybody."""
    headers = {
        "Content-Disposition": f'{how}; filename="{name}"',
        "Content-Security-Policy": "frame-ancestors 'self'",  # a browser's own viewer is stopped by more
    }
    return Response(content, mimetype=kind, headers=headers)
