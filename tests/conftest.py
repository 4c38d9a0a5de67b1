"""Fixtures every test may use."""

import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from ecgsk.io._wfdb import load_wfdb
from ecgsk.io.vital_file import load_vitaldb_package
from ecgsk.signals import STANDARD_12_LEADS

# A machine shared by several runs is slow now and then; that is no failure. And one
# commit passes or fails alike each time: --hypothesis-profile=default looks further.
settings.register_profile("ecgsk", deadline=None, derandomize=True)
settings.load_profile("ecgsk")

# Beside the checkout: real, openly licensed recordings that are not part of the project.
REAL_DATA = Path(os.environ.get("ECGSK_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; tests that need it skip where it is absent."""
    if not (REAL_DATA / "README.md").exists():
        pytest.skip(f"real recordings not found at {REAL_DATA}; set ECGSK_REAL_DATA")
    return REAL_DATA


# One small cohort, one tiny encoder and models that are fitted once. Imported when asked
# for: most folders of tests need no torch.
@pytest.fixture(scope="session")
def tiny():
    from ecgsk.encoders import ResNet1d

    return ResNet1d(10, width=4)


@pytest.fixture(scope="session")
def quick():
    """Parameters of every estimator here: one epoch, one seed, nothing shown."""
    return {"max_epochs": 1, "random_state": 0, "verbose": False, "device": "cpu"}


@pytest.fixture(scope="session")
def cohort():
    from ecgsk.datasets import make_clinical_ecg

    return make_clinical_ecg(n_subjects=40, random_state=0)


@pytest.fixture(scope="session", name="X")
def _x(cohort):
    """A short table beside the ECG: numbers, a category, missing values."""
    return cohort.X[["ecg", "age", "sex", "potassium", "heart_rate", "troponin", "subject_id"]]


@pytest.fixture(scope="session", name="Y")
def _y(cohort):
    """The most frequent labels, each with both classes."""
    frequent = cohort.Y.mean().sort_values(ascending=False).index[:4]
    return cohort.Y[frequent]


def make(cls, **parameters):
    """Make an estimator; settings of the engine go into its trainer."""
    from ecgsk.training import Trainer

    settings = {name: parameters.pop(name) for name in Trainer().get_params() if name in parameters}
    if settings:
        parameters["trainer"] = Trainer(**settings)
    return cls(**parameters)


@pytest.fixture(scope="session")
def make_pretrainer(tiny, quick):
    from ecgsk import JointEmbeddingPretrainer

    return lambda **changes: make(JointEmbeddingPretrainer, **{"encoder": tiny, **quick, **changes})


@pytest.fixture(scope="session")
def make_classifier(tiny, quick):
    from ecgsk import ECGDiagnosisClassifier

    return lambda **changes: make(ECGDiagnosisClassifier, **{"encoder": tiny, **quick, **changes})


@pytest.fixture(scope="session")
def pretrainer(make_pretrainer, X):
    return make_pretrainer().fit(X)


@pytest.fixture(scope="session")
def classifier(make_classifier, X, Y):
    return make_classifier().fit(X, Y)


@pytest.fixture
def write_record(tmp_path: Path, write_record_into) -> Callable[..., np.ndarray]:
    """Write a WFDB record into ``tmp_path``; gives its samples, shape (n_leads, n_times)."""
    return partial(write_record_into, tmp_path)


@pytest.fixture(scope="session")
def write_record_into() -> Callable[..., np.ndarray]:
    """Write a WFDB record into a folder; gives its samples, shape (n_leads, n_times)."""

    def write(
        root: Path,
        name: str,
        *,
        leads: Sequence[str] = STANDARD_12_LEADS,
        rate: int = 500,
        seconds: float = 1.0,
        unit: str = "mV",
        comments: Sequence[str] = (),
        signal: np.ndarray | None = None,
    ) -> np.ndarray:
        if signal is None:
            times = np.arange(round(rate * seconds)) / rate
            phase = np.arange(len(leads))[:, None]
            signal = np.round(np.sin(2 * np.pi * 3 * times + phase), 3)
        folder = root / Path(name).parent
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # wfdb 4.3 writes with what pandas 3.1 deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            load_wfdb().wrsamp(
                Path(name).name,
                fs=rate,
                units=[unit] * len(leads),
                sig_name=list(leads),
                p_signal=signal.T.astype(float),
                fmt=["16"] * len(leads),
                adc_gain=[1000.0] * len(leads),
                baseline=[0] * len(leads),
                comments=list(comments),
                write_dir=str(folder),
            )
        return signal

    return write


@pytest.fixture(scope="session")
def explaining(classifier, X, cohort):
    """Fit a small pipeline that predicts diagnoses and laboratory findings."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import make_pipeline

    from ecgsk import LabAbnormalityExplainer
    from ecgsk.preprocessing import Resample

    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges
    )
    return make_pipeline(Resample(100), explainer).fit(X, cohort.labs)


@pytest.fixture(scope="session")
def ecg_500hz():
    """A patient's ECG at 500 Hz, of shape (12, 5000)."""
    from ecgsk.datasets import make_clinical_ecg

    return make_clinical_ecg(n_subjects=1, sampling_rate=500, random_state=1).X["ecg"].iloc[:1]


@pytest.fixture
def write_patient(write_record, ecg_500hz, tmp_path):
    """Write that ECG as another hospital's device does: rate, length and lead order differ."""

    from ecgsk.signals.resampling import resample

    def write(name, rate=500, seconds=12, leads=STANDARD_12_LEADS[::-1]):
        signal = ecg_500hz.ecg.to_numpy()[0]
        signal = np.concatenate([signal, signal], axis=1)[:, : round(seconds * 500)]
        signal = resample(signal, 500, rate)
        places = [STANDARD_12_LEADS.index(lead) for lead in leads]
        write_record(name, leads=leads, rate=rate, signal=signal[places])
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def write_vital() -> Callable[..., None]:
    """Write a ``.vital`` file with the `vitaldb` package."""

    def write(
        path: Path,
        waves: dict[str, np.ndarray],
        numbers: dict[str, list[tuple[float, float]]] | None = None,
        *,
        rate: float = 500,
        unit: str = "mV",
        start: float = 4_000_000_000.0,
        jitter: float = 0.0,
        packed: bool = False,
    ) -> None:
        """Waves are cut into packets of a second, the odd ones `jitter` seconds late."""
        file = load_vitaldb_package().VitalFile()
        file.dtstart = start
        for track, samples in waves.items():
            packets = [
                {
                    "dt": start + first / rate + jitter * (number % 2),
                    "val": np.asarray(samples[first : first + int(rate)], np.float32),
                }
                for number, first in enumerate(range(0, len(samples), int(rate)))
            ]
            file.add_track(track, packets, srate=rate, unit=unit)
            file.dtend = start + len(samples) / rate
        for track, values in (numbers or {}).items():
            file.add_track(track, [{"dt": start + time, "val": value} for time, value in values])
        path.parent.mkdir(parents=True, exist_ok=True)
        file.to_vital(str(path), compresslevel=1, packed=packed)

    return write


@pytest.fixture(scope="module")
def browser():
    """Chromium; tests that need it skip, saying so, where there is none."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"no browser found ({', '.join(names)}): apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        yield browser
        browser.close()
