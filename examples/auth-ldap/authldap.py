# SPDX-License-Identifier: MIT
"""The people of an LDAP directory log in here too.

The app "auth", which is written in C, with two questions answered: is this
the password, and is there such an account?  Both are asked of the directory.
Whom it does not know is looked for among the accounts of the service.  Groups
of the directory are roles here.

    python3 -m concordance run authldap:LdapAuth ./bookcase.so

README.md says what there is to set.
"""
from __future__ import annotations

import contextlib
import ssl
import time
import urllib.parse

import ldap3
from ldap3.core import exceptions
from ldap3.utils.conv import escape_filter_chars

import concordance
from concordance import (Boolean, Integer, Lines, Record, Refuse, Secret, Text,
                         command, every, hook, login)

REST_S = 10  # how long a directory that did not answer is left alone
NOT_NOW = "The directory does not answer. Please try again in a minute."

# The directory knows the name and does not let it in: expired, locked.
DENIED = (exceptions.LDAPInvalidCredentialsResult,
          exceptions.LDAPConstraintViolationResult,
          exceptions.LDAPInappropriateAuthenticationResult,
          exceptions.LDAPInsufficientAccessRightsResult,
          exceptions.LDAPNoSuchObjectResult,
          exceptions.LDAPUnwillingToPerformResult)


class Whom(Record):
    user = Text("Name", required=True)


class LdapAuth(concordance.load("auth")):
    name = "auth_ldap"
    title = "Accounts of the directory"
    version = "1.0"

    class Settings(Record):
        ldap_url = Text("The directory", max_len=1000,
                        match="ldaps?://[^/?#]+/?",
                        error="It looks like ldaps://ldap.example.org",
                        help="Such as ldaps://ldap.example.org; empty: none")
        ldap_tls = Boolean("TLS on ldap:// (STARTTLS)", value=True,
                           help="Passwords go to the directory: switch it off "
                                "on one machine alone")
        ldap_ca = Text("File of the authorities' certificates", max_len=1000,
                       help="Empty: those of the system")
        ldap_base = Text("Where people are", max_len=1000,
                         help="Such as ou=people,dc=example,dc=org")
        ldap_filter = Text("What finds one of them", value="(uid={user})",
                           max_len=1000)
        ldap_reader = Text("Who asks (DN)", max_len=1000,
                           help="Empty: the directory is read by anybody")
        ldap_reader_password = Secret("Its password", max_len=1000)
        ldap_groups = Text("Where groups are", max_len=1000,
                           help="Empty: groups are no roles")
        ldap_group_filter = Text("What finds somebody's groups",
                                 value="(|(member={dn})(memberUid={user}))",
                                 max_len=1000)
        ldap_roles = Lines("Groups that are roles", max_len=10000,
                           help="A line for each: the group's cn, a colon, "
                                "the role")
        ldap_timeout = Integer("Seconds to wait for it", value=5, min=1,
                               max=60)

    _rests = ("", 0.0)  # which directory is left alone, until when

    # -- the connection ------------------------------------------------------

    def _server(self) -> ldap3.Server:
        url = urllib.parse.urlsplit(self.settings.ldap_url)
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED,
                        version=ssl.PROTOCOL_TLS_CLIENT,
                        ca_certs_file=self.settings.ldap_ca or None)
        secure = url.scheme == "ldaps"
        return ldap3.Server(url.hostname, url.port or (636 if secure else 389),
                            use_ssl=secure, tls=tls, get_info=ldap3.NONE,
                            connect_timeout=self.settings.ldap_timeout)

    def _connect(self, dn: str | None, password: str | None):
        """Bound as dn; as nobody when it is None."""
        server = self._server()
        start = not server.ssl and self.settings.ldap_tls
        c = ldap3.Connection(
            server, dn, password, read_only=True, raise_exceptions=True,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            receive_timeout=self.settings.ldap_timeout, auto_referrals=False)
        try:
            c.open()
            if start:
                c.start_tls()
            c.bind()
        except BaseException:
            self._close(c)
            raise
        return c

    @staticmethod
    def _close(c) -> None:
        with contextlib.suppress(exceptions.LDAPException, OSError):
            c.unbind()

    @contextlib.contextmanager
    def _directory(self):
        """Who asks, connected.  A directory that is down is not a wrong
        password, nor a fault of ours: the question is refused.  For a while it
        is not asked again, so that a hundred people who try to log in do not
        wait for it one after the other."""
        url, until = self._rests
        if url == self.settings.ldap_url and time.monotonic() < until:
            raise Refuse(NOT_NOW)
        try:
            reader = self.settings.ldap_reader or None
            c = self._connect(reader, self.settings.ldap_reader_password)
            try:
                yield c
            finally:
                self._close(c)
        except (exceptions.LDAPException, OSError) as problem:
            self._rests = (self.settings.ldap_url,
                           time.monotonic() + REST_S)
            concordance.log(f"directory {self.settings.ldap_url}: {problem}")
            raise Refuse(NOT_NOW) from problem

    # -- people --------------------------------------------------------------

    def _on(self) -> bool:
        return bool(self.settings.ldap_url and self.settings.ldap_base)

    def _find(self, c, user: str) -> str | None:
        """The DN of the one whom the filter finds.  What was typed is text in
        it, whatever it looks like (RFC 4515)."""
        wanted = self.settings.ldap_filter.replace(
            "{user}", escape_filter_chars(user))
        try:
            c.search(self.settings.ldap_base, wanted, attributes=["1.1"],
                     size_limit=2, time_limit=self.settings.ldap_timeout)
        except exceptions.LDAPNoSuchObjectResult:
            return None
        except exceptions.LDAPSizeLimitExceededResult:
            pass
        found = [e["dn"] for e in c.response or ()
                 if e["type"] == "searchResEntry"]
        if len(found) > 1:
            concordance.log(f"the filter finds several for user={user}")
        return found[0] if len(found) == 1 else None

    def _bind(self, dn: str, password: str) -> bool:
        try:
            self._close(self._connect(dn, password))
        except DENIED:
            return False
        return True

    @hook("check-password")
    def check(self, question):
        user, password = question.user, question.password
        if not self._on():
            return NotImplemented
        if not password:
            return False  # a bind without one is nobody's, and succeeds
        with self._directory() as c:
            dn = self._find(c, user)
            # For a name that it does not know, too: it takes as long.
            right = self._bind(dn or f"cn=nobody,{self.settings.ldap_base}",
                               password)
            if dn is None:
                return NotImplemented
            if right:
                self._give_roles(c, user, dn)
            return right

    @hook("account-exists")
    def exists(self, question):
        if not self._on():
            return NotImplemented
        with self._directory() as c:
            return self._find(c, question.user) is not None \
                or NotImplemented

    # -- groups --------------------------------------------------------------

    def _role_of(self) -> dict[str, str]:
        """Of each group that is one."""
        pairs = (line.partition(":")
                 for line in (self.settings.ldap_roles or "").splitlines())
        return {group.strip().lower(): role.strip()
                for group, _, role in pairs if group.strip() and role.strip()}

    def _groups(self, c, user: str, dn: str) -> set[str]:
        if not self.settings.ldap_groups:
            return set()
        wanted = self.settings.ldap_group_filter.replace(
            "{user}", escape_filter_chars(user)).replace(
            "{dn}", escape_filter_chars(dn))
        try:
            c.search(self.settings.ldap_groups, wanted, attributes=["cn"],
                     time_limit=self.settings.ldap_timeout)
        except exceptions.LDAPNoSuchObjectResult:
            return set()
        return {cn.lower() for e in c.response or ()
                if e["type"] == "searchResEntry"
                for cn in e["attributes"]["cn"]}

    def _set_roles(self, jid: str, groups: set[str]) -> set[str]:
        """Roles that no group stands for are given by hand, and stay."""
        role_of = self._role_of()
        want = {role_of[g] for g in groups if g in role_of}
        has = {role for who, role in login.roles() if who == jid}
        for role in set(role_of.values()):
            if (role in want) != (role in has):
                login.set_role(jid, role, role in want)
        return want

    def _give_roles(self, c, user: str, dn: str) -> set[str]:
        return self._set_roles(login.address(user)[0],
                               self._groups(c, user, dn))

    # -- what changes there --------------------------------------------------

    def _here(self) -> set[str]:
        """Who is logged in, or has a role of a group: people of this domain
        whose keys are not the service's."""
        managed = set(self._role_of().values())
        jids = {entry.jid.split("/")[0] for entry in login.logins()}
        jids |= {jid for jid, role in login.roles() if role in managed}
        return {jid for jid in jids
                if login.address(jid)[1] and not login.exists(jid)}

    def _ask_again(self) -> int:
        """Who is gone is logged out, and groups are as they are now."""
        people = sorted(self._here()) if self._on() else []
        if people:
            with self._directory() as c:
                for jid in people:
                    user = jid.split("@")[0]
                    dn = self._find(c, user)
                    if dn is not None:
                        self._give_roles(c, user, dn)
                    else:
                        self._set_roles(jid, set())
                        login.find(jid)  # asks us, and ends what he has
        return len(people)

    @every(60)
    def look_again(self):
        with contextlib.suppress(Refuse, login.Unavailable):
            self._ask_again()

    @command("ldap/sync", "Ask the directory again")
    def sync(self, user, form):
        """Takes what changed in the directory at once; each minute it is done
        by itself."""
        return f"{self._ask_again()} people were looked at."

    @command("ldap/look", "Look somebody up in the directory", form=Whom,
             safe=True)
    def look(self, user, form):
        """Shows what the directory has of a name: for whoever sets this up."""
        if not self._on():
            raise Refuse("Set ldap_url and ldap_base first.")
        with self._directory() as c:
            dn = self._find(c, form.user)
            if dn is None:
                raise Refuse(user="The directory has nobody of this name.")
            groups = self._groups(c, form.user, dn)
        role_of = self._role_of()
        return {"dn": dn, "groups": sorted(groups),
                "roles": sorted(role_of[g] for g in groups if g in role_of)}
