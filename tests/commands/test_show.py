"""Numbers that a person reads in the tables of the command line."""

import pytest

from commands.show import show_status, show_table
from flows.record import RunRecord, StepRecord


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"documents": 7547.0, "files": 14.0}, "7,547 documents"),
        ({"kept_bytes": 11_460_000.0}, "kept 11.5 MB"),
        ({"vocabulary": 8192.0, "merges": 7900.0}, "vocabulary 8,192"),
        (
            {"val_bits_per_byte": 1.423, "loss": 5.0891, "parameters": 2_655_488.0, "tokens": 675_800.0},
            "676 k tokens · 2.66 M parameters · loss 5.089 · val bits per byte 1.423",
        ),
    ],
)
def test_a_steps_line_shows_its_first_metrics_with_units(metrics, words, capsys):
    step = StepRecord("step", "0" * 64, "complete", "", 1.0, None, None, metrics=metrics)
    record = RunRecord("1", "demo", "complete", "2026-01-01T00:00:00+00:00", 1.0, steps=(step,))
    show_status({**record.as_json(), "disk": None, "schedule": [], "noticed": []})
    assert capsys.readouterr().out.splitlines()[-1].rstrip().endswith(f"000000000000  {words}")


def test_a_large_threshold_is_not_shown_as_a_power_of_ten(capsys):
    show_table([{"most": 100_000.0, "least": 0.07143, "none": None}])
    row = capsys.readouterr().out
    assert "100,000" in row
    assert "0.07143" in row
    assert "–" in row
