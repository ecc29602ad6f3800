# SPDX-License-Identifier: MIT
"""The page of 50 books in Flask and in Django, for gunicorn.

The books are in memory and the templates are compiled once: a site would read
a database for each request besides.
"""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = [{"name": "title", "label": "Title", "required": True},
          {"name": "author", "label": "Author", "required": True},
          {"name": "isbn", "label": "ISBN", "required": False}]


def books() -> list[dict]:
    """What the service is given, too."""
    return [{"id": f"b{i}", "title": f"Book {i} & what it is about",
             "author": f"Author {i}", "isbn": f"978{i:010}"}
            for i in range(50)]


def said() -> dict:
    return {"title": "My Bookcase", "fields": FIELDS, "books": SHELF}


SHELF = books()


def flask():
    from flask import Flask, render_template
    site = Flask(__name__, template_folder=HERE)

    @site.get("/")
    def index():
        return render_template("shelf.html", **said())
    return site


def django():
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.shortcuts import render
    from django.urls import path

    def index(request):
        return render(request, "shelf.html", said())

    settings.configure(
        SECRET_KEY="of the bench", DEBUG=False, ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(path("", index),), USE_I18N=False, USE_TZ=True,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [("django.template.loaders.cached.Loader", [
                ("django.template.loaders.filesystem.Loader", [HERE])])]}}])
    return get_wsgi_application()


def concordance():
    """What the service of CONCORDANCE_LINK has."""
    from concordance import wsgi
    return wsgi()


def nothing():
    """A page of that size, made once: what gunicorn costs by itself."""
    page = "".join(f"<h3>{b['title'].replace('&', '&amp;')}</h3>"
                   for b in SHELF).encode().ljust(13000)

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html"),
                                  ("Content-Length", str(len(page)))])
        return [page]
    return application
