"""app, as an engineer would call it."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.cli.conftest import PROJECT, command
from tests.conftest import wait_until


def test_app_opens_the_dashboard_from_any_folder_with_our_settings(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    # Another app's settings, and a file that is named like a package of ours.
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text('[server]\naddress = "127.0.0.1"\n')
    (tmp_path / "streamlit.py").write_text("raise SystemExit('not this one')\n")
    log_file = tmp_path / "log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "mnist_core", "app"),
                *("--server.port", str(port), "--server.headless", "true"),
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(PROJECT), "DIGIT_LAB_RUNS": str(tmp_path)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health") as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    try:
        wait_until(lambda: answers() or process.poll() is not None)
        wait_until(lambda: f"URL: http://localhost:{port}" in log_file.read_text(), seconds=10)
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert "Network URL" not in log_file.read_text()
    assert not answers()  # what ended is the server itself


def test_only_app_takes_options_that_are_streamlits(tmp_path: Path) -> None:
    done = command(tmp_path, "runs", "--server.port", "8502")

    assert done.returncode == 2
    assert done.stderr == "mnist_core: unrecognized arguments: --server.port 8502\n"
