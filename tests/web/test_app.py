import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from automl_nn.errors import InputError, StorageError
from automl_nn.store.store import Store
from automl_nn.web import wsgi
from automl_nn.web.app import make_app
from automl_nn.web.files import dashboards

HOSTILE = "<img src=x onerror=alert(1)>/../\"'&'"
PAGES = ("", "/decision", "/trials/0", "/data", "/errors")


def test_the_list_shows_every_study_with_what_it_is_and_how_it_stands(ask, ids):
    text = ask("/automl/").text
    for study_id in ids.values():
        assert f'href="/automl/studies/{study_id}"' in text
        assert f'href="/dashboard/studies/{study_id}"' in text
    assert "multilabel: a, b, " in text
    assert re.search(r"epoch 3 of 10, at most 4 s left", text)  # 7 epochs of 0.5 s, rounded
    assert "2 failed" in text


def test_the_list_of_an_empty_database_says_how_to_begin(tmp_path, browser_of):
    Store(f"sqlite:///{tmp_path}/new.db").close()
    answer = browser_of(make_app(f"sqlite:///{tmp_path}/new.db"))("/automl/")
    assert answer.status == 200
    assert "automl-nn tune" in answer.text


def test_the_news_are_the_list_without_its_frame(ask):
    whole, news = ask("/automl/").text, ask("/automl/live").text
    assert "<html" not in news
    assert news.strip() in whole


@pytest.mark.parametrize("name", ["tumours", "binary", "multilabel", "multiclass", "regression", "events", HOSTILE])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_every_kind_of_study_is_shown(ask, ids, name, page):
    assert ask(f"/automl/studies/{ids[name]}{page}").status == 200


@pytest.mark.parametrize("name", ["empty", "failed", "running"])
@pytest.mark.parametrize("page", ["", "/decision", "/data"])
def test_a_study_without_results_has_pages_that_say_so(ask, ids, name, page):
    assert ask(f"/automl/studies/{ids[name]}{page}").status == 200


@pytest.mark.parametrize("page", ["", *(f"/studies/{{id}}{page}" for page in PAGES)])
def test_names_are_never_read_as_html(ask, ids, page):
    text = ask("/automl" + page.format(id=ids[HOSTILE]) if page else "/automl/").text
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize(
    "path",
    [
        *("/automl/nothing", "/automl/studies/99", "/automl/studies/99/decision", "/automl/studies/x"),
        *("/automl/studies/-1", "/automl/studies/1/trials/99", "/automl/static/none.css"),
        *("/automl/static/..%2ftemplates%2flayout.html", "/automl/static/../../pyproject.toml"),
        f"/automl/studies/{2**70}",
        *("/artifacts/1/..%2f..%2fetc%2fpasswd", "/artifacts/1/../../etc/passwd"),
    ],
)
def test_what_is_not_there_is_answered_with_404_and_a_page(ask, path):
    answer = ask(path)
    assert answer.status == 404
    assert "root:" not in answer.text


def test_the_note_in_optuna_dashboard_leads_to_our_pages_and_back(ask, ids):
    note = ask(f"/api/studies/{ids['tumours']}").json["note"]["body"]
    links = re.findall(r"\]\((/automl[^)]*)\)", note)
    assert len(links) == 4
    assert f'href="/dashboard/studies/{ids["tumours"]}"' in ask(links[0]).text


def test_a_note_of_ones_own_stays_below_the_links(url, ids, browser_of):
    from optuna_dashboard import save_note

    with Store.existing(url) as store:
        import optuna

        save_note(optuna.load_study(study_name="tumours", storage=store.optuna), "Mine. " * 1000)
    note = browser_of(make_app(url))(f"/api/studies/{ids['tumours']}").json["note"]["body"]
    assert note.startswith("[Study](/automl/studies/")
    assert note.endswith("Mine. " * 1000)


def test_texts_are_compressed_for_those_who_can_read_it(ask, ids):
    path = f"/api/studies/{ids['tumours']}"
    plain, packed = ask(path), ask(path, headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 5
    assert json.loads(gzip.decompress(packed.data)) == plain.json


def test_static_files_are_kept_by_browsers_until_they_change(ask):
    (href,) = re.findall(r'href="(/automl/static/style.css\?v=[0-9a-f]+)"', ask("/automl/").text)
    answer = ask(href)
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert answer.data == (dashboards() / "static" / "style.css").read_bytes()


def test_a_password_is_in_no_error(monkeypatch):
    with pytest.raises(StorageError) as refused:
        make_app("postgresql://ann:s3cret-word@127.0.0.1:1/none")
    assert "s3cret-word" not in str(refused.value)


def test_a_database_that_goes_away_is_a_page_of_its_own(url, browser_of):
    ask = browser_of(make_app(url))
    file = Path(url.removeprefix("sqlite:///"))
    file.write_bytes(b"no database" * 1000)
    answer = ask("/automl/")
    assert answer.status in (500, 503)
    assert "Traceback" not in answer.text


def test_a_database_of_another_version_is_refused_in_a_sentence(url):
    with Store(url) as store, store._storage.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE automl_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="newer automl_nn"):
        make_app(url)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_text("hello " * 1000)
    with pytest.raises(StorageError, match="cannot be used"):
        make_app(f"sqlite:///{tmp_path}/x.db")


def test_other_servers_take_the_app_from_the_environment(url, browser_of):
    assert browser_of(wsgi.from_environment({"AUTOML_NN_STORAGE": url}))("/automl/").status == 200
    asked = {"AUTOML_NN_STORAGE": url, "AUTOML_NN_TOKEN": "x" * 20, "AUTOML_NN_HOSTS": "a.example, b.example"}
    assert browser_of(wsgi.from_environment(asked))("/automl/", host="b.example").status == 401
    with pytest.raises(InputError, match="neither yes nor no"):
        wsgi.from_environment(asked | {"AUTOML_NN_ALLOW_DECISIONS": "perhaps"})


def test_other_servers_open_nothing_before_the_first_request():
    code = "import automl_nn.web.wsgi, sys; print('torch' in sys.modules, callable(automl_nn.web.wsgi.app))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "True"]
