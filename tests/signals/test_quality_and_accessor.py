import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError
from ecgsk.signals import ECGArray, quality


@pytest.fixture
def damaged(x):
    x[1, 7] = 0.3
    x[2, 6] = np.nan
    x[3, 0, 100:150] = np.nan
    x[3, 1, :5] = np.nan
    x[4] = 0
    x[5] = np.nan
    x[6, 11, 500] = -163.8
    x[7, 2], x[7, 3], x[7, 4, 0] = 0, np.nan, np.nan
    return x


def test_quality_counts_and_says_what_is_wrong(frame, damaged):
    report = frame["ecg"].ecg.quality(batch_size=3)
    assert report.index.equals(frame.index)
    columns = ["n_missing_leads", "n_flat_leads", "n_nan_leads", "n_nan_samples", "usable"]
    expected = {
        0: [0, 0, 0, 0, True],
        1: [0, 1, 0, 0, True],
        2: [1, 0, 0, 0, True],
        3: [0, 0, 2, 55, True],
        4: [0, 12, 0, 0, False],
        5: [12, 0, 0, 0, False],
        6: [0, 0, 0, 0, True],
        7: [1, 1, 1, 1, True],
    }
    for row, values in expected.items():
        assert report[columns].iloc[row].tolist() == values
    assert report["problem"].tolist()[:8] == [
        "",
        "lead V2 flat",
        "lead V1 missing",
        "lead I, II partly NaN",
        "every lead flat",
        "every lead missing",
        "implausible amplitude of 164 mV",
        "lead aVR missing; lead III flat; lead aVL partly NaN",
    ]
    assert report["max_abs_mv"].iloc[6] == pytest.approx(163.8)
    assert np.isnan(report["max_abs_mv"].iloc[5])


def test_quality_of_a_missing_record(ecg):
    report = quality(ECGArray(ecg.storage, [-1, 0]))
    assert report["usable"].tolist() == [False, True]
    assert report["problem"].tolist() == ["every lead missing", ""]


def test_quality_of_an_empty_column(ecg):
    report = quality(ecg[:0])
    assert len(report) == 0
    assert report.columns.tolist() == quality(ecg).columns.tolist()


@given(st.integers(1, 30))
def test_quality_does_not_depend_on_the_batch(batch_size):
    x = np.random.default_rng(0).normal(size=(20, 2, 20))
    x[::3, 0] = 0
    ecg = ECGArray.from_numpy(x, leads=["I", "II"], sampling_rate=10)
    pd.testing.assert_frame_equal(quality(ecg, batch_size), quality(ecg))


def test_accessor_tells_the_physics(frame, x):
    ecg = frame["ecg"].ecg
    assert (ecg.sampling_rate, ecg.n_samples, ecg.duration) == (100.0, 1000, 10.0)
    assert ecg.leads[:2] == ("I", "II")
    assert ecg.to_numpy().dtype == np.float32
    np.testing.assert_array_equal(ecg.to_numpy(), x)


def test_accessor_selects_leads_without_copying(frame, x):
    chosen = frame["ecg"].ecg.select_leads(["v1", "II"])
    assert chosen.index.equals(frame.index)
    assert chosen.name == "ecg"
    assert chosen.array.storage.storage is frame["ecg"].array.storage
    np.testing.assert_array_equal(chosen.ecg.to_numpy(), x[:, [6, 1]])
    back = (
        frame["ecg"]
        .ecg.select_leads(frame["ecg"].ecg.leads[::-1])
        .ecg.select_leads(frame["ecg"].ecg.leads)
    )
    assert back.array.storage is frame["ecg"].array.storage


def test_accessor_refuses_leads_that_are_not_there(frame):
    with pytest.raises(LeadMismatchError, match="expected lead VX"):
        frame["ecg"].ecg.select_leads(["VX"])


def test_accessor_refuses_other_columns(frame):
    with pytest.raises(AttributeError, match="expected a Series of ECGs, got dtype int64"):
        frame["age"].ecg  # noqa: B018


def test_plot_draws_the_record_asked_for(frame, monkeypatch, x):
    import ecgsk.plotting

    calls = []
    monkeypatch.setattr(
        ecgsk.plotting, "plot_ecg", lambda *args, **kw: calls.append((args, kw)), raising=False
    )
    frame["ecg"].ecg.plot(3, title="A")
    frame["ecg"].iloc[3].plot(title="A")
    for (signal, leads, sampling_rate), kwargs in calls:
        np.testing.assert_array_equal(signal, x[3])
        assert (leads, sampling_rate, kwargs) == (frame["ecg"].ecg.leads, 100.0, {"title": "A"})
    assert len(calls) == 2


def test_a_record_shows_itself_in_a_notebook(ecg):
    html = ecg[0]._repr_html_()
    assert html.startswith("<svg")
    assert html.rstrip().endswith("</svg>")


def test_importing_signals_is_light():
    heavy = "{'torch', 'matplotlib', 'wfdb', 'skorch'}"
    code = f"import sys, ecgsk.signals; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
