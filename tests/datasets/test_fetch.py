"""Downloads from loopback servers that serve PhysioNet's layout, well or badly."""

import contextlib
import gzip
import hashlib
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import (
    MimicFolds,
    MimicTargets,
    fetch_mimic_iv_demo,
    fetch_mimic_iv_ecg_demo,
    fetch_ptbxl,
    get_data_home,
    load_mimic_iv,
)
from ecgsk.datasets._fetch_files import Transfer, read_sums
from ecgsk.exceptions import DownloadError, ECGError, SamplingRateError

DATABASE = "mimic-iv-demo/2.2"
RANDOM = np.random.default_rng(0)


class Server(ThreadingHTTPServer):
    """Serves bytes by path over HTTP, and remembers what it was asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []  # path, Range
        self.drop_after: dict[str, list[int]] = {}  # bytes sent before each drop
        self.ranges = True
        self.encoding = None  # what the server says it packed files with
        self.delay = 0.0
        self.dripping: set[str] = set()  # paths sent bit by bit
        self.busy = 0  # answers of "503, come back at once" to give first
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def publish(self, database, files):
        """Serve files of a database, and their sums."""
        lines = [f"{hashlib.sha256(data).hexdigest()} {path}\n" for path, data in files.items()]
        self.files |= {f"{database}/{path}": data for path, data in files.items()}
        self.files[f"{database}/SHA256SUMS.txt"] = "".join(lines).encode()

    def asked_for(self, path):
        return [asked for name, asked in self.asked if name == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, path = self.server, self.path.lstrip("/")
        with server.lock:
            server.asked.append((path, self.headers.get("Range")))
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        time.sleep(server.delay)
        with server.lock:
            server.at_once -= 1
        if server.busy:
            server.busy -= 1
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path not in server.files:
            self.send_error(404)
            return
        data, start = server.files[path], 0
        if server.ranges and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if start and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        if server.encoding:
            self.send_header("Content-Encoding", server.encoding)
        self.end_headers()
        if server.drop_after.get(path):
            self.wfile.write(data[start : start + server.drop_after[path].pop(0)])
            self.close_connection = True
        elif path in server.dripping:
            for bit in range(start, len(data), 1 << 16):
                self.wfile.write(data[bit : bit + (1 << 16)])
                time.sleep(0.02)
        else:
            self.wfile.write(data[start:])

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the client stopped
            super().handle()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("ecgsk.datasets._fetch_files._PAUSE", 0.01)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def demo(server):
    """A module of three files, the largest of several chunks."""
    files = {
        "LICENSE.txt": b"ODbL",
        "hosp/patients.csv.gz": b"subject_id\n1\n",
        "hosp/labevents.csv.gz": RANDOM.bytes(400_000),
        "icu/chartevents.csv.gz": RANDOM.bytes(100),
    }
    server.publish(DATABASE, files)
    return files


def fetch(server, home, **changes):
    return fetch_mimic_iv_demo(home, modules=["hosp"], base_url=server.url, **changes).hosp


LABS = f"{DATABASE}/hosp/labevents.csv.gz"


def test_downloads_what_is_wanted_once(server, demo, tmp_path):
    hosp = fetch(server, tmp_path)
    assert hosp == tmp_path / DATABASE / "hosp"
    for path, data in demo.items():
        file = tmp_path / DATABASE / path
        assert (file.read_bytes() == data) if not path.startswith("icu") else not file.exists()
    assert not list(tmp_path.rglob("*.part"))
    n_asked = len(server.asked)
    assert n_asked == 4  # the sums and three files
    assert fetch(server, tmp_path) == hosp
    assert len(server.asked) == n_asked


def test_goes_on_after_a_dropped_connection(server, demo, tmp_path):
    server.drop_after[LABS] = [150_000, 100_000]
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    asked = server.asked_for(LABS)
    assert asked[0] is None
    starts = [int(value.removeprefix("bytes=").rstrip("-")) for value in asked[1:]]
    assert len(starts) == 2
    # A dropped connection loses less than a chunk of what came.
    assert 150_000 - (1 << 16) < starts[0] <= 150_000
    assert starts[0] + 100_000 - (1 << 16) < starts[1] <= starts[0] + 100_000


def test_next_call_goes_on_where_the_last_one_stopped(server, demo, tmp_path):
    part = tmp_path / DATABASE / "hosp" / "labevents.csv.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(demo["hosp/labevents.csv.gz"][:333_333])
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert server.asked_for(LABS) == ["bytes=333333-"]
    assert not part.exists()


def test_finished_part_needs_its_name_only(server, demo, tmp_path):
    part = tmp_path / DATABASE / "hosp" / "labevents.csv.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(demo["hosp/labevents.csv.gz"])
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert server.asked_for(LABS) == ["bytes=400000-"]


def test_server_without_ranges(server, demo, tmp_path):
    server.ranges = False
    server.drop_after[LABS] = [200_000]
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert [value is None for value in server.asked_for(LABS)] == [True, False]


def test_busy_server_is_asked_again(server, demo, tmp_path):
    server.busy = 1
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]


def test_no_server(server, tmp_path):
    server.url = "http://127.0.0.1:9"  # the port that discards
    with pytest.raises(DownloadError, match=r"SHA256SUMS\.txt could not be .* pass base_url= with"):
        fetch(server, tmp_path)


def test_gzip_stays_gzip(server, tmp_path):
    packed = gzip.compress(b"subject_id\n1\n", mtime=0)
    server.encoding = "gzip"  # as Apache says of every .gz
    server.files[f"{DATABASE}/hosp/patients.csv.gz"] = packed
    registry = {f"{DATABASE}/hosp/patients.csv.gz": hashlib.sha256(packed).hexdigest()}
    hosp = fetch(server, tmp_path, registry=registry)
    assert (hosp / "patients.csv.gz").read_bytes() == packed


def test_part_of_another_file_is_downloaded_anew(server, demo, tmp_path):
    part = tmp_path / DATABASE / "hosp" / "labevents.csv.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"an older version" * 1000)
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert server.asked_for(LABS) == ["bytes=16000-", None]


def test_gives_up_on_a_server_that_always_drops(server, demo, tmp_path):
    server.drop_after[LABS] = [0] * 99
    with pytest.raises(
        DownloadError, match=r"fetch_mimic_iv_demo: http.*/labevents\.csv\.gz could"
    ):
        fetch(server, tmp_path)
    assert not (tmp_path / LABS).exists()


def test_wrong_sum(server, demo, tmp_path):
    good, bad = demo["hosp/labevents.csv.gz"], b"tampered with"
    server.files[LABS] = bad
    expected, got = (hashlib.sha256(data).hexdigest() for data in (good, bad))
    with pytest.raises(
        DownloadError, match=rf"labevents\.csv\.gz should have .* {expected} and has {got};.*Call"
    ) as error:
        fetch(server, tmp_path)
    assert isinstance(error.value, OSError)  # as scikit-learn raises
    assert isinstance(error.value, ECGError)
    assert not list(tmp_path.rglob("labevents*"))
    server.files[LABS] = good
    assert (fetch(server, tmp_path) / "labevents.csv.gz").read_bytes() == good


def test_verify_downloads_damaged_files_anew(server, demo, tmp_path):
    labs = fetch(server, tmp_path) / "labevents.csv.gz"
    labs.write_bytes(b"damaged")
    fetch(server, tmp_path)
    assert labs.read_bytes() == b"damaged"  # presence is enough, as documented
    fetch(server, tmp_path, verify=True)
    assert labs.read_bytes() == demo["hosp/labevents.csv.gz"]
    assert len(server.asked_for(LABS)) == 2


def test_never_downloads_where_it_must_not(server, demo, tmp_path):
    with pytest.raises(DownloadError, match=r"expected 1 files .* Pass download_if_missing=True"):
        fetch(server, tmp_path, download_if_missing=False)
    assert server.asked == []
    fetch(server, tmp_path)
    fetch(server, tmp_path, download_if_missing=False)


def test_registry_takes_the_place_of_the_servers_sums(server, demo, tmp_path):
    sums = {
        f"{DATABASE}/{path}": hashlib.sha256(data).hexdigest().upper()
        for path, data in demo.items()
        if path.startswith("hosp")
    }
    del server.files[f"{DATABASE}/SHA256SUMS.txt"]
    fetch(server, tmp_path / "a", registry=sums)
    file = tmp_path / "sums.txt"
    file.write_text("".join(f"{stated}  {path}\n" for path, stated in sums.items()))
    fetch(server, tmp_path / "b", registry=file)
    for home in ("a", "b"):
        found = {path.name for path in (tmp_path / home).rglob("*.*") if path.is_file()}
        assert found == {"patients.csv.gz", "labevents.csv.gz"}
    with pytest.raises(DownloadError, match="registry lists 0 files, and none of those wanted"):
        fetch(server, tmp_path / "c", registry={"elsewhere/1.0/hosp/a": "0" * 64})


def test_absent_file_stops_the_rest_and_keeps_what_came(server, tmp_path):
    files = {f"hosp/{number}.csv.gz": RANDOM.bytes(1000) for number in range(200)}
    server.publish(DATABASE, files)
    del server.files[f"{DATABASE}/hosp/3.csv.gz"]
    server.delay = 0.005
    with pytest.raises(DownloadError, match=r"3\.csv\.gz could not be downloaded .*404"):
        fetch(server, tmp_path, n_connections=2)
    assert len(server.asked) < 100
    assert (tmp_path / DATABASE / "hosp" / "0.csv.gz").read_bytes() == files["hosp/0.csv.gz"]


def test_failure_stops_large_files_under_way(server, tmp_path):
    server.publish(DATABASE, {"hosp/large.csv.gz": bytes(20_000_000), "hosp/absent.csv.gz": b"1"})
    server.dripping.add(f"{DATABASE}/hosp/large.csv.gz")  # for six seconds
    del server.files[f"{DATABASE}/hosp/absent.csv.gz"]
    with pytest.raises(DownloadError, match="absent"):
        fetch(server, tmp_path)
    part = tmp_path / DATABASE / "hosp" / "large.csv.gz.part"
    assert part.stat().st_size < 10_000_000
    server.dripping.clear()


def test_few_connections(server, tmp_path):
    server.publish(DATABASE, {f"hosp/{number}.csv.gz": b"1" for number in range(30)})
    server.delay = 0.01
    fetch(server, tmp_path, n_connections=3)
    assert 1 < server.most_at_once <= 3
    with pytest.raises(ECGError, match="n_connections of 1 or more, got 0"):
        fetch(server, tmp_path, n_connections=0)


@pytest.mark.parametrize(
    "path", ["../escaped", "/etc/escaped", "hosp/../../escaped", "C:\\escaped"]
)
def test_list_of_files_cannot_lead_out_of_the_folder(server, tmp_path, path):
    server.publish(DATABASE, {path: b"1"})
    with pytest.raises(DownloadError, match="expected paths within the database"):
        fetch(server, tmp_path / "home")
    assert not list(tmp_path.rglob("escaped"))


def test_list_that_is_none(server, tmp_path):
    server.files[f"{DATABASE}/SHA256SUMS.txt"] = b"<html>Please log in</html>"
    with pytest.raises(DownloadError, match=r"line 1 is '<html>Please.* Delete the file"):
        fetch(server, tmp_path)


def test_sums_as_sha256sum_writes_them(tmp_path):
    (tmp_path / "sums").write_text(f"{'a' * 64}  hosp/a b.csv\n\n{'B' * 64} *c.csv\n")
    assert read_sums(tmp_path / "sums", name="test") == {
        "hosp/a b.csv": "a" * 64,
        "c.csv": "b" * 64,
    }


def test_names_that_urls_must_quote(server, tmp_path):
    server.files = {"base/a%20b%23c.csv": b"12"}
    transfer = Transfer(
        f"{server.url}/base/", tmp_path, download_if_missing=True, n_connections=1,
        verify=False, progress=False, name="test",
    )  # fmt: skip
    transfer.fetch({"a b#c.csv": hashlib.sha256(b"12").hexdigest()})
    assert (tmp_path / "a b#c.csv").read_bytes() == b"12"


def test_data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGSK_DATA", str(tmp_path / "environment"))
    assert get_data_home() == tmp_path / "environment"
    assert get_data_home(str(tmp_path / "stated")) == tmp_path / "stated"
    assert (tmp_path / "stated").is_dir()
    monkeypatch.delenv("ECGSK_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert get_data_home() == tmp_path / "ecgsk_data"


def test_bad_input(tmp_path):
    with pytest.raises(ECGError, match="expected modules of hosp, icu, ed, got note"):
        fetch_mimic_iv_demo(tmp_path, modules=["hosp", "note"])
    with pytest.raises(SamplingRateError, match="at 100 and 500 Hz, not at 250 Hz"):
        fetch_ptbxl(tmp_path, sampling_rate=250)


def test_ptbxl_of_one_sampling_rate(server, tmp_path, write_record):
    write_record("records100/00000/00001_lr", rate=100, seconds=10)
    pd.DataFrame(
        {
            "ecg_id": [1], "patient_id": [15709.0], "age": [56.0], "sex": [1], "height": [np.nan],
            "weight": [63.0], "recording_date": ["1984-11-09 09:17:34"],
            "scp_codes": ["{'NORM': 100.0}"], "strat_fold": [3],
            "filename_lr": ["records100/00000/00001_lr"],
            "filename_hr": ["records500/00000/00001_hr"],
        }
    ).to_csv(tmp_path / "ptbxl_database.csv", index=False)  # fmt: skip
    (tmp_path / "scp_statements.csv").write_text(
        ",diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass\nNORM,1.0,,,NORM,NORM\n"
    )
    files = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    server.publish("ptb-xl/1.0.3", files | {"records500/00000/00001_hr.dat": b"not wanted"})
    cohort = fetch_ptbxl(tmp_path / "home", base_url=server.url, task="diagnostic")
    assert cohort.Y["NORM"].tolist() == [1]
    assert cohort.X["ecg"].dtype.sampling_rate == 100
    assert server.asked_for("ptb-xl/1.0.3/records500/00000/00001_hr.dat") == []
    X, _ = fetch_ptbxl(tmp_path / "home", base_url=server.url, return_X_y=True)
    assert len(X) == 1


@pytest.mark.real_data
def test_demo_of_real_tables_loads(server, real_data, tmp_path):
    source = real_data / "mimic_iv_demo"
    for database, part in [
        ("mimic-iv-demo/2.2", "hosp"),
        ("mimic-iv-ed-demo/2.2", "ed"),
        ("mimic-iv-ecg-demo/0.1", "ecg"),
    ]:
        folder = source / part
        start = folder if part == "ecg" else source
        server.publish(
            database,
            {
                path.relative_to(start).as_posix(): path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file()
            },
        )
    demo = fetch_mimic_iv_demo(tmp_path, base_url=server.url)
    ecg = fetch_mimic_iv_ecg_demo(tmp_path, base_url=server.url).ecg
    assert not (ecg / "records_w_diag_icd10.csv").exists()  # no part of the demo
    targets = MimicTargets(diagnoses="diagnoses_icd", min_count=5)
    folds = MimicFolds(first_per_stay=False)
    same = load_mimic_iv(source / "ecg", demo.hosp, demo.ed, targets=targets, folds=folds)
    targets = MimicTargets(min_count=5)
    cohort = load_mimic_iv(ecg, demo.hosp, demo.ed, targets=targets, folds=folds)
    assert len(cohort.X) == len(same.X) == 113
    pd.testing.assert_frame_equal(cohort.Y, same.Y)
    assert os.path.commonpath([tmp_path, *cohort.X["ecg"].array.storage.paths]) == str(tmp_path)
