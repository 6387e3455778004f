"""What a page's own form would send."""

from __future__ import annotations

from lxml import html


def form_of(page: bytes) -> dict[str, str]:
    """What the page's own form would send as it stands."""
    main = html.document_fromstring(page).xpath("//main")[0]
    (form,) = [one for one in main.xpath(".//form") if one.xpath(".//*[@name='seen']")]
    return {name: value for name, value in form.form_values() if value is not None and name != "csrf_token"}
