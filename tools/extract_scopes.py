"""Babel's extractor for ``app/scopes/``: the first line of a scope's docstring is a sentence users read."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import IO, Any


def extract(
    file: IO[bytes],
    _keywords: Any,
    _comments: Any,
    options: Any,  # noqa: ARG001  Babel names it
) -> Iterator[tuple[int, str, str, Collection[str]]]:
    """(line, function, message, comments) of each public function with a docstring."""
    for node in ast.parse(file.read()).body:
        if isinstance(node, ast.FunctionDef) and [a.arg.lstrip("_") for a in node.args.args] == ["actor", "thing"]:
            sentence = (ast.get_docstring(node) or "").partition("\n")[0]
            if sentence:
                yield node.lineno, "_", sentence, ()
