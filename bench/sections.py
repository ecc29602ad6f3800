# SPDX-License-Identifier: MIT
"""What `make bench` measures: one function a section, each gives rows.

Where something is compared, both take turns in the same run, because one
machine's figures vary more from minute to minute than what is compared.
"""
from __future__ import annotations

import dataclasses
import gzip
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from service import BUILD, TOP, Broadcaster, Service, built


@dataclasses.dataclass
class Row:
    """One figure; reach says what to reach: ("<=", 1.2), or None."""

    section: str
    what: str
    value: float
    unit: str
    reach: tuple[str, float] | None = None
    note: str = ""

    def reached(self) -> bool | None:
        if self.reach is None:
            return None
        sign, limit = self.reach
        return self.value <= limit if sign == "<=" else self.value >= limit


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(*command, limit: float = 300) -> list[dict]:
    """The lines of JSON that a bench program prints."""
    done = subprocess.run([str(word) for word in command], text=True,
                          capture_output=True, timeout=limit, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: "
                         f"{done.stderr or done.stdout}")
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def medians(results: list[dict]) -> dict:
    """Of each number, the median over the rounds."""
    return {key: statistics.median(r[key] for r in results)
            for key, value in results[0].items()
            if isinstance(value, (int, float))}


# -- a: fan-out -----------------------------------------------------------------

def load_service(n, size, items, window) -> dict:
    with Service("memory") as s:
        return run(built("bench/fanout/load"), "xmpp", s.pid, s.port, s.link,
                   n, size, items, window)[0]


def load_broadcaster(n, frame, items, window) -> dict:
    with Broadcaster() as b:
        return run(built("bench/fanout/load"), "bcast", b.pid, b.port,
                   b.trigger, n, frame, items, window)[0]


def compare(n, size, items, window, rounds) -> tuple[dict, dict, float]:
    """Service and broadcaster in turns: their medians, and the median of the
    rounds' ratios of CPU a delivery."""
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(load_service(n, size, items, window))
        bare.append(load_broadcaster(n, ours[-1]["frame"], items, window))
    ratio = statistics.median(a["cpu_us"] / b["cpu_us"]
                              for a, b in zip(ours, bare))
    return medians(ours), medians(bare), ratio


def fanout(rounds: int, quick: bool) -> list[Row]:
    rows = []
    sizes = [100, 1000] if quick else [100, 1000, 5000]
    for size in (200, 2000):
        for n in sizes:
            say(f"fan-out: {n} subscribers, {size} B")
            ours, bare, ratio = compare(n, size, 200000 // n, 1, rounds)
            what = f"{n} subscribers, {size} B: "
            rows += [
                Row("fan-out", what + "CPU a delivery", ours["cpu_us"], "us",
                    None, f"broadcaster {bare['cpu_us']:.2f}"),
                Row("fan-out", what + "CPU, x broadcaster", ratio, "x",
                    ("<=", 1.2)),
                Row("fan-out", what + "deliveries", ours["deliveries_s"],
                    "/s", None, f"broadcaster {bare['deliveries_s']:,.0f}"),
                Row("fan-out", what + "delivered p50", ours["p50_ms"], "ms",
                    None, f"broadcaster {bare['p50_ms']:.2f}"),
                Row("fan-out", what + "delivered p99", ours["p99_ms"], "ms",
                    None, f"broadcaster {bare['p99_ms']:.2f}"),
            ]
            if size == 200 and n == sizes[-1]:
                rows.append(Row("fan-out", f"{n} idle sessions: RSS each",
                                ours["rss_session"], "B", ("<=", 4096),
                                f"after events {ours['rss_used']:,.0f}"))
    return rows


def burst(rounds: int, quick: bool) -> list[Row]:
    say("burst: 50 publishes at once to 2000 subscribers")
    ours, bare, ratio = compare(2000, 200, 50, 50, rounds)
    return [
        Row("burst", "50 publishes to 2000: deliveries",
            ours["deliveries_s"], "/s", (">=", 400000),
            f"broadcaster {bare['deliveries_s']:,.0f}"),
        Row("burst", "50 publishes to 2000: CPU a delivery", ours["cpu_us"],
            "us", None, f"broadcaster {bare['cpu_us']:.2f}"),
        Row("burst", "50 publishes to 2000: CPU, x broadcaster", ratio, "x"),
    ]


# -- b: a page over HTTP --------------------------------------------------------

def fill(service: Service, node: str, n: int) -> None:
    """n records into a node, by concordctl, as a user would."""
    for i in range(n):
        record = (f"<note xmlns='urn:x-bench'><title>Record {i}</title>"
                  "<text>What there is to say about this one, in a line or "
                  "two, is said here and is as long as most.</text></note>")
        subprocess.run(
            [built("src/ctl/concordctl"), "--link", service.link, "publish",
             node, record, f"r{i}"],
            check=True, capture_output=True, timeout=30)


def http(rounds: int, quick: bool) -> list[Row]:
    say("http: a page of 50 records, beside nginx")
    with Service("memory") as s:
        fill(s, "small", 50)
        last = run(os.path.join(TOP, "bench/http/run.py"), "--url",
                   s.url + "small", "--www", s.www, "--rounds", rounds,
                   "--seconds", 1 if quick else 3)[-1]
    return [
        Row("http", f"page of 50 records ({last['page_bytes']} B): requests",
            last["concordance_rps"], "/s", None,
            f"nginx {last['nginx_rps']:,.0f}"),
        Row("http", "page of 50 records: x nginx", last["ratio"], "x",
            (">=", 0.8)),
    ]


# -- c: painted -----------------------------------------------------------------

def paint(rounds: int, quick: bool) -> list[Row]:
    say("paint: publish to painted in chromium")
    modules = os.path.join(TOP, "tests/browser/node_modules/playwright-core")
    if not os.path.isdir(modules):
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"],
                       cwd=os.path.join(TOP, "tests/browser"), check=True)
    taken: dict[int, list[dict]] = {}
    for _ in range(1 if quick else rounds):
        with Service("memory") as s:
            for line in run("node", os.path.join(TOP, "bench/paint/paint.mjs"),
                            s.url, s.link, modules, 40):
                taken.setdefault(line["records"], []).append(line)
    rows = []
    for n, results in taken.items():
        m = medians(results)
        rows += [
            Row("paint", f"{n} records: publish to painted, p50", m["p50_ms"],
                "ms", ("<=", 20) if n == 1000 else None,
                f"clocks agree within {m['clock_error_ms']:.1f} ms"),
            Row("paint", f"{n} records: publish to painted, p95", m["p95_ms"],
                "ms"),
            Row("paint", f"{n} records: publish to in the DOM, p50",
                m["dom_p50_ms"], "ms"),
        ]
    return rows


# -- d: the parser --------------------------------------------------------------

def xml(rounds: int, quick: bool) -> list[Row]:
    say("xml: the parser beside expat and libxml2")
    rows = []
    for line in run(built("bench/xml/bench-xml-parse"), 5 if quick else 15):
        what = f"{line['what']} ({line['bytes']} B): "
        ours, expat = line["ours_mb_s"], line["expat_mb_s"]
        rows += [
            Row("xml", what + "parsed", ours, "MB/s", None,
                f"expat {expat:.0f}, libxml2 {line['libxml2_mb_s']:.0f}"),
            Row("xml", what + "x expat", ours / expat, "x", (">=", 3)),
        ]
    return rows


# -- e: rendering ---------------------------------------------------------------

def render(rounds: int, quick: bool) -> list[Row]:
    say("render: whole pages and single records")
    rows = []
    for line in run(built("bench/render/bench-render"),
                    os.path.join(TOP, "bench/fanout/notes.xsl"), rounds):
        n = line["records"]
        rows += [
            Row("render", f"page of {n}: whole, with patch and HTML",
                line["full_ms"], "ms"),
            Row("render", f"page of {n}: records rendered whole",
                line["full_records_s"], "/s"),
            Row("render", f"page of {n}: one record changed, to its patch",
                line["one_s"], "/s", None, f"{line['one_us']:.0f} us each"),
            Row("render", f"page of {n}: written as HTML", line["html_us"],
                "us"),
        ]
    return rows


# -- f: publishes with SQLite ---------------------------------------------------

def publish(rounds: int, quick: bool) -> list[Row]:
    say("publish: acknowledged publishes with SQLite")
    rows, seconds = [], 1 if quick else 3
    for n in (1, 64):
        results = {"sqlite": [], "memory": []}
        for _ in range(rounds):
            for store, list_ in results.items():
                with Service(store) as s:
                    list_ += run(built("bench/publish/bench-publish"), s.pid,
                                 s.link, "bench", n, 200, seconds)
        ours, bare = medians(results["sqlite"]), medians(results["memory"])
        rows += [
            Row("publish", f"SQLite, {n} at once: acknowledged",
                ours["acks_s"], "/s", (">=", 20000) if n == 64 else None,
                f"in memory {bare['acks_s']:,.0f}"),
            Row("publish", f"SQLite, {n} at once: CPU a publish",
                ours["cpu_us"], "us", None,
                f"in memory {bare['cpu_us']:.1f}"),
            Row("publish", f"SQLite, {n} at once: acknowledged p50",
                ours["p50_ms"], "ms", None, f"p99 {ours['p99_ms']:.2f}"),
        ]
    return rows


def store(rounds: int, quick: bool) -> list[Row]:
    say("store: the SQLite plug-in alone")
    return [
        Row("store", f"SQLite alone, {line['payload']} B, groups of "
            f"{line['group']}: publishes", line["publishes_per_s"], "/s")
        for line in run(built("bench/store/bench-store"),
                        built("plugins/store-sqlite/store-sqlite.so"))]


# -- starting with many apps ----------------------------------------------------

def start_once(data: str, apps: list[str]) -> float:
    """Seconds from the start of the process until a page and a command of the
    last app are answered."""
    begin = time.monotonic()
    with Service("sqlite", "--data", data, "--http", "127.0.0.1:0",
                 apps=apps) as s:
        last = len(apps) - 1
        for path in (f"many/{last}", f"_do/many{last}/count?title=x"):
            with urllib.request.urlopen(s.url + path, timeout=30) as answer:
                assert answer.status == 200
        return time.monotonic() - begin


def start(rounds: int, quick: bool) -> list[Row]:
    sys.path.insert(0, os.path.join(TOP, "bench/start"))
    import many
    n = 50
    say(f"start: {n} apps are built")
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as dir_:
        apps = many.make(dir_, TOP, built("src/service/libconcordance.so"), n)
        first, again = [], []
        for i in range(rounds):
            say("start: with nothing kept, and again")
            data = os.path.join(dir_, f"data{i}")
            os.mkdir(data)
            first.append(start_once(data, apps))
            again.append(start_once(data, apps))
    return [
        Row("start", f"{n} apps: until the last one answers",
            statistics.median(first), "s", ("<=", 1), "with nothing kept"),
        Row("start", f"{n} apps: the same, when started again",
            statistics.median(again), "s", ("<=", 1)),
    ]


# -- log-ins by token -----------------------------------------------------------

def cookie_of(url: str, user: str, password: str) -> str:
    """Of a browser that has logged in with the form of the app auth."""
    jar = CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(jar))
    browser.open(urllib.request.Request(
        url + "_do/login", urllib.parse.urlencode(
            {"user": user, "password": password}).encode(),
        {"Origin": url.rstrip("/")}), timeout=30)
    cookies = [f"{c.name}={c.value}" for c in jar if c.name == "concordance"]
    if len(cookies) != 1:
        raise SystemExit(f"{user} could not log in")
    return cookies[0]


def logins(rounds: int, quick: bool) -> list[Row]:
    n_users, at_once = 16, 32
    results = []
    for _ in range(rounds):
        with Service("sqlite", apps=[built("apps/auth.so")],
                     files=os.path.join(TOP, "apps/auth")) as s:
            for i in range(n_users):
                subprocess.run(
                    [built("src/ctl/concordctl"), "--link", s.link, "adduser",
                     f"user{i}"], input="a long secret\n", text=True,
                    check=True, capture_output=True, timeout=30)
            cookies = [cookie_of(s.url, f"user{i}", "a long secret")
                       for i in range(n_users)]
            say(f"logins: {at_once} browsers at once")
            results += run(built("bench/logins/logins"), s.pid, s.port,
                           at_once, 1 if quick else 5, *cookies)
    m = medians(results)
    return [
        Row("logins", "by token: POST /_token, WebSocket, OAUTHBEARER, bind",
            m["logins_s"], "/s", (">=", 1000)),
        Row("logins", "by token: CPU of the service", m["cpu_us"], "us"),
        Row("logins", f"by token, {at_once} at once: from POST to bound, p50",
            m["p50_ms"], "ms", None, f"p99 {m['p99_ms']:.1f}"),
    ]


# -- the runtime ----------------------------------------------------------------

def runtime(rounds: int, quick: bool) -> list[Row]:
    folder, total = os.path.join(BUILD, "web/runtime"), 0
    for name in sorted(os.listdir(folder)):
        if name.endswith(".js"):
            with open(os.path.join(folder, name), "rb") as f:
                total += len(gzip.compress(f.read(), 9))
    return [Row("runtime", "browser runtime, all modules, gzip -9", total,
                "B", ("<=", 10240))]


# -- beside other XMPP servers --------------------------------------------------

RIVALS = ("Ours", "TunedProsody", "Prosody", "Ejabberd")


def crowd(name: str, kind: str, way: str, *words) -> dict:
    """One run of crowd.c against a server that is started for it."""
    sys.path.insert(0, os.path.join(TOP, "bench/rivals"))
    import rivals as servers
    with getattr(servers, name)() as r:
        return run(built("bench/rivals/crowd"), kind, r.pid, way,
                   getattr(r, way), r.path, r.domain, r.service, *words,
                   *([r.publisher] if kind == "fanout" else []))[0]


def beside(taken: dict[str, dict], key: str) -> str:
    return ", ".join(f"{name} {m[key]:,.0f}" for name, m in taken.items()
                     if name != "Ours")


def rival_fanout(way: str, n: int, rounds: int, quick: bool) -> list[Row]:
    all_: dict[str, list[dict]] = {name: [] for name in RIVALS}
    for _ in range(rounds):
        for name, list_ in all_.items():
            say(f"rivals: {way}, {n} subscribers, {name}")
            items = (200000 if name == "Ours" else 20000) // n
            try:
                list_.append(crowd(name, "fanout", way, n, 200,
                                   max(2, items // 4 if quick else items)))
            except (SystemExit, subprocess.TimeoutExpired) as e:
                if name == "Ours":
                    raise
                say(f"rivals: {name} did not do it: {str(e)[-200:]}")
    all_ = {name: list_ for name, list_ in all_.items() if list_}
    taken = {name: medians(list_) for name, list_ in all_.items()}
    ours, what = taken["Ours"], f"{way}, {n} subscribers: "
    times = [Row("rivals", f"{what}x less than {name}", statistics.median(
                     b["cpu_us"] / a["cpu_us"]
                     for a, b in zip(all_["Ours"], all_[name])),
                 "x", (">=", reach))
             for name, reach in (("Ejabberd", 6), ("TunedProsody", 10))
             if name in all_]
    return [
        Row("rivals", what + "CPU a delivery", ours["cpu_us"], "us", None,
            beside(taken, "cpu_us")),
        *times,
        Row("rivals", what + "deliveries", ours["deliveries_s"], "/s", None,
            beside(taken, "deliveries_s")),
        Row("rivals", what + "RSS a stream before log-in",
            ours["rss_stream"], "B", None, beside(taken, "rss_stream")),
        Row("rivals", what + "RSS a bound session", ours["rss_bound"], "B",
            ("<=", 4096), beside(taken, "rss_bound")),
    ]


def rival_growth(way: str, rounds: int, quick: bool) -> list[Row]:
    """Log-ins and subscriptions; how many descriptors a process may have
    says how far it goes."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500
    far = min(limit, 2000 if quick else 20000)
    taken = {}
    for name in RIVALS:
        say(f"rivals: {way}, growing, {name}")
        try:
            taken[name] = medians([
                crowd(name, "grow", way, far if name == "Ours" else
                      min(far, 5000), 20)
                for _ in range(rounds if name == "Ours" else 1)])
        except SystemExit as e:
            if name == "Ours":
                raise
            say(f"rivals: {name} did not do it: {str(e)[-200:]}")
    ours = taken["Ours"]
    rows = [
        Row("rivals", f"{way}: connect, ANONYMOUS, bind", ours["logins_s"],
            "/s", (">=", 10000), beside(taken, "logins_s")),
        Row("rivals", f"{way}: CPU a log-in", ours["login_cpu_us"], "us",
            None, beside(taken, "login_cpu_us")),
    ]
    for key, n in (("at_1k", 1000), ("at_5k", 5000), ("at_n", far)):
        if n <= far and ours[key]:
            rows.append(Row("rivals", f"{way}: subscribes up to the {n:,}th",
                            ours[key], "/s", (">=", 20000),
                            beside(taken, key) if key != "at_n" else ""))
    return rows


def rival_s2s(rounds: int, quick: bool) -> list[Row]:
    if os.geteuid() != 0:
        say("rivals: S2S needs namespaces, and they root: not measured")
        return []
    say("rivals: over one connection of another server")
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
         "--mount-proc", "/usr/bin/python3",
         os.path.join(TOP, "bench/rivals/s2s.py"),
         str(2000 if quick else 20000), str(rounds)],
        env=dict(os.environ, CONCORDANCE_BED="1", CONCORDANCE_BUILD=BUILD,
                 CONCORDANCE_RENDER=built("src/render/concordance-render"),
                 CONCORDANCE_PLUGINS=built("plugins/store-sqlite"),
                 CONCORDANCE_RUNTIME=built("web/runtime")),
        text=True, capture_output=True, timeout=600, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr or done.stdout)
    lines = [json.loads(line) for line in done.stdout.splitlines()
             if line.startswith("{")]
    taken = {name: medians([one for one in lines if one["server"] == name])
             for name in ("ours", "prosody", "ejabberd")}
    taken["Ours"] = taken.pop("ours")
    return [
        Row("rivals", "S2S, one connection, TLS: stanzas",
            taken["Ours"]["stanzas_s"], "/s", None,
            beside(taken, "stanzas_s")),
        Row("rivals", "S2S, one connection, TLS: CPU a stanza",
            taken["Ours"]["cpu_us"], "us", None, beside(taken, "cpu_us")),
    ]


def rivals(rounds: int, quick: bool) -> list[Row]:
    rows = []
    for way in ("tcp", "ws"):
        for n in [200] if quick else [1000, 5000]:
            rows += rival_fanout(way, n, rounds, quick)
        rows += rival_growth(way, rounds, quick)
    return rows + rival_s2s(rounds, quick)


# -- the admin panel -------------------------------------------------------------

def admin(rounds: int, quick: bool) -> list[Row]:
    say("admin: a list of 10,000 records, beside Django's")
    lines = run("/usr/bin/python3", os.path.join(TOP, "bench/admin/run.py"),
                "--rounds", 1 if quick else rounds,
                "--requests", 20 if quick else 100, limit=900)
    rows = []
    for what, words in (("plain", "as it stands"), ("search", "a search"),
                        ("filter", "a field without an index")):
        ours, django = (
            [one for one in lines if one["list"] == what
             and one["server"] == server]
            for server in ("concordance", "django"))
        a, b = medians(ours), medians(django)
        ratio = statistics.median(y["p50_ms"] / x["p50_ms"]
                                  for x, y in zip(ours, django))
        what = f"list of 10,000, {words}: "
        rows += [
            Row("admin", what + "p50", a["p50_ms"], "ms", None,
                f"Django {b['p50_ms']:.0f}, {ratio:.1f}x"),
            Row("admin", what + "p95", a["p95_ms"], "ms", ("<=", 100),
                f"Django {b['p95_ms']:.0f}"),
            Row("admin", what + "CPU", a["cpu_ms"], "ms", None,
                f"Django {b['cpu_ms']:.0f}"),
        ]
    return rows


# -- inside a web server --------------------------------------------------------

def wsgi(rounds: int, quick: bool) -> list[Row]:
    say("wsgi: the bookcase under gunicorn, beside Flask and Django")
    lines = run("/usr/bin/python3", os.path.join(TOP, "bench/wsgi/run.py"),
                "--rounds", 1 if quick else rounds,
                "--seconds", 1 if quick else 3, limit=600)
    rows = []
    for kind in ("sync", "gthread"):
        ours, flask, django, nothing = (
            [one for one in lines if one["workers"] == kind
             and one["server"] == server]
            for server in ("concordance", "flask", "django", "nothing"))
        a, b, c, d = (medians(x) for x in (ours, flask, django, nothing))
        what = f"page of 50 records, a worker ({kind}): "
        rows += [
            Row("wsgi", what + "requests", a["rps"], "/s", None,
                f"Flask {b['rps']:,.0f}, Django {c['rps']:,.0f}, one that "
                f"does nothing {d['rps']:,.0f}; p99 "
                f"{a['p99_us'] / 1000:.1f} ms, {b['p99_us'] / 1000:.1f}, "
                f"{c['p99_us'] / 1000:.1f}"),
            Row("wsgi", what + "CPU of each", a["cpu_us"], "us", None,
                f"Flask {b['cpu_us']:.0f}, Django {c['cpu_us']:.0f}, one "
                f"that does nothing {d['cpu_us']:.0f}"),
            Row("wsgi", what + "x Flask", statistics.median(
                x["rps"] / y["rps"] for x, y in zip(ours, flask)), "x",
                (">=", 3)),
            Row("wsgi", what + "x Django", statistics.median(
                x["rps"] / y["rps"] for x, y in zip(ours, django)), "x"),
        ]
    return rows


def apache(rounds: int, quick: bool) -> list[Row]:
    """mod_xmpp beside mod_proxy_wstunnel, 128 threads each."""
    n = 300 if quick else 5000
    say(f"apache: {n} WebSockets by mod_xmpp and by mod_proxy_wstunnel")
    f = run(os.path.join(TOP, "bench/apache/measure"), BUILD, n, rounds,
            200 if quick else 2000)[0]
    rows = [Row("apache", "WebSockets that 128 threads hold, mod_xmpp",
                f["module_held"], "", (">=", n),
                f"{f['module_idle']} threads are idle"),
            Row("apache", "the same, mod_proxy_wstunnel", f["tunnel_held"],
                ""),
            Row("apache", "memory of a WebSocket, mod_xmpp", f["module_kb"],
                "kB"),
            Row("apache", "the same, mod_proxy_wstunnel", f["tunnel_kb"],
                "kB", None, "and a thread")]
    for which, name in (("module", "mod_xmpp"),
                        ("tunnel", "mod_proxy_wstunnel")):
        for q in ("p50", "p99"):
            rows.append(Row("apache", f"latency added to a ping, {q}, {name}",
                            f[f"{which}_{q}"] - f[f"direct_{q}"], "us", None,
                            f"{f[f'direct_{q}']:.0f} us without"))
    return rows


SECTIONS = {f.__name__: f for f in (fanout, burst, http, paint, xml, render,
                                    publish, store, start, logins, runtime,
                                    admin, wsgi, apache, rivals)}


def missing(name: str) -> str | None:
    """What a section needs and the machine lacks."""
    needs = {"http": ["nginx", "wrk"], "paint": ["node", "npm", "chromium"],
             "apache": ["apache2", "apxs"], "admin": ["gunicorn"], "wsgi": ["gunicorn", "wrk"],
             "rivals": ["prosody", "ejabberdctl", "nsd", "unbound"]}
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    for program in needs.get(name, []):
        if shutil.which(program, path=path) is None:
            return program
    return None
