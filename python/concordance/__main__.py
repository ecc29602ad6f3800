# SPDX-License-Identifier: MIT
"""``python3 -m concordance run MODULE:CLASS [OPTION...]``"""
import importlib
import os
import sys
import traceback

from . import App, Error, __version__
from ._concordance import app_words, options_file, options_help, supervise, words
from .app import _serve
from .app import load as load_c

USAGE = """Usage: python3 -m concordance run APP... [OPTION...]
       python3 -m concordance run [OPTION...] --domain NAME [OPTION...]
                              APP... --domain ...
Serve apps: their pages, forms and PubSub nodes.

{}
APP is MODULE:CLASS. An app of C is named by its module's path, ./auth.so, or, installed, by its
name. MODULE is imported from this folder or PYTHONPATH; CLASS extends
concordance.App. `concordctl new shelf --lang python` makes an app to start
from; `concordctl status` talks to a running service.
"""


def fail(text: str, code: int = 1) -> int:
    print(f"concordance: {text}", file=sys.stderr)
    return code


def load(word: str):
    """The App class of "module:Class", or of a C app by its path or name;
    LookupError says what to do."""
    name, colon, attribute = word.partition(":")
    if name.endswith(".py"):
        raise LookupError("an app in Python is named by its module and its "
                          f"class, {name[:-3]}:{attribute or 'CLASS'}")
    if not colon and name:
        try:
            return load_c(name)
        except LookupError as error:
            raise LookupError(f"{error}; an app in Python is MODULE:CLASS"
                              ) from None
    if not colon or not name or not attribute:
        raise LookupError(f"\"{word}\" is no MODULE:CLASS, such as "
                          "mybookcase:MyBookcase")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise LookupError(f"there is no module {name} in {os.getcwd()} or "
                          "PYTHONPATH") from None
    cls = getattr(module, attribute, None)
    if not (isinstance(cls, type) and issubclass(cls, App)):
        apps = [n for n, v in vars(module).items()
                if isinstance(v, type) and issubclass(v, App) and v is not App]
        hint = f"; it has {', '.join(apps)}" if apps else ""
        raise LookupError(f"{name} has no App called {attribute}{hint}")
    return cls


def main(argv: list[str]) -> int:
    if not argv or "--help" in argv or argv[0] in ("-h", "help"):
        print(USAGE.format(options_help()), end="")
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"concordance {__version__}")
        return 0
    if argv[0] != "run":
        return fail(f"there is no command {argv[0]}; run is one. --help says "
                    "more.", 2)
    given = argv[1:]
    if "--config-help" in given:
        print(options_file(), end="")
        return 0
    try:
        rest = words(given)
    except ValueError as error:
        return fail(f"{error}.", 2)
    check = "--check" in given
    if "--supervise" in rest and not check:
        supervise()
        try:
            rest = words(given)  # a later start reads the file again
        except ValueError as error:
            fail(f"{error}.")
    lead = []
    while rest and not rest[0].startswith("--"):
        lead.append(rest.pop(0))
    sys.path.insert(0, os.getcwd())
    try:
        named = lead + [rest[i] for i in app_words(rest)]
        if not named:
            return fail("name an app: run MODULE:CLASS, or a line app = "
                        "MODULE:CLASS of the configuration file", 2)
        apps = [load(word) for word in named]
    except ValueError as error:
        return fail(f"{error}.", 2)
    except LookupError as error:
        return fail(f"{error}.", 2)
    except Exception:
        traceback.print_exc()
        return fail("the app's module could not be imported; see above.")
    try:
        _serve(apps, len(lead), rest, "",
               lambda url: print(f"Ready. Open {url}", flush=True), given)
        if check:
            print("The configuration is good: "
                  f"{len(apps)} app{'' if len(apps) == 1 else 's'}.")
    except ValueError as error:
        return fail(f"{error}.", 2)
    except Error as error:
        return fail(f"{error}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
