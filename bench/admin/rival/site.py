# SPDX-License-Identifier: MIT
"""Django's admin as it comes, over SQLite, with logs, debugging and
translation off.  DESK names the database."""
import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="of the bench", DEBUG=False, ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="rival.urls", STATIC_URL="/static/", USE_I18N=False,
    USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth",
                    "django.contrib.contenttypes", "django.contrib.sessions",
                    "django.contrib.messages", "rival"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True, "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages"]}}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
                           "NAME": os.environ["DESK"]}})
django.setup()


def fill():
    """The tables, the books, somebody who may see them."""
    import datetime

    from django.contrib.auth.models import User
    from django.core.management import call_command

    from .models import Book

    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.create_superuser("ann", "ann@localhost", "four words")
    Book.objects.bulk_create([Book(
        title=f"Title number {i}", author=f"Author {i % 500}",
        kind=("novel", "play", "poems")[i % 3], year=1800 + i % 200,
        shelf=f"S{i % 100}", lent=i % 7 == 0,
        bought=datetime.date(2000 + i % 25, 1 + i % 9, 10 + i % 10),
        notes="What there is to say about it, in a line"
              + (", signed" if i % 100 == 42 else "") + ".")
        for i in range(10000)], batch_size=500)


def application():
    from django.core.wsgi import get_wsgi_application
    return get_wsgi_application()
