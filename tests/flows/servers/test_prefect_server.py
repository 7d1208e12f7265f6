"""One Prefect server per home, which later commands use again whatever happened in between."""

import json
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from commands.home.doctor_processes import findings
from flows.servers import detached_process, service
from flows.servers.detached_process import LOOPBACK, Detached
from flows.servers.prefect_server import SERVER, ensure_server, environment, password, running
from flows.servers.service import Service
from tasks.errors import UserError
from tasks.home import Home

NO_PID = 2**22  # one more than Linux gives out
PAGES = Service(
    name="pages",
    title="a small web server",
    command=lambda port: (sys.executable, "-u", "-m", "http.server", str(port), "--bind", LOOPBACK),
    health="/",
    cure="",
)


def test_a_later_command_uses_the_running_server(home: Home) -> None:
    before = _server(home)
    assert ensure_server(home).url == f"{before.url}/api"
    assert detached_process.find(home, SERVER.name) == before


def test_the_server_listens_on_loopback_only(home: Home) -> None:
    server = psutil.Process(_server(home).pid)
    addresses = {c.laddr.ip for c in server.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert addresses == {LOOPBACK}


def test_two_commands_that_start_at_once_on_a_taken_port_share_one_service_on_another(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken, ThreadPoolExecutor(2) as pool:
        port = taken.getsockname()[1]
        detached_process.write_record(
            Home(tmp_path), PAGES.name, Detached(NO_PID, started=0.0, url=f"http://{LOOPBACK}:{port}")
        )
        started = list(pool.map(lambda _: service.ensure(Home(tmp_path), PAGES, os.environ), range(2)))
    assert started[0] == started[1]
    assert urlsplit(started[0].url).port != port
    assert detached_process.log_of(Home(tmp_path), PAGES.name).read_text().count("Serving HTTP") == 1
    assert detached_process.end(Home(tmp_path), PAGES.name)


def test_a_service_that_was_ended_comes_back_at_its_old_address(tmp_path: Path) -> None:
    before = service.ensure(Home(tmp_path), PAGES, os.environ)
    detached_process.end(Home(tmp_path), PAGES.name)
    assert detached_process.find(Home(tmp_path), PAGES.name) is None
    after = service.ensure(Home(tmp_path), PAGES, os.environ)
    assert after.url == before.url and after.pid != before.pid
    detached_process.end(Home(tmp_path), PAGES.name)


def test_two_homes_do_not_see_each_others_runs(home: Home, another_home: Home) -> None:
    here, there = ensure_server(home), ensure_server(another_home)
    here.post("/flows/", {"name": "only here"})
    names = {"flows": {"name": {"any_": ["only here"]}}}
    assert here != there
    assert [flow["name"] for flow in here.post("/flows/filter", names)] == ["only here"]
    assert there.post("/flows/filter", names) == []


def test_a_reused_pid_is_not_taken_for_the_server(tmp_path: Path) -> None:
    detached_process.write_record(
        Home(tmp_path), SERVER.name, Detached(os.getpid(), started=0.0, url="http://127.0.0.1:9")
    )
    assert detached_process.find(Home(tmp_path), SERVER.name) is None
    assert detached_process.end(Home(tmp_path), SERVER.name) is False


def test_a_truncated_record_counts_as_no_server(tmp_path: Path) -> None:
    detached_process.write_record(Home(tmp_path), SERVER.name, Detached(os.getpid(), started=0.0))
    (tmp_path / "prefect" / f"{SERVER.name}.json").write_text('{"pid": 1')
    assert detached_process.find(Home(tmp_path), SERVER.name) is None


def test_ending_a_service_reaches_its_grandchildren_and_no_other_homes_process(tmp_path: Path) -> None:
    nested = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])"]
    homes = [Home(tmp_path / "a"), Home(tmp_path / "b")]
    for home in homes:
        home.path.mkdir()
        detached_process.start(home, "sleeper", nested, os.environ)
    ours, theirs = (psutil.Process(_server(home, "sleeper").pid) for home in homes)
    while not ours.children():
        assert ours.is_running()
    family = [ours, *ours.children()]
    assert detached_process.end(homes[0], "sleeper")
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert detached_process.find(homes[1], "sleeper")
    assert theirs.is_running()
    detached_process.end(homes[1], "sleeper")


def test_what_a_killed_service_has_left_over_is_reported_and_ended_by_stop_and_by_the_next_start(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    nested = (
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'http.server', sys.argv[1], '-b', '127.0.0.1'])"
    )
    pages = replace(PAGES, command=lambda port: (sys.executable, "-c", nested, str(port)))
    for how in ("stop", "start"):
        address = service.ensure(home, pages, os.environ).url
        parent = psutil.Process(_server(home, pages.name).pid)
        (child,) = parent.children()
        parent.kill()
        parent.wait()
        assert detached_process.find(home, pages.name) is None
        assert [process.pid for process in detached_process.left_over(home, pages.name)] == [child.pid]
        (orphaned,) = (row["what"] for row in findings(home) if str(child.pid) in row["what"])
        assert "was killed and left over" in orphaned
        if how == "stop":
            assert detached_process.end(home, pages.name)
        else:
            assert service.ensure(home, pages, os.environ).url == address
        assert not child.is_running()
    detached_process.end(home, pages.name)


def test_a_server_that_finds_no_space_is_reported_as_that(tmp_path: Path) -> None:
    full = "import errno, os; raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))"
    pages = replace(PAGES, command=lambda port: (sys.executable, "-c", full))
    with pytest.raises(UserError) as error:
        service.ensure(Home(tmp_path), pages, os.environ)
    assert "no space left on the disk" in error.value.what and "free some space" in error.value.cure
    assert "Traceback" not in str(error.value)


def test_a_server_that_cannot_start_is_reported_with_the_end_of_its_log_and_a_fix(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "prefect.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(UserError, match="file is not a database") as error:
        ensure_server(Home(tmp_path))
    assert "move the home's folder" in error.value.cure


def test_a_home_that_cannot_be_written_is_an_error_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write in the home") as error:
        ensure_server(Home(tmp_path / "file" / "home"))
    assert "TRIPTYCH_HOME" in error.value.cure


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Authorization": "Basic dHJpcHR5Y2g6Z3Vlc3M="},  # triptych:guess
        {"Authorization": "Bearer triptych"},
    ],
)
def test_what_a_web_page_can_send_is_refused(home: Home, headers: dict[str, str]) -> None:
    prefect = ensure_server(home)
    for path in ("/flows/filter", "/deployments/filter", "/block_documents/filter"):
        for body in (b"{}", b""):
            reply = httpx.post(prefect.url + path, content=body, headers=headers)
            assert reply.status_code == 401, (path, reply.text)
    assert httpx.get(prefect.url + "/admin/settings", headers=headers).status_code == 401


def test_no_page_of_another_origin_may_read_an_answer(home: Home) -> None:
    prefect = ensure_server(home)
    for origin in ("http://evil.example", "http://127.0.0.1:1", "null"):
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        reply = httpx.options(prefect.url + "/flows/filter", headers=asks)
        assert reply.status_code == 400 and "access-control-allow-origin" not in reply.headers
        assert "access-control-allow-origin" not in httpx.get(prefect.url + "/health", headers=asks).headers


def test_the_password_is_the_owners_alone_and_stays(home: Home) -> None:
    file = home.prefect / "password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert ensure_server(home).password == file.read_text() == password(home)
    assert len(file.read_text()) > 30


def test_a_copied_home_has_no_process_of_the_original(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "copy")
    copy.prefect.mkdir(parents=True)
    for name in (f"{SERVER.name}.json", "password"):
        shutil.copy(home.prefect / name, copy.prefect / name)
    assert detached_process.find(home, SERVER.name) and running(home)
    assert detached_process.find(copy, SERVER.name) is None and running(copy) is None
    assert not detached_process.end(copy, SERVER.name)
    assert service.address(copy, SERVER.name) != _server(home).url
    assert running(home)


def test_prefect_settings_of_another_server_do_not_reach_ours(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    settings = environment(home)
    assert settings["PREFECT_API_URL"] == ensure_server(home).url
    assert settings["PREFECT_HOME"] == str(home / "prefect")
    assert settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_importing_the_server_module_does_not_import_prefect() -> None:
    imports = "import sys, flows.servers.up, flows.servers.schedule"
    code = f"{imports}; print([m for m in ('prefect', 'httpx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_record_is_plain_json(home: Home) -> None:
    record = json.loads((home / "prefect" / f"{SERVER.name}.json").read_text())
    assert set(record) == {"pid", "started", "url"}


def _server(home: Home, name: str = SERVER.name) -> Detached:
    server = detached_process.find(home, name)
    assert server
    return server
