"""Synthetic cohorts, and ECGs of a given latent state."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from ecgsk.datasets._cohort import Cohort, assign_folds
from ecgsk.datasets.clinical.diagnoses import draw_diagnoses
from ecgsk.datasets.clinical.patients import MEANING, TERRITORIES, State, draw_state
from ecgsk.datasets.clinical.recording import GAIN, record
from ecgsk.datasets.clinical.table import LABORATORY, REFERENCE_RANGES, draw_table
from ecgsk.exceptions import ECGError, SamplingRateError
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.storage import ArrayStorage
from ecgsk.signals.units import check_sampling_rate

MIN_SAMPLING_RATE = 50.0  # Hz; a QRS complex of 80 ms needs a few samples
# Per minute; the number of beats drawn fills a record at these rates.
MIN_HEART_RATE, MAX_HEART_RATE = 20.0, 180.0

DESCRIPTION = """\
Synthetic clinical ECGs
-----------------------
Simulated patients with diseases, visits with acute illness, and three independent
observations of each visit: a 12-lead ECG of 10 s, a clinical table and coded
diagnoses.

No row is a real patient. Causes and effect sizes are assumed; results on this
cohort are not findings about patients.

Latent causes (``latent``; never observed, never an input):
"""


@overload
def make_clinical_ecg(
    n_subjects: int = ...,
    *,
    sampling_rate: float = ...,
    random_state: Any = ...,
    interventions: Mapping[str, float] | None = ...,
    return_X_y: Literal[False] = ...,
) -> Cohort: ...
@overload
def make_clinical_ecg(
    n_subjects: int = ...,
    *,
    sampling_rate: float = ...,
    random_state: Any = ...,
    interventions: Mapping[str, float] | None = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, pd.DataFrame]: ...
def make_clinical_ecg(
    n_subjects: int = 1000,
    *,
    sampling_rate: float = 100,
    random_state: Any = None,
    interventions: Mapping[str, float] | None = None,
    return_X_y: bool = False,
) -> Cohort | tuple[pd.DataFrame, pd.DataFrame]:
    """Make a cohort of synthetic ECGs with a clinical table and diagnoses.

    Each subject has an age, a body shape and chronic diseases; each visit adds acute
    illness, a potassium, a heart rate and so on. Three observations depend on these
    latent causes and are independent given them: the ECG, the table (with measurement
    errors, and missing where the test was not ordered) and the diagnoses (with
    coding habits and errors).

    .. versionadded:: 0.1

    Parameters
    ----------
    n_subjects : int, default=1000
        Number of subjects. A subject has 1.8 visits on average and at most 8.
    sampling_rate : float, default=100
        Samples per second of the ECG, Hz; at least 50.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the cohort. The same integer gives the same cohort; a cohort of
        another size has other subjects.
    interventions : mapping of str to float, default=None
        Numbers to add to latent causes in all records, such as ``{"potassium": 1.0}``, in the
        units of ``latent``. All noise stays as it is with the same integer `random_state`, so
        that only the cause and what depends on it change: other causes, table, diagnoses and
        ECG. A cause stays within its range: 0 to 1 if it is present or absent, 0 or more if
        it is a severity. An intervention of 0 changes nothing.
    return_X_y : bool, default=False
        Return ``(X, Y)`` in place of a `Cohort`.

    Returns
    -------
    Cohort
        With one row per visit:

        X : DataFrame of shape (n_records, 33)
            ``ecg`` (12 leads, 10 s, mV), ``age`` (years), ``sex``, ``bmi`` (kg/m^2),
            ``height`` (cm), ``weight`` (kg), six vital signs (per minute, mmHg,
            degrees Celsius, %), twenty laboratory values and ``subject_id``.
            NaN where not measured.
        Y : DataFrame of shape (n_records, 18)
            Diagnoses, 0.0 or 1.0.
        labs : DataFrame of shape (n_records, 20)
            The laboratory columns of ``X``.
        reference_ranges : DataFrame of shape (20, 3)
            ``low``, ``high`` and ``unit`` of each laboratory value.
        groups : Series
            ``subject_id``.
        folds : Series of int
            1 to 10, by subject.
        latent : DataFrame
            The causes of each row, to test whether a model recovers them. They are
            never observed in a hospital: do not use them as inputs.
        DESCR : str
            This description, with the meaning of the latent causes.

    tuple of DataFrame
        ``(X, Y)`` with ``return_X_y=True``.

    Raises
    ------
    ECGError
        When ``n_subjects`` is not a positive integer, or an intervention is not a finite
        number to add to a latent cause.
    SamplingRateError
        When the sampling rate is below 50 Hz.

    See Also
    --------
    synthesize_ecg : Synthesize the ECG of a given latent state, without effects of one cause
        on another.

    Notes
    -----
    The ECG is a sum of Gaussian waves of the heart vector [1]_, projected to eight leads
    by Dower's matrix [2]_ (whose pseudo-inverse is the inverse Dower
    transform [3]_); the other four follow from I and II, so that I + III = II holds
    exactly.

    The effect of disease on the ECG, the sharpness of coding and the laboratory noise
    were set once so that tables, signals and both predict diagnoses about as well as
    they do for emergency patients [4]_, and frozen before any joint-embedding model
    was trained. Samples are stored as 16-bit integers of 1 microvolt.

    Limits: an ST elevation is a separate hump before the T wave, where a real one
    merges with it; each beat of a record has the same shape; there is no atrial
    flutter, AV block, paced rhythm or sine wave of potassium above 9 mmol/L; P and T
    of a beat before the first R peak are not drawn. Muscle noise has the same power
    density at every sampling rate, so its amplitude grows with the bandwidth.

    References
    ----------
    .. [1] McSharry, Clifford, Tarassenko & Smith (2003), A dynamical model for
       generating synthetic electrocardiogram signals, IEEE Trans Biomed Eng 50(3).
    .. [2] Dower, Machado & Osborne (1980), On deriving the electrocardiogram from
       vectorcardiographic leads, Clin Cardiol 3(2).
    .. [3] Edenbrandt & Pahlm (1988), Vectorcardiogram synthesized from a 12-lead ECG:
       superiority of the inverse Dower matrix, J Electrocardiol 21(4).
    .. [4] Alcaraz, Bouma & Strodthoff (2024), MDS-ED: multimodal decision support in
       the emergency department, arXiv 2407.17856.

    Examples
    --------
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> cohort = make_clinical_ecg(100, random_state=0)
    >>> cohort.X["ecg"].dtype
    ecg[12x1000, 100 Hz]
    >>> X, Y = make_clinical_ecg(100, random_state=0, return_X_y=True)
    >>> "atrial fibrillation" in Y
    True

    Chronic kidney disease raises potassium:

    >>> ill = make_clinical_ecg(
    ...     100, random_state=0, interventions={"chronic_kidney_disease": 1.0}
    ... )
    >>> bool((ill.latent["potassium"] > cohort.latent["potassium"]).mean() > 0.9)
    True
    """
    sampling_rate = _check_rate(sampling_rate, "make_clinical_ecg")
    whole = isinstance(n_subjects, int | np.integer) and not isinstance(n_subjects, bool)
    if not whole or n_subjects < 1:
        raise ECGError(
            f"make_clinical_ecg: n_subjects must be an integer of at least 1; got {n_subjects!r}."
        )
    _check_interventions(interventions)
    # One stream per part, so that a change of one part leaves the others unchanged.
    for_state, for_table, for_diagnoses, for_ecg, for_folds = _streams(random_state, 5)
    state = draw_state(int(n_subjects), for_state, interventions)
    table = draw_table(state, for_table)
    Y = draw_diagnoses(state, for_diagnoses)
    ecg = ECGArray(_storage(state, sampling_rate, for_ecg))

    sex = pd.Series(np.where(table.pop("male") > 0, "male", "female"))
    table.insert(1, "sex", sex.astype(pd.CategoricalDtype(["female", "male"])))
    subject_id = pd.Series(state["subject_id"], name="subject_id")
    X = pd.concat([pd.Series(ecg, name="ecg"), table, subject_id], axis=1)
    X.attrs["population"] = "simulated patients (make_clinical_ecg)"
    if return_X_y:
        return X, Y
    meanings = "\n".join(f"* {name}: {meaning}" for name, meaning in MEANING.items())
    return Cohort(
        X,
        Y,
        labs=table[list(LABORATORY.index)],
        reference_ranges=REFERENCE_RANGES.copy(),
        groups=subject_id,
        folds=assign_folds(subject_id, random_state=int(for_folds.integers(2**31))),
        DESCR=DESCRIPTION + meanings + "\n",
        latent=_latent_frame(state),
    )


def synthesize_ecg(
    latent: pd.DataFrame, *, sampling_rate: float = 100, random_state: Any = None
) -> ECGArray:
    """Synthesize the ECGs of given latent states.

    To see the direct effect of one cause on the signal, change a column of a cohort's
    ``latent`` and synthesize twice with the same integer ``random_state``: rhythm and
    noise are then the same, and only that cause differs. ``make_clinical_ecg(...,
    interventions=...)`` changes what depends on the cause too.

    .. versionadded:: 0.1

    Parameters
    ----------
    latent : DataFrame of shape (n_records, n_causes)
        Latent causes as in ``make_clinical_ecg(...).latent``; other columns are
        ignored.
    sampling_rate : float, default=100
        Hz; at least 50.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines electrode placement, beat times and noise.

    Returns
    -------
    ECGArray of length n_records
        12 leads, 10 s, mV.

    Raises
    ------
    ECGError
        When a cause is absent or NaN, a territory is not anterior, inferior or
        lateral, or the heart rate is not within 20 to 180 per minute.

    See Also
    --------
    make_clinical_ecg : Make a cohort with such states.

    Examples
    --------
    >>> from ecgsk.datasets import make_clinical_ecg, synthesize_ecg
    >>> latent = make_clinical_ecg(1, random_state=0).latent.iloc[:1]
    >>> calm = synthesize_ecg(latent.assign(potassium=4.2), random_state=0)
    >>> toxic = synthesize_ecg(latent.assign(potassium=8.0), random_state=0)
    >>> bool(toxic.read().max() > calm.read().max())
    True
    """
    sampling_rate = _check_rate(sampling_rate, "synthesize_ecg")
    (rng,) = _streams(random_state, 1)
    return ECGArray(_storage(_state_of(latent), sampling_rate, rng))


def _check_rate(sampling_rate: float, name: str) -> float:
    sampling_rate = check_sampling_rate(sampling_rate, name=name)
    if sampling_rate < MIN_SAMPLING_RATE:
        raise SamplingRateError(
            f"{name}: sampling_rate must be at least {MIN_SAMPLING_RATE:g} Hz to show a QRS "
            f"complex; got {sampling_rate:g} Hz."
        )
    return sampling_rate


def _check_interventions(interventions: Mapping[str, float] | None) -> None:
    numbers = [name for name in MEANING if name not in _territories()]
    for name, shift in (interventions or {}).items():
        if name not in numbers:
            raise ECGError(
                f"make_clinical_ecg: interventions may change {', '.join(numbers)}; got {name!r}."
            )
        if not isinstance(shift, Real) or not np.isfinite(shift):
            raise ECGError(
                f"make_clinical_ecg: the intervention on {name} must be a finite number to add; "
                f"got {shift!r}."
            )


def _streams(random_state: Any, number: int) -> list[np.random.Generator]:
    """Spawn independent generators from an integer, RandomState, Generator or None."""
    if isinstance(random_state, np.random.Generator):
        entropy = random_state.integers(2**32, size=4, dtype=np.uint32)
    else:
        source = check_random_state(random_state)
        entropy = source.randint(2**32, size=4, dtype=np.uint32)
    seeds = np.random.SeedSequence(entropy.tolist()).spawn(number)
    return [np.random.Generator(np.random.SFC64(seed)) for seed in seeds]


def _storage(state: State, sampling_rate: float, rng: np.random.Generator) -> ArrayStorage:
    return ArrayStorage(
        record(state, sampling_rate, rng), STANDARD_12_LEADS, sampling_rate, gain=GAIN
    )


def _latent_frame(state: State) -> pd.DataFrame:
    latent = pd.DataFrame({name: state[name] for name in MEANING})
    for name in _territories():
        latent[name] = pd.Categorical(latent[name], list(TERRITORIES))
    return latent


def _territories() -> list[str]:
    return [name for name in MEANING if name.endswith("_territory")]


def _state_of(latent: pd.DataFrame) -> State:
    """Convert a table of latent causes to a state, after checking it."""
    absent = [name for name in MEANING if name not in latent]
    if absent:
        raise ECGError(
            f"synthesize_ecg: latent lacks {', '.join(absent)}. Start from the latent of "
            "make_clinical_ecg and change single columns."
        )
    unknown = [name for name in MEANING if latent[name].isna().any()]
    if unknown:
        raise ECGError(
            f"synthesize_ecg: every cause must have a value; NaN in {', '.join(unknown)}."
        )
    for name in _territories():
        unknown_names = sorted(set(latent[name].astype(str)) - set(TERRITORIES))
        if unknown_names:
            raise ECGError(
                f"synthesize_ecg: {name} must be one of {', '.join(TERRITORIES)}; "
                f"got {', '.join(unknown_names)}."
            )
    rate = latent["heart_rate"]
    if not rate.between(MIN_HEART_RATE, MAX_HEART_RATE).all():
        raise ECGError(
            f"synthesize_ecg: heart_rate must be {MIN_HEART_RATE:g} to {MAX_HEART_RATE:g} "
            f"per minute; got {rate.min():g} to {rate.max():g}."
        )
    return {
        name: np.asarray(latent[name].astype(str if name in _territories() else float))
        for name in MEANING
    }
