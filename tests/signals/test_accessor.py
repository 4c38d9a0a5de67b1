"""The accessor ``series.ecg``."""

import subprocess
import sys

import numpy as np
import pytest

from ecgsk.exceptions import LeadMismatchError


def test_accessor_attributes(frame, x):
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


def test_select_leads_rejects_missing_leads(frame):
    with pytest.raises(LeadMismatchError, match="expected lead VX"):
        frame["ecg"].ecg.select_leads(["VX"])


def test_accessor_rejects_other_dtypes(frame):
    with pytest.raises(AttributeError, match="expected a Series of ECGs, got dtype int64"):
        frame["age"].ecg  # noqa: B018


def test_plot_draws_the_row(frame, monkeypatch, x):
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


def test_importing_signals_is_light():
    heavy = "{'torch', 'matplotlib', 'wfdb', 'skorch'}"
    code = f"import sys, ecgsk.signals; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
