"""The built wheel, installed in another folder, finds its own questions and recipes."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_a_wheel_installed_elsewhere_finds_its_sql_and_recipes(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--wheel-dir", tmp_path, REPOSITORY], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("triptych-*.whl")
    elsewhere = tmp_path / "elsewhere"
    subprocess.run([*pip, "install", *offline, "--target", elsewhere, wheel], check=True, capture_output=True)
    script = (
        "from pathlib import Path\n"
        "import flows.load, commands.ask.sql, tasks.tables.views, tasks.curate.decide, tasks.report.page\n"
        f"assert Path(flows.load.__file__).is_relative_to({str(elsewhere)!r}), flows.load.__file__\n"
        "assert flows.load.load('demo').recipe.name == 'demo'\n"
        "import serve; assert (Path(serve.__file__).parent / 'page' / 'index.html').is_file()\n"
        "assert (Path(tasks.report.page.__file__).parent / 'page.html').is_file()\n"
        "assert len(commands.ask.sql.questions()) >= 13 and 'documents' in tasks.tables.views.RunTables.views()\n"
    )
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(elsewhere)!r})\n{script}"]
    subprocess.run(command, check=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": ""})
