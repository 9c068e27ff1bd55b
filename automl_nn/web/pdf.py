"""A page as a PDF, printed by a browser that is installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from automl_nn.errors import InputError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
"""Programs that print by the same command line."""

PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
"""Where they are when no path leads there."""

SECONDS = 120
"""A browser that takes longer is stuck."""


def find_browser() -> str:
    """The program of a browser that prints.

    Raises:
        InputError: None is installed.
    """
    found = next((path for path in (*map(shutil.which, BROWSERS), *PLACES) if path and Path(path).is_file()), None)
    if found is None:
        raise InputError(
            "A PDF is printed by a browser, but neither Chromium, Chrome nor Edge is installed here: leave --pdf out, "
            "or open the HTML file elsewhere and print it."
        )
    return found


def pdf_of(page: str, *, browser: str) -> bytes:
    """The PDF of a page.

    Args:
        page: HTML that is complete in itself.
        browser: What `find_browser` returned.

    Raises:
        InputError: The browser cannot print it.
    """
    with tempfile.TemporaryDirectory(prefix="automl_nn") as name:
        folder = Path(name)
        source, printed = folder / "page.html", folder / "page.pdf"
        source.write_text(page, encoding="utf-8")
        words = [browser, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder / 'profile'}"]
        words += ["--no-sandbox"] if getattr(os, "geteuid", int)() == 0 and os.name == "posix" else []
        words += ["--no-pdf-header-footer", f"--print-to-pdf={printed}", source.as_uri()]
        try:
            ran = subprocess.run(words, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"{browser!r} cannot print the report ({error}): leave --pdf out.") from error
        if not printed.is_file():
            said = (ran.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"])[-1]
            raise InputError(f"{browser!r} cannot print the report ({said}): leave --pdf out.")
        return printed.read_bytes()
