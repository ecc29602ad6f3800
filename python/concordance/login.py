# SPDX-License-Identifier: MIT
"""Accounts, roles, log-ins and one-use tokens: what an authentication app is
made of.  All are called in a handler, while it runs; whatever takes time is
waited for, durable changes until they are kept.

    from concordance import login

    @command("login", "Log in", form=Ask, who="anybody")
    def enter(self, user, form):
        jid, ours = login.address(form.user)
        if not ours or not login.check(jid, form.password):
            raise Refuse(password="Name or password is wrong.")
        login.begin(jid)

A log-in is a browser's (a cookie that only HTTP sees) or an XMPP session's.
"""
from __future__ import annotations

import dataclasses

from ._concordance import Error
from .app import _call

__all__ = ["Login", "TooMany", "Unavailable", "add_account", "addr", "address", "begin",
           "by_browser", "check", "confirm", "delete_account", "end", "exists", "find", "logins",
           "logout", "look", "new_token", "rate", "roles", "send_message",
           "set_password", "set_role", "take_token"]

# include/concordance/types.h; the numbers never change.
_EINVAL, _ELIMIT, _EPROTO, _ENOENT, _EEXIST = -2, -3, -5, -6, -7
_EACCES, _EREFUSED, _EAUTH = -8, -11, -15


class TooMany(Error):
    """It was tried too often, or there are too many."""


class Unavailable(Error):
    """It cannot be told now; whoever is asked does not answer."""


@dataclasses.dataclass(frozen=True)
class Login:
    """A log-in: ``kind`` is "web" or "xmpp"; ``jid`` is bare, of an XMPP
    session full; ``since`` and ``seen`` are Unix seconds; ``current``: the one
    that asks."""

    id: str
    jid: str
    kind: str
    agent: str
    addr: str
    since: int
    seen: int
    current: bool


def _done(result, **texts):
    """result, or what its code raises."""
    if not isinstance(result, int) or isinstance(result, bool) or result == 0:
        return result
    if result == _ELIMIT:
        raise TooMany(texts.get("limit", "too much of it; try again later"))
    if result == _EINVAL:
        raise ValueError(texts.get("invalid", "that may not be"))
    if result == _ENOENT:
        raise KeyError(texts.get("missing", "there is none"))
    if result == _EEXIST:
        raise FileExistsError(texts.get("exists", "it is there already"))
    if result == _EREFUSED:
        raise Unavailable("it cannot be told now; try again later")
    if result == _EACCES:
        raise PermissionError(texts.get("access", "not without TLS"))
    if result == _EPROTO:
        raise Error("the request did not come by HTTP")
    raise Error("it could not be done; see the service's log")


def address(text: str) -> tuple[str, bool]:
    """The bare JID of what somebody typed ("Juliet" is
    "juliet@books.example"), and whether it is of this domain.  ValueError: it
    is no address of somebody."""
    return _done(_call().bare_jid(text),
                 invalid="it is no address of somebody")


# -- accounts: user is a local part or a bare JID of this domain ---------------

def exists(user: str) -> bool:
    """Are the keys of such an account kept here?"""
    return _call().account_exists(user)


def find(user: str) -> bool:
    """Is there such an account, here or in a directory outside, whom the hook
    "account-exists" asks?  Unavailable."""
    code = _call().account_find(user)
    return False if code == _ENOENT else _done(code) == 0


def check(user: str, password: str) -> bool:
    """Is it the password?  As slow when there is no such account.  TooMany:
    there were too many failures from this address.  Unavailable."""
    code = _call().account("check", user, password)
    return False if code == _EAUTH else _done(code) == 0


def add_account(user: str, password: str) -> None:
    """FileExistsError; ValueError: no such name or password may be;
    Unavailable."""
    _done(_call().account("add", user, password))


def set_password(user: str, password: str) -> None:
    """KeyError: there is no such account.  ValueError: it may be none."""
    _done(_call().account("password", user, password))


def delete_account(user: str) -> None:
    """All it has goes with it: log-ins, sessions, roles.  KeyError."""
    _done(_call().account("delete", user, ""))


# -- roles -----------------------------------------------------------------------

def set_role(jid: str, role: str, has: bool = True) -> None:
    """Give a bare JID of any domain a role, or take it; what it allowed ends
    at once.  ValueError, TooMany."""
    _done(_call().role_set(jid, role, has))


def roles() -> list[tuple[str, str]]:
    """(JID, role), in the order of JIDs; operators are not among them."""
    return _done(_call().roles())


# -- log-ins ---------------------------------------------------------------------

def begin(jid: str, seconds: int = 0) -> None:
    """The browser that sent this request is logged in as jid, of any domain,
    for so many seconds (0: 30 days; ends after 7 days without use).  Whoever
    calls has made sure that it is him.  ValueError; PermissionError: not
    without TLS; Error: it is no browser."""
    _done(_call().login(jid, seconds))


def by_browser() -> bool:
    """Did a browser send this request, which begin() may let in?"""
    return _call().by_browser()


def logout() -> None:
    """End the log-in of this browser, and the streams of its pages."""
    _done(_call().logout())


def logins(jid: str | None = None) -> list[Login]:
    """Of jid, or of all, newest first."""
    return [Login(*row) for row in _done(_call().logins(jid))]


def end(jid: str, id: str | None = None) -> None:
    """End one log-in of jid, or all, its XMPP sessions too.  KeyError."""
    _done(_call().logins_end(jid, id))


# -- one-use tokens, confirmation --------------------------------------------------

def new_token(purpose: str, text: str = "", seconds: int = 0) -> str:
    """43 characters that fit in a URL; only their hash is kept, with text.
    seconds 0: a day.  ValueError, TooMany."""
    return _done(_call().token_new(purpose, text, seconds))


def take_token(token: str, purpose: str) -> str | None:
    """Its text, once; None: it is wrong, used, too old or of another
    purpose."""
    result = _call().token_take(token, purpose, False)
    return None if result == _EAUTH else _done(result)


def look(token: str, purpose: str) -> str | None:
    """As take_token(), and it stays good."""
    result = _call().token_take(token, purpose, True)
    return None if result == _EAUTH else _done(result)


def confirm(jid: str, id: str, url: str) -> bool:
    """Ask jid, on whatever server it is, whether a request is his (XEP-0070);
    id is shown in both places.  Waits for him, a minute at most, and the app's
    other handlers with it.  KeyError: he cannot be asked.  TooMany: he was
    asked too often."""
    code = _call().confirm(jid, id, url)
    return False if code == _EACCES else _done(code) == 0


def send_message(to: str, body: str) -> None:
    """A message from the domain.  ValueError: to is no address."""
    _done(_call().message(to, body))


def rate(key: str, n: int, seconds: int) -> bool:
    """May it be done once more: n times in so many seconds for this key?"""
    return _call().rate(key, n, seconds) == 0


def addr() -> str:
    """The client's address; of somebody of another XMPP server that server's
    domain; "" in a task and for who comes by the operator's link."""
    return _call().addr
