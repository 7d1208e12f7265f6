"""Known vulnerabilities in the pinned versions, by pip-audit: a request to PyPI for each of them.

python .ci/audit.py [FILE]   fails where there is one; FILE: another list of pinned versions than constraints.txt
python .ci/audit.py --soft   as part of `make check`: only where CI is set, as CI systems do; what it finds is shown
                             and fails nothing, so that last year's checkout still passes its tests
"""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

PROBE = "https://pypi.org/pypi/pip/json"
SECONDS_TO_ANSWER, SECONDS_IN_ALL = 5.0, 300.0


def main(arguments: list[str]) -> int:
    """The exit code."""
    is_soft = "--soft" in arguments
    if is_soft and not os.environ.get("CI"):
        return _skipped("not run, as this is no CI system (make audit runs it)")
    try:
        urllib.request.urlopen(PROBE, timeout=SECONDS_TO_ANSWER).close()
    except OSError:
        return _skipped("skipped, as pypi.org cannot be reached from here")
    versions = next((one for one in arguments if one != "--soft"), "constraints.txt")
    command = [Path(sys.executable).with_name("pip-audit"), "--requirement", versions, "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_IN_ALL, check=False)
        audited = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return _skipped(f"skipped, as pypi.org took more than {SECONDS_IN_ALL:.0f} s")
    except ValueError:
        return _skipped(f"skipped, as it failed: {done.stderr.strip().splitlines()[-1:]}")
    unknown = [one["name"] for one in audited if "skip_reason" in one]
    bad = [
        f"{o['name']} {o['version']}: {v['id']}, fixed in {v['fix_versions']}"
        for o in audited
        for v in o.get("vulns", ())
    ]
    if len(unknown) == len(audited):
        return _skipped("skipped, as the service that answers here as pypi.org knows of no vulnerabilities")
    print(f"pip-audit: {len(bad)} known vulnerabilities; {len(unknown)} of {len(audited)} could not be looked up")
    print("\n".join(f"  {line}" for line in bad), end="\n" if bad else "")
    return int(bool(bad) and not is_soft)


def _skipped(why: str) -> int:
    print(f"pip-audit: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
