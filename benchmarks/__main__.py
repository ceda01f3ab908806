"""Every benchmark, one after the other, each with its command: `make bench`.

A benchmark is a script of its own that prints what it measured and ends with 0.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.es_motor import DATA

HERE = Path(__file__).parent
ROOT = HERE.parent
RULE = "=" * 78


def run(script: str, *arguments: str) -> bool:
    """Run a script after printing its command; whether it ended well."""
    print(f"\n{RULE}\n$ python benchmarks/{script} {' '.join(arguments)}\n", flush=True)
    command = [sys.executable, str(HERE / script), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main() -> int:
    workdir = Path(tempfile.mkdtemp(prefix="fleet-bench-"))
    try:
        done = []
        if DATA.is_dir():
            done.append(run("es_motor.py", "--workdir", str(workdir / "es-motor")))
            done.append(run("portfolio.py", "--workdir", str(workdir / "es-motor")))
            done.append(run("year.py", "--workdir", str(workdir / "year")))
        else:
            print(
                "The real portfolio (../shared/data/es-motor) is not beside this clone: left out."
            )
        done += [run("check_http.py"), run("sheets.py")]
        return 0 if all(done) else 1
    finally:
        shutil.rmtree(workdir)


if __name__ == "__main__":
    sys.exit(main())
