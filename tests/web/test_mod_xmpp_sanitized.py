# SPDX-License-Identifier: MIT
"""mod_xmpp under AddressSanitizer and UBSan, in a real Apache.

Apache itself is not built with them: their library comes before all others
(LD_PRELOAD), its heap is the process's, and what the module and the code in it
do is looked at.  Leaks are not: Apache's pools live until its processes end.
The module is of the build that `tools/check asan` makes.
"""
import os
import re
import subprocess

from apache import BUILD
from program import TOP

SANITIZED = BUILD + "-asan"
MODULE = os.path.join(SANITIZED, "apache", "mod_xmpp.so")
# Each way through the module; not those that wait for a time to pass.
TESTS = """pieces or handshake or smuggling or frames or fragments or
stanzas_pass or bad_stanzas or goes_is_told or no_xmpp_server or cut_off or
words_for_the_proxy or behind_tls or given_to_the_service or too_much or
plain_words or with_the_socket_ends
""".replace("\n", " ").strip()


def run(*words: str, env=None) -> str:
    done = subprocess.run(words, cwd=TOP, env={**os.environ, **(env or {})},
                          text=True, capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return done.stdout


def build() -> str:
    """The library that its sanitizer is in."""
    if not os.path.exists(os.path.join(SANITIZED, "build.ninja")):
        run("meson", "setup", SANITIZED, "-Db_sanitize=address,undefined",
            "-Db_lundef=false", "-Dpython=disabled")
    run("ninja", "-C", SANITIZED, "apache/mod_xmpp.so")
    with open(MODULE, "rb") as f:
        code = f.read()
    assert b"__asan_report_load8" in code and b"__ubsan_handle_" in code
    return re.search(r"libasan\S* => (\S+)", run("ldd", MODULE)).group(1)


def test_no_way_through_the_module_breaks_memory(public_dir):
    library = build()
    reports = os.path.join(public_dir, "reports")
    os.mkdir(reports)
    os.chmod(reports, 0o1777)  # Apache's children are another user's
    log = f"log_path={reports}/report:halt_on_error=1:abort_on_error=1"
    try:
        said = run("/usr/bin/python3", "-m", "pytest", "-q", "-p",
                   "no:cacheprovider", "-k", TESTS,
                   "tests/web/test_mod_xmpp.py",
                   "tests/web/test_mod_xmpp_handoff.py",
                   env={"MOD_XMPP": MODULE, "MOD_XMPP_PRELOAD": library,
                        "ASAN_OPTIONS": log + ":detect_leaks=0",
                        "UBSAN_OPTIONS": "print_stacktrace=1"})
    finally:
        found = ""
        for name in sorted(os.listdir(reports)):
            with open(os.path.join(reports, name), encoding="utf-8",
                      errors="replace") as f:
                found += f.read()
        assert not found, found[:8000]
    assert int(re.search(r"(\d+) passed", said).group(1)) >= 60, said
