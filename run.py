"""The application, and as a program: everything that belongs together."""

from app import create_app

app = create_app()
