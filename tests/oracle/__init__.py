"""Who may do what, a second time: plain Python over plain rows, written from DOMAIN.md section 2 and issues 2 and 3.

Nothing here is shared with ``app.access``, ``app.rights`` or ``app.scopes``: T-EQ compares the two. What follows from
the rows is ``facts``, the rights as sentences are ``sentences``, and which act asks which is ``rights``.
"""

from tests.oracle.facts import Oracle, Row
from tests.oracle.rights import RIGHTS

__all__ = ["RIGHTS", "Oracle", "Row"]
