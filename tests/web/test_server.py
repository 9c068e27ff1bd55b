import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from automl_nn.cli.app import main
from automl_nn.errors import InputError
from automl_nn.web.server import Server

MAIN = "import sys; from automl_nn.cli import main; sys.exit(main())"

AS_NOBODY = """
import os, sys
from automl_nn.errors import StorageError
from automl_nn.store.store import Store
Store("sqlite://").close()  # so that all is imported that this user may read
os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    print(Store.reading(sys.argv[1]).study_names()[0])
except StorageError as error:
    print("StorageError: may not be read" if "may not be read" in str(error) else error)
"""


def hello(_environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@contextmanager
def served(url, *options, **environment):
    """The program as a user starts it, and where it answers."""
    command = [sys.executable, "-c", MAIN, "dashboard", "--storage", url, "--port", "0", *options]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    )
    try:
        line = run.stdout.readline()
        found = re.match(r"(http://\S+)automl/ shows", line)
        assert found, line + run.stderr.read()
        yield found[1], run
    finally:
        run.kill()
        run.communicate()


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_stop(url):
    with served(url) as (base, run):
        with urlopen(f"{base}automl/") as answer:
            assert "tumours" in answer.read().decode()
        run.send_signal(signal.SIGTERM)
        assert run.wait() == 0
        with pytest.raises(OSError, match="refused"):
            urlopen(f"{base}automl/")


@pytest.mark.slow
def test_a_token_from_the_environment_is_asked_for_and_never_shown(url):
    secret = "from-the-environment-1"
    with served(url, "--host", "0.0.0.0", AUTOML_NN_TOKEN=secret) as (base, run):
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"{base}automl/")
        with urlopen(Request(f"{base}automl/", headers={"Authorization": f"Bearer {secret}"})) as answer:
            assert answer.status == 200
        run.send_signal(signal.SIGINT)
        said = "".join(run.communicate())
    assert "TLS" in said
    assert secret not in said


def test_a_port_in_use_is_said_in_a_sentence():
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"127.0.0.1:{port} is in use: name another port"):
            Server(hello, host="127.0.0.1", port=port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_another_machine_is_said_in_a_sentence(host):
    with pytest.raises(InputError, match="correct --host"):
        Server(hello, host=host, port=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "give --token"),
        (["--host", "::"], "give --token"),
        (["--host", socket.gethostname() + ".example"], "give --token"),
        (["--host", "0.0.0.0", "--token", "short"], "5 characters"),
        (["--token", "with blanks between the words"], "blanks"),
        (["--storage", "sqlite:///nowhere.db"], "There is no database"),
        (["--storage", "mysql://x"], "names the database 'mysql'"),
        (["--port", "70000"], "65535"),
    ],
)
def test_bad_input_is_said_in_a_sentence_and_nothing_is_made(options, words, capsys, tmp_path, url):
    before = sorted(Path().iterdir())
    storage = [] if "--storage" in options else ["--storage", url]
    capsys.readouterr()  # what making the studies has said
    assert main(["dashboard", *storage, *options]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.startswith("error: ")
    assert "short" not in said.err
    assert said.out == ""
    assert sorted(Path().iterdir()) == before


def test_the_ways_to_write_an_address(capsys):
    with closing(Server(hello, host="127.0.0.1", port=0)) as server:
        assert server.url == f"http://127.0.0.1:{server.port}/automl/"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs to become another user")
@pytest.mark.parametrize("mode", [0o555, 0o777, 0o700])
def test_a_database_that_may_only_be_read_is_shown_and_one_that_may_not_is_refused(original, mode):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        file = Path(folder) / "studies.db"
        shutil.copy(original, file)
        file.chmod(0o444)
        Path(folder).chmod(mode)
        run = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, f"sqlite:///{file}"], capture_output=True, text=True, check=False
        )
    assert run.stdout.strip() == ("tumours" if mode != 0o700 else "StorageError: may not be read"), run.stderr


def test_a_start_takes_no_longer_than_a_reader_waits(url):
    before = os.times()
    with served(url) as (base, _), urlopen(f"{base}automl/") as answer:
        assert answer.status == 200
    after = os.times()  # the processor time of ended children, whatever else runs on this machine
    assert after.children_user - before.children_user + after.children_system - before.children_system < 60
