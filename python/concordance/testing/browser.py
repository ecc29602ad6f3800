# SPDX-License-Identifier: MIT
"""A fake browser without JavaScript: pages as a person reads them."""
from __future__ import annotations

import html.parser
import http.cookiejar
import secrets
import urllib.error
import urllib.parse
import urllib.request

__all__ = ["Browser", "Element", "Form", "Page"]

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link",
        "meta", "source", "track", "wbr"}
UNSEEN = {"head", "script", "style", "template", "title"}
BLOCKS = {"address", "article", "aside", "body", "br", "dd", "div", "dl",
          "dt", "fieldset", "figure", "footer", "form", "h1", "h2", "h3",
          "h4", "h5", "h6", "header", "hr", "label", "legend", "li", "main",
          "nav", "ol", "option", "p", "pre", "section", "select", "table",
          "td", "th", "tr", "ul"}


def squeeze(text: str) -> str:
    return " ".join(text.split())


class Element:
    """An element of a page: ``tag``, ``attrs``, ``children`` (Elements and
    texts), ``text`` (what a person sees of it, blanks squeezed)."""

    def __init__(self, tag: str, attrs: dict[str, str], parent=None):
        self.tag, self.attrs, self.parent = tag, attrs, parent
        self.children: list = []

    @property
    def classes(self) -> list[str]:
        return self.attrs.get("class", "").split()

    @property
    def hidden(self) -> bool:
        return "hidden" in self.attrs or self.tag in UNSEEN

    def _texts(self, out: list[str], seen: bool) -> None:
        for child in self.children:
            if isinstance(child, str):
                out.append(child)
            elif not (seen and child.hidden):
                space = " " if child.tag in BLOCKS else ""
                out.append(space)
                child._texts(out, seen)
                out.append(space)

    @property
    def text(self) -> str:
        out: list[str] = []
        self._texts(out, True)
        return squeeze("".join(out))

    @property
    def raw(self) -> str:
        """All its text as it stands."""
        out: list[str] = []
        for child in self.children:
            out.append(child if isinstance(child, str) else child.raw)
        return "".join(out)

    def all(self, tag: str | None = None, cls: str | None = None,
            **attrs: str) -> list["Element"]:
        """Elements below, in order: of that tag, with that class and those
        attributes (data_field="x" is data-field)."""
        want = {k.replace("_", "-"): v for k, v in attrs.items()}
        found = []
        for child in self.children:
            if isinstance(child, str):
                continue
            if tag in (None, child.tag) and (
                    cls is None or cls in child.classes) and all(
                        child.attrs.get(k) == v for k, v in want.items()):
                found.append(child)
            found += child.all(tag, cls, **attrs)
        return found

    def first(self, *args, **attrs) -> "Element | None":
        """The first of all(), or None."""
        found = self.all(*args, **attrs)
        return found[0] if found else None

    def __repr__(self):
        attrs = "".join(f' {k}="{v}"' for k, v in self.attrs.items())
        return f"<{self.tag}{attrs}>{self.text[:60]}"


class _Tree(html.parser.HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.root = self.at = Element("", {})
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        made = Element(tag, {k: v or "" for k, v in attrs}, self.at)
        self.at.children.append(made)
        if tag not in VOID:
            self.at = made

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        at = self.at
        while at is not None and at.tag != tag:
            at = at.parent
        if at is not None and at.parent is not None:
            self.at = at.parent

    def handle_data(self, data):
        self.at.children.append(data)


class Form:
    """A form of a page: fill() it, submit() it.

    title    its legend, or heading, or the words of its button
    action, method, id
    fields   what would be sent, by name; a list for several values
    labels   what people read beside each field, by name
    choices  of selects, the values there are, by name
    errors   what is wrong, by name, as the page shows it
    error    what is wrong with the whole
    """

    def __init__(self, page: "Page", element: Element):
        self.page, self.element = page, element
        a = element.attrs
        self.id = a.get("id", "")
        self.action = a.get("action", "")
        self.method = a.get("method", "get").lower()
        self.fields: dict = {}
        self.labels: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.errors: dict[str, str] = {}
        self._files: dict[str, tuple] = {}
        self._boxes: dict[str, list[str]] = {}
        self._kinds: dict[str, str] = {}
        self._buttons: list[Element] = []
        for control in element.all():
            self._read(control)
        self._read_labels()
        self._read_errors()
        heading = next((element.first(h) for h in
                        ("legend", "h1", "h2", "h3") if element.first(h)),
                       None)
        self.title = heading.text if heading else \
            a.get("aria-label") or (self._buttons[0].text if self._buttons
                                    else "")

    def _add(self, name: str, value: str) -> None:
        old = self.fields.get(name)
        if old is None:
            self.fields[name] = value
        else:
            self.fields[name] = (old if isinstance(old, list) else [old]) + \
                [value]

    def _read(self, e: Element) -> None:
        name, kind = e.attrs.get("name"), e.attrs.get("type", "text")
        if e.tag == "button" and kind in ("text", "submit") or \
                e.tag == "input" and kind in ("submit", "image"):
            self._buttons.append(e)
        elif not name or "disabled" in e.attrs:
            return
        elif e.tag == "textarea":
            self._kinds[name] = "textarea"
            self._add(name, e.raw.removeprefix("\n"))
        elif e.tag == "select":
            self._read_select(e, name)
        elif e.tag == "input" and kind in ("checkbox", "radio"):
            self._kinds[name] = kind
            value = e.attrs.get("value", "on")
            self._boxes.setdefault(name, []).append(value)
            if "checked" in e.attrs:
                self._add(name, value)
        elif e.tag == "input" and kind == "file":
            self._kinds[name] = "file"
        elif e.tag == "input" and kind not in ("button", "reset"):
            self._kinds[name] = kind
            self._add(name, e.attrs.get("value", ""))

    def _read_select(self, e: Element, name: str) -> None:
        many = "multiple" in e.attrs
        options = [(o.attrs.get("value", o.text), "selected" in o.attrs)
                   for o in e.all("option")]
        self._kinds[name] = "select-many" if many else "select"
        self.choices[name] = [v for v, _ in options]
        chosen = [v for v, selected in options if selected]
        if many:
            self.fields[name] = chosen
        elif options:
            self.fields[name] = chosen[-1] if chosen else options[0][0]

    def _read_labels(self) -> None:
        by_id = {e.attrs["id"]: e.attrs["name"] for e in self.element.all()
                 if "id" in e.attrs and "name" in e.attrs}
        for label in self.element.all("label"):
            inside = next((e for e in label.all() if "name" in e.attrs), None)
            name = inside.attrs["name"] if inside else \
                by_id.get(label.attrs.get("for", ""))
            if name:
                self.labels[name] = label.text

    def _read_errors(self) -> None:
        ids = {e.attrs["id"]: e for e in self.element.all()
               if "id" in e.attrs}
        for e in self.element.all():
            if e.attrs.get("aria-invalid") != "true":
                continue
            words = e.attrs.get("aria-errormessage",
                                e.attrs.get("aria-describedby", "")).split()
            texts = [ids[w].text for w in words if w in ids
                     and not ids[w].hidden and w.endswith("-error")]
            self.errors[e.attrs.get("name", "")] = " ".join(texts)
        for row in self.element.all(cls="cnc-field"):
            p = row.first("p", "cnc-error")
            if p is not None and not p.hidden and p.text:
                self.errors[row.attrs.get("data-field", "")] = p.text
        whole = self.element.first("p", "cnc-form-error")
        self.error = whole.text if whole and not whole.hidden else ""

    def _name(self, word: str) -> str:
        if word in self._kinds:
            return word
        for name, label in self.labels.items():
            if label == word:
                return name
        raise AssertionError(
            f"the form \"{self.title}\" has no field {word!r}; it has "
            + ", ".join(self._kinds) + f"\n{self.page}")

    def fill(self, fields: dict | None = None, /, **more) -> "Form":
        """Type into fields, named by their names or, in a dict, by their
        labels.  True and False are for boxes, a list for several choices, a
        path or (name, bytes) for files.  A choice that is not there cannot
        be made; everything else the service shall judge."""
        for word, value in {**(fields or {}), **more}.items():
            name = self._name(word)
            kind = self._kinds[name]
            if kind == "file":
                if not isinstance(value, tuple):
                    with open(value, "rb") as f:
                        value = (str(value).rpartition("/")[2], f.read())
                self._files[name] = value
                continue
            if kind in ("checkbox", "radio"):
                value = self._box(name, value)
            elif isinstance(value, (list, tuple)):
                value = [str(v) for v in value]
            else:
                value = "" if value is None else str(value)
            for v in value if isinstance(value, list) else [value]:
                if name in self.choices and v not in self.choices[name]:
                    raise AssertionError(
                        f"{name}: {v!r} is no choice; there are "
                        + ", ".join(map(repr, self.choices[name])))
            self.fields[name] = value
        return self

    def _box(self, name: str, value) -> list[str]:
        if value is True:
            return self._boxes[name][:1]
        if value in (False, None):
            return []
        values = value if isinstance(value, (list, tuple)) else [value]
        for v in values:
            if str(v) not in self._boxes[name]:
                raise AssertionError(
                    f"{name}: there is no box {v!r}, but "
                    + ", ".join(map(repr, self._boxes[name])))
        return [str(v) for v in values]

    def submit(self, button: str | None = None) -> "Page":
        """Press the button with those words, or the first: the page that
        comes."""
        press = [b for b in self._buttons if button is None
                 or button in (b.text, b.attrs.get("value"))]
        if button is not None and not press:
            raise AssertionError(
                f"the form \"{self.title}\" has no button {button!r}; it has "
                + ", ".join(repr(b.text) for b in self._buttons))
        pairs = []
        for name, value in self.fields.items():
            for v in value if isinstance(value, list) else [value]:
                pairs.append((name, v.replace("\r\n", "\n").replace(
                    "\n", "\r\n") if self._kinds[name] == "textarea" else v))
        if press and press[0].attrs.get("name"):
            pairs.append((press[0].attrs["name"],
                          press[0].attrs.get("value", "")))
        return self.page.browser._submit(self, pairs, self._files)

    def __repr__(self):
        return f"<Form {self.title!r} {self.fields}>"


def _table(table: Element) -> list[dict[str, str]]:
    """Rows as dicts by the texts of the heading."""
    rows = [[c for c in row.children
             if not isinstance(c, str) and c.tag in ("td", "th")]
            for row in table.all("tr")]
    rows = [row for row in rows if row]
    if not rows:
        return []
    if all(c.tag == "th" for c in rows[0]):
        head, rows = [c.text for c in rows[0]], rows[1:]
    else:
        head = [str(n) for n in range(max(map(len, rows)))]
    return [dict(zip(head, (c.text for c in row))) for row in rows]


class Page:
    """A page as a person without JavaScript has it.

    url, path, status, headers, html
    title, text   what is seen, blanks squeezed
    headings      texts of h1 to h6
    links         hrefs by their words
    tables        each a list of rows, dicts by the heading's texts
    values        pairs of a definition list (dt: dd), as answers have them
    forms         every Form
    flash         the note of what was just done, or ""
    errors        of all forms, by field
    root          the tree of Elements: ``page.root.all("li", "book")``
    """

    def __init__(self, browser: "Browser", url: str, status: int, headers,
                 text: str):
        self.browser, self.url, self.status = browser, url, status
        self.headers, self.html = headers, text
        parts = urllib.parse.urlsplit(url)
        self.path = parts.path + (f"?{parts.query}" if parts.query else "")
        self.root = _Tree(text).root
        title = self.root.first("title")
        self.title = squeeze(title.raw) if title else ""
        self.text = self.root.text
        self.headings = [e.text for e in self.root.all()
                         if e.tag in ("h1", "h2", "h3", "h4", "h5", "h6")]
        self.links: dict[str, str] = {}
        for a in self.root.all("a"):
            if "href" in a.attrs:
                self.links.setdefault(a.text, a.attrs["href"])
        self.tables = [_table(t) for t in self.root.all("table")]
        self.values = {}
        for dl in self.root.all("dl"):
            at = None
            for e in dl.all():
                if e.tag == "dt":
                    at = e.text
                elif e.tag == "dd" and at is not None:
                    old = self.values.get(at)
                    self.values[at] = e.text if old is None else \
                        f"{old}\n{e.text}"
        self.forms = [Form(self, e) for e in self.root.all("form")]
        notes = [e.text for e in self.root.all(cls="cnc-note")
                 if not e.hidden]
        self.flash = notes[0] if notes else ""
        self.errors = {k: v for form in self.forms
                       for k, v in form.errors.items()}

    def click(self, words: str) -> "Page":
        """Follow the link with those words."""
        if words not in self.links:
            raise AssertionError(f"there is no link {words!r}; there are "
                                 f"{', '.join(map(repr, self.links))}\n{self}")
        return self.browser.open(self.links[words])

    def form(self, which: str | None = None) -> Form:
        """The form with that title, id, action or button; None: the only
        one."""
        found = [f for f in self.forms
                 if which is None or which in (f.title, f.id, f.action)
                 or f.action.split("?")[0] == which
                 or any(b.text == which for b in f._buttons)]
        if len(found) == 1 or (found and which is not None):
            return found[0]
        raise AssertionError(
            f"there is no form {which!r}" if which else
            f"there are {len(self.forms)} forms: say which") from None

    def __contains__(self, text: str) -> bool:
        return squeeze(text) in self.text

    def __repr__(self):
        """What a failed assertion shows."""
        errors = "".join(f"\n  {k}: {v}" for k, v in self.errors.items())
        return (f"<Page {self.status} {self.path} {self.title!r}>\n"
                f"  {self.text[:1500]}{errors}")


class Browser:
    """Opens pages of one site; keeps cookies; follows redirects.  ``page``
    is where it is."""

    def __init__(self, url: str, limit: float, language: str | None = None):
        self.url, self.limit, self.language = url, limit, language
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(self.cookies))
        self.page: Page | None = None

    def open(self, path: str = "/", **headers: str) -> Page:
        """GET a path, with these headers (``If_None_Match="..."``)."""
        return self._go(urllib.parse.urljoin(
            self.page.url if self.page else self.url, path), None,
            {k.replace("_", "-"): v for k, v in headers.items()})

    def click(self, words: str) -> Page:
        return self._here().click(words)

    def form(self, which: str | None = None) -> Form:
        return self._here().form(which)

    def _here(self) -> Page:
        if self.page is None:
            raise AssertionError("open() a page first")
        return self.page

    def post(self, path: str, fields: dict | None = None, /, **more) -> Page:
        """POST fields to a path, without a form."""
        data = urllib.parse.urlencode({**(fields or {}), **more}, doseq=True)
        return self._go(urllib.parse.urljoin(self.url, path), data.encode(),
                        {})

    def _submit(self, form: Form, pairs, files) -> Page:
        url = urllib.parse.urljoin(form.page.url, form.action)
        if form.method != "post":
            return self._go(url.split("?")[0] + "?"
                            + urllib.parse.urlencode(pairs), None, {})
        if form.element.attrs.get("enctype") == "multipart/form-data":
            kind, data = _multipart(pairs, files)
            return self._go(url, data, {"Content-Type": kind})
        return self._go(url, urllib.parse.urlencode(pairs).encode(), {})

    def _go(self, url: str, data: bytes | None, headers: dict) -> Page:
        url = url.split("#")[0]
        base = self.url.rstrip("/")
        if not (url + "/").startswith(base + "/") and \
                not url.startswith(base + "?"):
            raise AssertionError(f"{url} is of another site than {base}")
        if data is not None:
            headers = {"Origin": base, **headers}
        if self.language:
            headers = {"Accept-Language": self.language, **headers}
        request = urllib.request.Request(
            urllib.parse.quote(url, safe="/:?&=%#[]@!$'()*+,;~"), data,
            headers)
        try:
            answer = self._opener.open(request, timeout=self.limit)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.page = Page(self, answer.url, answer.status, answer.headers,
                             answer.read().decode("utf-8", "replace"))
        return self.page


def _multipart(pairs, files) -> tuple[str, bytes]:
    """RFC 7578."""
    mark = "kit" + secrets.token_hex(12)
    out = b""
    for name, value in pairs:
        out += (f"--{mark}\r\nContent-Disposition: form-data; "
                f"name=\"{name}\"\r\n\r\n{value}\r\n").encode()
    for name, (filename, data) in files.items():
        out += (f"--{mark}\r\nContent-Disposition: form-data; name=\"{name}\""
                f"; filename=\"{filename}\"\r\nContent-Type: "
                "application/octet-stream\r\n\r\n").encode() + data + b"\r\n"
    return f"multipart/form-data; boundary={mark}", \
        out + f"--{mark}--\r\n".encode()
