"""A real CAS server (django-cas-server) as a program of its own, for tests: ``python cas_site.py FOLDER PORT SITE [PEM]``.

People and their attributes are in ``people.json`` of the folder; each one's password is their name. Tickets are also
checked where EU Login checks them.
"""

from __future__ import annotations

import json
import socketserver
import ssl
import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

FOLDER, PORT, SITE = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
urlpatterns: list[Any] = []


def configure() -> None:
    """The settings of a Django site that is a CAS server and nothing else."""
    settings.configure(
        SECRET_KEY="of a test",
        DEBUG=False,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="cas_site",
        USE_TZ=True,
        STATIC_URL="/static/",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "cas.sqlite"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "cas_server",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        CAS_AUTH_CLASS="cas_site.Someone",
        CAS_NEW_VERSION_HTML_WARNING=False,
        CAS_NEW_VERSION_EMAIL_WARNING=False,
    )
    django.setup()


class Someone:
    """Who signs in there."""

    def __init__(self, username: str) -> None:
        self.username = username

    def test_password(self, password: str) -> bool:
        """Whether it is they."""
        return self.username in self._people() and password == self.username

    def attributs(self) -> dict[str, Any]:
        """What the server knows of them."""
        found: dict[str, Any] = self._people()[self.username]
        return found

    def _people(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((FOLDER / "people.json").read_text())
        return found


class Threads(socketserver.ThreadingMixIn, WSGIServer):
    """Several at a time."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Says nothing of who asks."""

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


def serve() -> None:
    """Make the tables, let our site be a service, and answer."""
    configure()
    from cas_server.models import ReplaceAttributName, ServicePattern
    from cas_server.views import ValidateService
    from django.urls import include, path

    call_command("migrate", verbosity=0)
    service = ServicePattern.objects.create(name="cpms", pattern=f"^{SITE}/login/cas/back", single_log_out=False)
    ReplaceAttributName.objects.create(name="*", service_pattern=service)
    ServicePattern.objects.create(name="another", pattern="^https://another\\.example/", single_log_out=False)
    urlpatterns.append(path("cas/TicketValidationService", ValidateService.as_view(allow_proxy_ticket=False)))
    urlpatterns.append(path("cas/", include("cas_server.urls", namespace="cas_server")))
    server = make_server("127.0.0.1", PORT, get_wsgi_application(), Threads, Quiet)
    if len(sys.argv) > 4:
        trusted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trusted.load_cert_chain(sys.argv[4])
        server.socket = trusted.wrap_socket(server.socket, server_side=True)
    print("CAS is open", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.modules["cas_site"] = sys.modules[__name__]
    serve()
