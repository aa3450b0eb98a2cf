"""The browser of the tests, and what is missing to use it."""

import os
import shutil
from importlib.util import find_spec

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [
    *([] if CHROMIUM else ["Chromium (Debian: apt-get install chromium)"]),
    *(f"the package {name}" for name in ("playwright", "hypercorn") if find_spec(name) is None),
]
