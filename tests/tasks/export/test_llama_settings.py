"""llama.cpp's threads wait awake in every process that runs it, whatever the caller's environment says."""

from pathlib import Path

from tasks.export.llama_settings import SPINS, process_environment


def test_the_environment_of_a_process_lets_its_threads_wait_awake(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = process_environment(tmp_path)
    assert "OMP_WAIT_POLICY" not in environment and environment["GOMP_SPINCOUNT"] == SPINS
    assert environment["PYTHONPATH"] == f"{tmp_path}:/elsewhere"
