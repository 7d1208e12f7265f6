"""`triptych status` reports what went wrong unnoticed, in any home, and waits for no lock."""

import os
import time

import pytest

from commands.home.status import read_status
from flows.record import RunRecord
from flows.servers import detached_process
from flows.servers.up import WORKER
from flows.session import new_run
from tasks.home import Home
from tasks.store.locks import exclusive


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_a_missing_worker_is_reported_where_one_was_started(home, monkeypatch):
    monkeypatch.chdir(home)  # where the processes of a home work
    assert read_status(home)["noticed"] == []
    detached_process.write_record(home, WORKER, detached_process.Detached(os.getpid(), 1.0))
    (note,) = read_status(home)["noticed"]
    assert "triptych up" in note
    detached_process.write_record(home, WORKER, detached_process.of(os.getpid()))
    assert read_status(home)["noticed"] == []


def test_status_does_not_wait_for_a_run_that_publishes(home):
    RunRecord("20260101-000000-abcd", "mine", "complete", "2026-01-01T00:00:00").write(home)
    with exclusive(home.registry_lock):
        assert read_status(home)["recipe"] == "mine"


def test_the_latest_of_two_runs_begun_within_a_second_is_the_later_one():
    names = list[str]()
    for _ in range(100):
        names.append(new_run())
        time.sleep(0.0001)
    assert names == sorted(set(names))
