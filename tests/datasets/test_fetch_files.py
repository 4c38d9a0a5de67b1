"""Download of files: resumed, checked, and limited to their folder."""

import gzip
import hashlib

import numpy as np
import pytest

from ecgsk.datasets import fetch_mimic_iv_demo
from ecgsk.datasets._fetch_files import Transfer, read_sums
from ecgsk.exceptions import DownloadError, ECGError

DATABASE = "mimic-iv-demo/2.2"
LABS = f"{DATABASE}/hosp/labevents.csv.gz"
RANDOM = np.random.default_rng(0)


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


def test_dropped_connection_is_resumed(server, demo, tmp_path):
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


def test_next_call_resumes(server, demo, tmp_path):
    part = tmp_path / DATABASE / "hosp" / "labevents.csv.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(demo["hosp/labevents.csv.gz"][:333_333])
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert server.asked_for(LABS) == ["bytes=333333-"]
    assert not part.exists()


def test_complete_part_is_only_renamed(server, demo, tmp_path):
    part = tmp_path / DATABASE / "hosp" / "labevents.csv.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(demo["hosp/labevents.csv.gz"])
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert server.asked_for(LABS) == ["bytes=400000-"]


def test_server_without_ranges_sends_the_whole_file(server, demo, tmp_path):
    server.ranges = False
    server.drop_after[LABS] = [200_000]
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert [value is None for value in server.asked_for(LABS)] == [True, False]


def test_busy_server_is_retried(server, demo, tmp_path):
    server.busy = 1
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]


def test_unreachable_server_is_an_error(server, tmp_path):
    server.url = "http://127.0.0.1:9"  # the discard port
    with pytest.raises(DownloadError, match=r"SHA256SUMS\.txt could not be .* pass base_url= with"):
        fetch(server, tmp_path)


def test_gzip_files_are_not_decoded(server, tmp_path):
    packed = gzip.compress(b"subject_id\n1\n", mtime=0)
    server.encoding = "gzip"  # as Apache says of every .gz
    server.files[f"{DATABASE}/hosp/patients.csv.gz"] = packed
    registry = {f"{DATABASE}/hosp/patients.csv.gz": hashlib.sha256(packed).hexdigest()}
    hosp = fetch(server, tmp_path, registry=registry)
    assert (hosp / "patients.csv.gz").read_bytes() == packed


def test_part_of_another_file_is_downloaded_again(server, demo, tmp_path):
    part = tmp_path / DATABASE / "hosp" / "labevents.csv.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"an older version" * 1000)
    hosp = fetch(server, tmp_path)
    assert (hosp / "labevents.csv.gz").read_bytes() == demo["hosp/labevents.csv.gz"]
    assert server.asked_for(LABS) == ["bytes=16000-", None]


def test_repeated_drops_are_an_error(server, demo, tmp_path):
    server.drop_after[LABS] = [0] * 99
    with pytest.raises(
        DownloadError, match=r"fetch_mimic_iv_demo: http.*/labevents\.csv\.gz could"
    ):
        fetch(server, tmp_path)
    assert not (tmp_path / LABS).exists()


def test_wrong_sum_is_an_error_and_the_file_deleted(server, demo, tmp_path):
    good, bad = demo["hosp/labevents.csv.gz"], b"tampered with"
    server.files[LABS] = bad
    expected, got = (hashlib.sha256(data).hexdigest() for data in (good, bad))
    with pytest.raises(
        DownloadError, match=rf"labevents\.csv\.gz should have .* {expected}, got {got};.*Call"
    ) as error:
        fetch(server, tmp_path)
    assert isinstance(error.value, OSError)  # as scikit-learn raises
    assert isinstance(error.value, ECGError)
    assert not list(tmp_path.rglob("labevents*"))
    server.files[LABS] = good
    assert (fetch(server, tmp_path) / "labevents.csv.gz").read_bytes() == good


def test_verify_downloads_damaged_files_again(server, demo, tmp_path):
    labs = fetch(server, tmp_path) / "labevents.csv.gz"
    labs.write_bytes(b"damaged")
    fetch(server, tmp_path)
    assert labs.read_bytes() == b"damaged"  # presence is enough, as documented
    fetch(server, tmp_path, verify=True)
    assert labs.read_bytes() == demo["hosp/labevents.csv.gz"]
    assert len(server.asked_for(LABS)) == 2


def test_absent_file_stops_the_rest_and_keeps_finished_files(server, tmp_path):
    files = {f"hosp/{number}.csv.gz": RANDOM.bytes(1000) for number in range(200)}
    server.publish(DATABASE, files)
    del server.files[f"{DATABASE}/hosp/3.csv.gz"]
    server.delay = 0.005
    with pytest.raises(DownloadError, match=r"3\.csv\.gz could not be downloaded .*404"):
        fetch(server, tmp_path, n_connections=2)
    assert len(server.asked) < 100
    assert (tmp_path / DATABASE / "hosp" / "0.csv.gz").read_bytes() == files["hosp/0.csv.gz"]


def test_failure_stops_running_downloads(server, tmp_path):
    server.publish(DATABASE, {"hosp/large.csv.gz": bytes(20_000_000), "hosp/absent.csv.gz": b"1"})
    server.dripping.add(f"{DATABASE}/hosp/large.csv.gz")  # for six seconds
    del server.files[f"{DATABASE}/hosp/absent.csv.gz"]
    with pytest.raises(DownloadError, match="absent"):
        fetch(server, tmp_path)
    part = tmp_path / DATABASE / "hosp" / "large.csv.gz.part"
    assert part.stat().st_size < 10_000_000
    server.dripping.clear()


def test_n_connections_limits_parallel_downloads(server, tmp_path):
    server.publish(DATABASE, {f"hosp/{number}.csv.gz": b"1" for number in range(30)})
    server.delay = 0.01
    fetch(server, tmp_path, n_connections=3)
    assert 1 < server.most_at_once <= 3
    with pytest.raises(ECGError, match="n_connections of 1 or more, got 0"):
        fetch(server, tmp_path, n_connections=0)


@pytest.mark.parametrize(
    "path", ["../escaped", "/etc/escaped", "hosp/../../escaped", "C:\\escaped"]
)
def test_paths_outside_the_folder_are_rejected(server, tmp_path, path):
    server.publish(DATABASE, {path: b"1"})
    with pytest.raises(DownloadError, match="expected paths within the database"):
        fetch(server, tmp_path / "home")
    assert not list(tmp_path.rglob("escaped"))


def test_other_layout_of_sums_is_rejected(server, tmp_path):
    server.files[f"{DATABASE}/SHA256SUMS.txt"] = b"<html>Please log in</html>"
    with pytest.raises(DownloadError, match=r"line 1 is '<html>Please.* Delete the file"):
        fetch(server, tmp_path)


def test_sums_are_read_as_sha256sum_writes_them(tmp_path):
    (tmp_path / "sums").write_text(f"{'a' * 64}  hosp/a b.csv\n\n{'B' * 64} *c.csv\n")
    assert read_sums(tmp_path / "sums", name="test") == {
        "hosp/a b.csv": "a" * 64,
        "c.csv": "b" * 64,
    }


def test_paths_are_quoted_in_urls(server, tmp_path):
    server.files = {"base/a%20b%23c.csv": b"12"}
    transfer = Transfer(
        f"{server.url}/base/", tmp_path, download_if_missing=True, n_connections=1,
        verify=False, progress=False, name="test",
    )  # fmt: skip
    transfer.fetch({"a b#c.csv": hashlib.sha256(b"12").hexdigest()})
    assert (tmp_path / "a b#c.csv").read_bytes() == b"12"
