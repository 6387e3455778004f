"""Reading a page as a person does: its heading, its words, its messages, its forms and what stands in them."""

from __future__ import annotations

import io
from typing import Any

from lxml import html
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

UNSEEN = "//script | //style | //template | //head"
BLOCKS = (
    "p",
    "div",
    "li",
    "dt",
    "dd",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "label",
    "legend",
    "button",
    "span",
    "a",
    "option",
)


class Screen:
    """One answered page."""

    def __init__(self, response: TestResponse) -> None:
        self.status, self.raw = response.status_code, response.get_data(as_text=True)
        self.tree = html.fromstring(self.raw.encode())

    @property
    def heading(self) -> str:
        """The one h1."""
        (found,) = self.tree.xpath("//h1")
        return _words(found)

    @property
    def text(self) -> str:
        """Everything a reader can read, names of controls and values typed included."""
        tree = html.fromstring(self.raw.encode())
        for gone in tree.xpath(UNSEEN):
            gone.drop_tree()
        typed = [field.get("value") or "" for field in tree.xpath("//input[not(@type='hidden')]")]
        return " ".join([_words(tree), *typed])

    def texts(self, path: str) -> list[str]:
        """The words of every element of an XPath."""
        return [_words(found) for found in self.tree.xpath(path)]

    @property
    def main(self) -> str:
        """The words of the content."""
        return _words(self.tree.xpath("//main")[0])

    @property
    def notices(self) -> list[str]:
        """What the page tells above its content, errors' summary included."""
        told = self.texts("//*[contains(concat(' ', @class, ' '), ' notice ')]")
        return [one for one in told if one]  # the warning before the lock is empty until it warns

    @property
    def errors(self) -> dict[str, str]:
        """The sentence beside each wrong field, by the field's id."""
        found = self.tree.xpath("//p[contains(concat(' ', @class, ' '), ' error ')]")
        return {p.get("id").removesuffix("-error"): _words(p).removeprefix("Error:").strip() for p in found}

    def form(self, ending: str = "") -> dict[str, str]:
        """What a browser would send of the form whose action ends so: hidden values and what stands in the fields."""
        sent: dict[str, str] = {}
        for field in self._form(ending).xpath(".//input | .//select | .//textarea"):
            kind, name = field.get("type"), field.get("name")
            if (
                not name
                or kind in ("file", "submit")
                or (kind in ("radio", "checkbox") and field.get("checked") is None)
            ):
                continue
            sent[name] = _value(field)
        return sent

    def _form(self, ending: str) -> Any:
        forms = self.tree.xpath("//main//form[@method='post']")
        return next(form for form in forms if form.get("action", "").endswith(ending))

    def value(self, name: str) -> str:
        """What stands in the field of this name."""
        return _value(self.tree.xpath(f"//main//*[@name='{name}'][not(@type='hidden')]")[0])

    def links(self) -> list[str]:
        """Every address the content leads to."""
        return [str(address) for address in self.tree.xpath("//main//a/@href")]


def _words(element: Any) -> str:
    for one in element.iter(*BLOCKS):
        one.tail = f" {one.tail or ''}"
    return " ".join(element.text_content().split())


def _value(field: Any) -> str:
    if field.tag == "select":
        chosen = [option for option in field.iter("option") if option.get("selected") is not None]
        return (chosen or list(field.iter("option")))[0].get("value", "")
    return (field.text or "").removeprefix("\n") if field.tag == "textarea" else field.get("value", "")


def post(
    client: Any, address: str, sent: dict[str, str], *files: tuple[bytes, str], field: str = "files"
) -> TestResponse:
    """Send a form with files. The body is made in memory: the test client's own would leave temporary files open."""
    parts: MultiDict[str, Any] = MultiDict(sent)
    for content, name in files:
        parts.add(field, FileStorage(io.BytesIO(content), filename=name))
    boundary, body = encode_multipart(parts)
    return client.open(address, method="POST", data=body, content_type=f"multipart/form-data; boundary={boundary}")
