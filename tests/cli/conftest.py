"""The command line as a user meets it, a small model to explain with, and records."""

import re
import sys
import warnings

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.cli import app, main
from ecgsk.datasets import make_clinical_ecg
from ecgsk.preprocessing import Resample
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.resampling import resample


def _plain(text):
    """Text without colours, which some CI machines ask for."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture(scope="session")
def invoke():
    """Run a command that must succeed; give what it prints."""

    def call(*arguments) -> str:
        runner = CliRunner(env={"COLUMNS": "120"})
        result = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return _plain(result.output)

    return call


@pytest.fixture
def run_main(monkeypatch, capsys):
    """Run ``ecgsk``, warnings and errors as a user sees them; give exit code, stdout, stderr."""

    def call(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ecgsk", *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with pytest.raises(SystemExit) as end:
                main()
        out, err = capsys.readouterr()
        # A message may be framed and broken into lines.
        return end.value.code, out, re.sub(r"[│\s]+", " ", _plain(err))

    return call


@pytest.fixture
def fail(run_main):
    """Run ``ecgsk`` with bad input; give its message, once it is known to be clean."""

    def call(*arguments) -> str:
        code, _, message = run_main(*arguments)
        assert code not in (0, None)
        assert "Traceback" not in message
        return message

    return call


@pytest.fixture(scope="session")
def explaining(classifier, X, cohort):
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges
    )
    return make_pipeline(Resample(100), explainer).fit(X, cohort.labs)


@pytest.fixture(scope="session")
def model(explaining, tmp_path_factory):
    """Folder of a small model that explains."""
    return ecgsk.save(explaining, tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture(scope="session")
def ecg_500hz():
    """A patient's ECG at 500 Hz, of shape (12, 5000)."""
    return make_clinical_ecg(n_subjects=1, sampling_rate=500, random_state=1).X["ecg"].iloc[:1]


@pytest.fixture
def write_patient(write_record, ecg_500hz, tmp_path):
    """Write that ECG as another hospital's device does: rate, length and lead order differ."""

    def write(name, rate=500, seconds=12, leads=STANDARD_12_LEADS[::-1]):
        signal = ecg_500hz.ecg.to_numpy()[0]
        signal = np.concatenate([signal, signal], axis=1)[:, : round(seconds * 500)]
        signal = resample(signal, 500, rate)
        places = [STANDARD_12_LEADS.index(lead) for lead in leads]
        write_record(name, leads=leads, rate=rate, signal=signal[places])
        return tmp_path / name

    return write
