"""Each bad input gets an error that says who, what was expected, what came and the mend."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from ecgsk.exceptions import (
    DurationError,
    ECGError,
    LeadMismatchError,
    SamplingRateError,
    SignalQualityError,
    SignalQualityWarning,
    UnitError,
)
from ecgsk.signals import STANDARD_12_LEADS, ECGArray

TWELVE = ", ".join(STANDARD_12_LEADS)
AFFECTED = r"ECGDiagnosisClassifier: 1 of 6 records have missing samples or leads "
MEND = r" They count as missing; X\['ecg'\].ecg.quality\(\) lists all"


@pytest.fixture
def signals(X):
    return X["ecg"].iloc[:6].ecg.to_numpy()


@pytest.fixture
def frame():
    def make(signals, sampling_rate=100, leads=STANDARD_12_LEADS):
        ecg = ECGArray.from_numpy(signals, sampling_rate=sampling_rate, leads=leads)
        return pd.DataFrame({"ecg": ecg})

    return make


@pytest.fixture(params=["pretrainer", "classifier"])
def fitted(request, pretrainer, classifier):
    """A call that predicts, and the class that must name itself."""
    if request.param == "pretrainer":
        return pretrainer.transform, "JointEmbeddingPretrainer"
    return classifier.predict_proba, "ECGDiagnosisClassifier"


@pytest.fixture(params=["pretrainer", "classifier"])
def fit(request, make_pretrainer, make_classifier, Y):
    """A call that fits, and the class that must name itself."""
    if request.param == "pretrainer":
        return lambda X: make_pretrainer().fit(X), "JointEmbeddingPretrainer"
    y = pd.DataFrame(np.arange(12).reshape(6, 2) % 3 == 0, columns=Y.columns[:2]).astype(float)
    return lambda X: make_classifier().fit(X, y[: len(X)]), "ECGDiagnosisClassifier"


def test_wrong_number_of_leads(fitted, frame, signals):
    call, name = fitted
    eight = STANDARD_12_LEADS[:8]
    message = (
        rf"{name} was fitted on 12 leads \({TWELVE}\); got 8 \({', '.join(eight)}\). "
        r"V3, V4, V5, V6 cannot be derived from these: .* Or fit on the leads you have"
    )
    with pytest.raises(LeadMismatchError, match=message):
        call(frame(signals[:, :8], leads=eight))
    with pytest.raises(LeadMismatchError, match=rf"{name} was fitted on 12 leads; got 8. Give the"):
        call(signals[:, :8])


def test_other_leads_of_equal_number(fitted, frame, signals):
    call, name = fitted
    other = [*STANDARD_12_LEADS[:11], "V7"]
    with pytest.raises(LeadMismatchError, match=rf"{name} was fitted on 12 leads .*, V7\)"):
        call(frame(signals, leads=other))


def test_other_sampling_rate(fitted, frame, signals):
    call, name = fitted
    message = rf"{name} was fitted on 100 Hz; got 500 Hz. Use Resample\(100\)"
    with pytest.raises(SamplingRateError, match=message):
        call(frame(signals, sampling_rate=500))


def test_other_length(fitted, frame, signals):
    call, name = fitted
    message = rf"{name} was fitted on records of 1000 samples; got 600. Read them with duration="
    for X in (frame(signals[..., :600]), signals[..., :600]):
        with pytest.raises(DurationError, match=message):
            call(X)


@pytest.mark.parametrize("kind", ["all NaN", "all flat", "flat or NaN", "flat with a gap", "1 nV"])
def test_record_without_a_signal(fitted, fit, frame, signals, kind):
    record = signals[3]
    if kind == "1 nV":
        record *= 1e-6 / np.abs(record).max()
    else:
        record[:] = np.nan if kind == "all NaN" else 0.25
    if kind == "flat or NaN":
        record[:5] = np.nan
    if kind == "flat with a gap":
        record[:, 100:200] = np.nan
    for call, name in (fitted, fit):
        message = (
            rf"{name} expected at least one lead with a signal per record; rows 3 have none: "
            r"every lead is missing or flat. Drop them first: X = X\[X\[\"ecg\"\].ecg.quality"
        )
        with pytest.raises(SignalQualityError, match=message):
            call(frame(signals))


def test_the_mend_for_records_without_a_signal_works(classifier, frame, signals):
    signals[3] = np.nan
    X = frame(signals)
    X = X[X["ecg"].ecg.quality()["usable"]]
    assert len(classifier.predict_proba(X)) == 5


def test_missing_record(classifier, X):
    ecg = X["ecg"].iloc[:4].reindex([0, 1, 99])
    with pytest.warns(SignalQualityWarning, match=r"1 of 3 records are missing .* \(rows 2\)"):
        P = classifier.predict_proba(ecg)
    assert np.isnan(P).all(axis=1).tolist() == [False, False, True]


def test_plain_record_without_a_sample(classifier, signals):
    signals[[1, 2, 4, 5]] = np.nan
    with pytest.raises(SignalQualityError, match=r"rows 1, 2, 4, 5 have none"):
        classifier.predict_proba(signals)


def test_one_flat_lead_counts_as_missing_and_is_named(classifier, frame, signals):
    flat, missing = signals.copy(), signals.copy()
    flat[4, 7], missing[4, 7] = 0.1, np.nan
    with pytest.warns(SignalQualityWarning, match=AFFECTED + r"\(row 4: lead V2 flat\)." + MEND):
        of_flat = classifier.predict_proba(frame(flat))
    with pytest.warns(SignalQualityWarning, match=AFFECTED + r"\(row 4: lead V2 missing\)."):
        of_missing = classifier.predict_proba(frame(missing))
    np.testing.assert_array_equal(of_flat, of_missing)
    whole = classifier.predict_proba(frame(signals))
    assert not np.array_equal(of_flat[4], whole[4])
    np.testing.assert_allclose(np.delete(of_flat, 4, 0), np.delete(whole, 4, 0), atol=1e-6)


def test_burst_of_nan_is_named_and_counts_as_the_mean(classifier, frame, signals):
    burst = signals.copy()
    burst[2, 10, 300:400] = np.nan
    message = AFFECTED + r"\(row 2: lead V5 partly NaN\)." + MEND
    with pytest.warns(SignalQualityWarning, match=message):
        p = classifier.predict_proba(frame(burst))
    burst[2, 10, 300:400] = classifier.scale_[0][10]
    np.testing.assert_allclose(p, classifier.predict_proba(frame(burst)), atol=1e-6)


def test_fitting_warns_of_missing_leads_too(fit, frame, signals):
    call, name = fit
    signals[1, 0] = np.nan
    with pytest.warns(SignalQualityWarning, match=rf"{name}: 1 of 6 .*row 1: lead I missing"):
        call(frame(signals))


def test_microvolts(fitted, fit, frame, signals):
    for call, name in (fitted, fit):
        message = rf"{name}: expected samples in mV, .* as microvolts have. State the unit"
        with pytest.raises(UnitError, match=message):
            call(frame(1000 * signals))
        with pytest.raises(UnitError, match=message):
            call(1000 * signals)


def test_infinite_samples(fitted, fit, frame, signals):
    signals[2, 3, 4] = np.inf
    for call, name in (fitted, fit):
        message = rf"{name} expected finite samples in mV; rows 2 hold infinity. A missing"
        with pytest.raises(SignalQualityError, match=message):
            call(frame(signals))
        with pytest.raises(ValueError, match="Input X contains infinity"):
            call(signals)


def test_empty_frame(fitted, fit, frame, signals):
    for call, name in (fitted, fit):
        for X in (frame(signals)[:0], frame(signals)["ecg"][:0]):
            with pytest.raises(
                ECGError, match=rf"{name} expected at least one record, got an empty"
            ):
                call(X)


def test_frame_without_ecgs(fitted, fit, X):
    for call, name in (fitted, fit):
        message = rf"{name} expected a column of ECGs in X, got only \['age', .*Make one with ECGA"
        with pytest.raises(ECGError, match=message):
            call(X.drop(columns="ecg").iloc[:6])
        with pytest.raises(ECGError, match=message):
            call(X[["age", "sex"]].iloc[:6])  # no patients either


def test_numbers_for_a_model_of_ecgs(fitted, X):
    call, name = fitted
    with pytest.raises(ECGError, match=rf"{name} expected a column of ECGs in X, got only \['age'"):
        call(X[["age", "heart_rate"]])


def test_two_columns_of_ecgs(fitted, fit, X):
    for call, name in (fitted, fit):
        with pytest.raises(ECGError, match=rf"{name}: expected one ECG column, got 2 \(ecg, other"):
            call(X.iloc[:6].assign(other=X["ecg"]))


def test_four_dimensions(fitted, fit, signals):
    for call, name in (fitted, fit):
        with pytest.raises(ValueError, match=rf"{name} expected an array of shape .* got 4 dimens"):
            call(signals[:, None])


@pytest.mark.parametrize("shape", [(6, 1000, 12), (6, 1000, 1), (6, 40, 3)])
def test_leads_last(fitted, fit, shape):
    for call, name in (fitted, fit):
        message = rf"{name}: .*got \({shape[0]}, {shape[1]}, .*The axes look swapped: try X.transp"
        with pytest.raises(LeadMismatchError, match=message):
            call(np.random.default_rng(0).normal(size=shape))
        with pytest.raises(LeadMismatchError, match=message):
            call(np.zeros(shape).tolist())


def test_unknown_encoder(make_pretrainer, make_classifier, X, Y):
    message = r"Unknown encoder 'resnet19'; expected one of .*Did you mean 'resnet18'\?"
    with pytest.raises(ValueError, match=message):
        make_pretrainer(encoder="resnet19").fit(X)
    with pytest.raises(ValueError, match=message):
        make_classifier(encoder="resnet19").fit(X, Y)


def test_wrong_kind_of_encoder(make_classifier, X, Y):
    with pytest.raises(TypeError, match=r"encoder must be a name from .* got StandardScaler\(\)"):
        make_classifier(encoder=StandardScaler()).fit(X, Y)
    scaler = StandardScaler().fit([[0.0], [1.0]])
    message = r"FrozenEstimator must hold a fitted JointEmbeddingPretrainer, got StandardScaler\(\)"
    with pytest.raises(TypeError, match=message):
        make_classifier(encoder=FrozenEstimator(scaler)).fit(X, Y)


def test_frozen_but_not_fitted(make_classifier, make_pretrainer, X, Y):
    with pytest.raises(NotFittedError, match="JointEmbeddingPretrainer instance is not fitted yet"):
        make_classifier(encoder=FrozenEstimator(make_pretrainer())).fit(X, Y)


def test_infinity_in_the_table(make_pretrainer, make_classifier, X, Y):
    infinite = X.assign(potassium=np.inf)
    with pytest.raises(ECGError, match=r"'potassium' holds infinity in 71 records. A missing"):
        make_pretrainer().fit(infinite)
    message = r"Columns \['potassium'\] hold infinity; a missing value is NaN"
    model = make_classifier(inputs="ecg+clinical").fit(X, Y)
    with pytest.raises(ValueError, match=message):
        model.predict_proba(infinite)


def test_date_in_the_table(make_pretrainer, X):
    dated = X.assign(admitted=pd.Timestamp("2020-01-01"))
    message = r"'admitted' has dtype datetime64.*list the clinical columns in clinical_columns="
    with pytest.raises(ECGError, match=message):
        make_pretrainer().fit(dated)
    make_pretrainer(clinical_columns=["age", "sex"]).fit(dated)
