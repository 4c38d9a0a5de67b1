"""The linear probe: logistic regression with gaps, its penalty chosen by patient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from ecgsk.estimators import _probe
from ecgsk.estimators._probe import fit_linear_probe

# With one patient there are no folds, and the middle strength is taken.
MIDDLE = 1e-2


def standardise(features):
    scale = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.maximum(scale, 0.01 * np.median(scale))


def fit_reference(z, y, strength=MIDDLE):
    return LogisticRegression(C=strength, max_iter=10_000, tol=1e-10).fit(z, y)


def fit_as_one_patient(features, targets, multinomial=False):
    heads = fit_linear_probe(features, targets, np.zeros(len(features)), multinomial=multinomial)
    assert all(np.isfinite(part).all() for part in heads)
    return heads


def logits_of(features, heads):
    return features @ heads[0].T + heads[1]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def features(rng):
    """Correlated, each on a scale of its own and far from zero."""
    mixing = rng.normal(size=(8, 8)) * 10.0 ** rng.uniform(-2, 2, size=8)
    return rng.normal(size=(60, 8)) @ mixing + 5


@pytest.fixture
def targets(rng):
    return (rng.random((60, 3)) < [0.2, 0.5, 0.8]).astype(float)


@settings(max_examples=40)
@given(
    n=st.integers(4, 120),
    n_features=st.integers(1, 40),
    prevalence=st.floats(0.05, 0.95),
    log_scale=st.floats(-3, 3),
    seed=st.integers(0, 2**31 - 1),
)
def test_it_is_logistic_regression_on_standardised_features(
    n, n_features, prevalence, log_scale, seed
):
    """Few rows and many, more features than rows, rare labels, any scale of the features."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n_features, n_features)) * 10**log_scale
    features = rng.normal(size=(n, n_features)) @ mixing + rng.normal(size=n_features)
    targets = (rng.random((n, 3)) < prevalence).astype(float)
    targets[0], targets[1] = 0, 1
    logits = logits_of(features, fit_as_one_patient(features, targets))
    z = standardise(features)
    for label in range(3):
        reference = fit_reference(z, targets[:, label]).decision_function(z)
        np.testing.assert_allclose(logits[:, label], reference, atol=2e-3)


@pytest.mark.parametrize("strength", _probe._STRENGTHS)
def test_strengths_mean_what_they_mean_in_scikit_learn(monkeypatch, features, targets, strength):
    monkeypatch.setattr(_probe, "_STRENGTHS", (strength,))
    heads = fit_linear_probe(features, targets, np.arange(60), multinomial=False)
    z = standardise(features)
    for label in range(3):
        reference = fit_reference(z, targets[:, label], strength).decision_function(z)
        np.testing.assert_allclose(logits_of(features, heads)[:, label], reference, atol=2e-3)


def test_unknown_labels_take_no_part(features, targets):
    known = np.ones(60, dtype=bool)
    known[::3] = False
    gappy = targets.copy()
    gappy[~known, 0] = np.nan
    logits = logits_of(features, fit_as_one_patient(features, gappy))
    # Its records still say how features vary, and are all there for the other labels.
    z = standardise(features)
    first = fit_reference(z[known], targets[known, 0]).decision_function(z)
    second = fit_reference(z, targets[:, 1]).decision_function(z)
    np.testing.assert_allclose(logits[:, 0], first, atol=2e-3)
    np.testing.assert_allclose(logits[:, 1], second, atol=2e-3)
    as_negative = fit_reference(z, np.nan_to_num(gappy[:, 0])).decision_function(z)
    assert np.abs(logits[:, 0] - as_negative).max() > 0.1


@pytest.mark.parametrize("groups", [np.zeros(60), np.arange(60)], ids=["one patient", "many"])
def test_labels_of_one_class_get_their_smoothed_prevalence(features, targets, groups):
    never, always = np.zeros((60, 1)), np.ones((60, 1))
    seldom = np.full((60, 1), np.nan)
    seldom[:3] = 1
    columns = [never, always, seldom, np.full((60, 1), np.nan), targets]
    weight, bias = fit_linear_probe(features, np.hstack(columns), groups, multinomial=False)
    assert not weight[:4].any()
    np.testing.assert_allclose(1 / (1 + np.exp(-bias[:4])), [0.5 / 61, 60.5 / 61, 3.5 / 4, 0.5])
    assert np.isfinite(weight).all()
    assert weight[4:].any(axis=1).all()


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_nothing_to_tell_apart_is_no_error(features, value):
    weight, bias = fit_linear_probe(
        features, np.full((60, 2), value), np.arange(60), multinomial=False
    )
    assert not weight.any()
    assert np.isfinite(bias).all()


def test_constant_features_say_nothing(features, targets):
    features = features / features.std(axis=0)
    with_constants = np.column_stack([features, np.full(60, 3.7), np.zeros(60)])
    weight, bias = fit_as_one_patient(with_constants, targets)
    plain = fit_as_one_patient(features, targets)
    np.testing.assert_allclose(
        logits_of(with_constants, (weight, bias)), logits_of(features, plain), atol=2e-3
    )
    np.testing.assert_allclose(weight[:, 8:], 0, atol=1e-6)
    nothing_moves = fit_as_one_patient(np.full((60, 4), 3.7), targets)
    p = 1 / (1 + np.exp(-logits_of(np.full((1, 4), 3.7), nothing_moves)[0]))
    np.testing.assert_allclose(p, targets.mean(axis=0), atol=1e-2)


def test_collinear_features_share_their_weight(features, targets):
    twice = np.hstack([features, features])
    weight, bias = fit_as_one_patient(twice, targets)
    np.testing.assert_allclose(weight[:, :8], weight[:, 8:], rtol=1e-3, atol=1e-6)
    z = standardise(twice)
    reference = fit_reference(z, targets[:, 0]).decision_function(z)
    np.testing.assert_allclose(logits_of(twice, (weight, bias))[:, 0], reference, atol=2e-3)


def test_a_feature_that_hardly_moved_is_not_magnified(features, targets):
    """A ten-thousandth of the others' spread in training; a new patient may be far off."""
    features = features / features.std(axis=0)
    features[:, 0] = 1e-4 * targets[:, 0]
    heads = fit_as_one_patient(features, targets)
    moved = features.copy()
    moved[:, 0] += 1.0
    assert np.abs(logits_of(moved, heads) - logits_of(features, heads)).max() < 5


def test_single_precision_is_enough(features, targets):
    single = fit_as_one_patient(features.astype(np.float32), targets.astype(np.float32))
    double = fit_as_one_patient(features, targets)
    np.testing.assert_allclose(logits_of(features, single), logits_of(features, double), atol=5e-3)


@pytest.mark.parametrize("n", [6, 60], ids=["fewer rows than features", "more rows"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_of_several_classes(features, rng, n, dtype):
    codes = np.append([0, 1, 2], rng.integers(3, size=n - 3))
    features = features[:n].astype(dtype)
    heads = fit_as_one_patient(features, np.eye(3, dtype=dtype)[codes], multinomial=True)
    z = standardise(features.astype(np.float64))
    expected = fit_reference(z, codes).predict_proba(z)
    got = softmax(logits_of(features.astype(np.float64), heads), axis=1)
    np.testing.assert_allclose(got, expected, atol=1e-3)


@pytest.mark.parametrize("present", [[0], [1], [0, 2], [1, 3]])
def test_classes_without_a_record_are_not_expected(features, rng, present):
    codes = np.append(present, rng.choice(present, size=60 - len(present)))
    groups = np.arange(60)
    heads = fit_linear_probe(features, np.eye(4)[codes], groups, multinomial=True)
    p = softmax(logits_of(features, heads), axis=1)
    absent = np.setdiff1d(np.arange(4), present)
    assert p[:, absent].max() < 1e-6
    if len(present) == 2:
        z = standardise(features)
        references = [
            fit_reference(z, codes, strength).predict_proba(z) for strength in _probe._STRENGTHS
        ]
        assert min(np.abs(p[:, present] - r).max() for r in references) < 1e-3


def make_patients(rng, n_patients=60, n_records=4, n_features=20):
    """Features tell who someone is, and nothing else; each patient has one label."""
    who = np.repeat(np.arange(n_patients), n_records)
    features = rng.normal(size=(n_patients, n_features))[who]
    features = features + 0.05 * rng.normal(size=features.shape)
    labels = rng.permutation(np.arange(n_patients) % 2).astype(float)[who]
    return features, labels, who


@pytest.mark.parametrize("multinomial", [False, True])
def test_the_penalty_is_chosen_on_other_patients(rng, multinomial):
    """To recognise patients is worth nothing on others, and everything on their own records."""
    features, labels, who = make_patients(rng)
    targets = np.column_stack([1 - labels, labels]) if multinomial else labels[:, None]
    by_patient, _ = fit_linear_probe(features, targets, who, multinomial=multinomial)
    by_record, _ = fit_linear_probe(features, targets, np.arange(len(who)), multinomial=multinomial)
    strongest, weakest = (
        fit_reference(standardise(features), labels, strength).coef_ / features.std(axis=0)
        for strength in (_probe._STRENGTHS[0], _probe._STRENGTHS[-1])
    )
    np.testing.assert_allclose(by_patient[-1], strongest[0], atol=1e-2)
    np.testing.assert_allclose(by_record[-1], weakest[0], atol=1e-2)
    assert np.linalg.norm(by_record) > 3 * np.linalg.norm(by_patient)


@settings(max_examples=15)
@given(n_patients=st.integers(2, 12), seed=st.integers(0, 1000))
def test_no_patient_is_held_out_and_kept(n_patients, seed):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.append(np.arange(n_patients), rng.integers(n_patients, size=20)))
    # The labels spell the patient's number, so that rows can be told wherever they turn up.
    targets = (groups[:, None] >> np.arange(4) & 1).astype(float)
    kept, held_out = [], []
    fit, loss = _probe._fit, _probe._loss

    def spell(targets):
        return set((targets @ [1, 2, 4, 8]).astype(int).tolist())

    def watch_fit(z, targets, *rest):
        kept.append(spell(targets))
        return fit(z, targets, *rest)

    def watch_loss(targets, *rest):
        held_out.append(spell(targets))
        return loss(targets, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_probe, "_fit", watch_fit)
        patch.setattr(_probe, "_loss", watch_loss)
        fit_linear_probe(rng.normal(size=(len(groups), 3)), targets, groups, multinomial=False)
    everybody = set(range(n_patients))
    assert kept.pop() == everybody
    for some, others in zip(kept, held_out, strict=True):
        assert not some & others
        assert some | others == everybody
    assert set.union(*held_out) == everybody


def test_arrays_given_stay_as_they_are(features, targets):
    before = features.copy(), targets.copy()
    fit_linear_probe(features, targets, np.arange(60), multinomial=False)
    np.testing.assert_array_equal(features, before[0])
    np.testing.assert_array_equal(targets, before[1])


@pytest.mark.parametrize("n_features", [60, 61, 500, 2000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_more_features_than_records(rng, targets, n_features, dtype):
    """The same solution as in the features' own space, with a penalty that grows with them."""
    mixing = rng.normal(size=(20, n_features))  # the records span twenty dimensions and noise
    features = (rng.normal(size=(60, 20)) @ mixing + rng.normal(size=(60, n_features))).astype(
        dtype
    )
    logits = logits_of(features, fit_as_one_patient(features, targets))
    z = standardise(features.astype(np.float64))
    strength = MIDDLE * min(1, 500 / n_features)
    for label in range(3):
        reference = fit_reference(z, targets[:, label], strength).decision_function(z)
        np.testing.assert_allclose(logits[:, label], reference, atol=5e-3)


def test_copies_of_a_feature_change_nothing(rng, targets):
    """A thousand features four times over say what they said; the penalty knows."""
    features = rng.normal(size=(60, 1000))
    once = logits_of(features, fit_as_one_patient(features, targets))
    copies = np.tile(features, 4)
    np.testing.assert_allclose(
        logits_of(copies, fit_as_one_patient(copies, targets)), once, atol=1e-2
    )


def test_records_that_are_all_alike_span_nothing(targets):
    weight, bias = fit_as_one_patient(np.full((60, 100), 3.7), targets)
    np.testing.assert_allclose(weight, 0, atol=1e-6)
    assert np.isfinite(bias).all()


@pytest.mark.parametrize("multinomial", [False, True])
def test_new_records_of_many_features(rng, multinomial):
    """Heads fitted in the records' span hold for records outside it."""
    direction = rng.normal(size=3000)
    features = rng.normal(size=(300, 3000)) + np.outer(np.repeat([-0.1, 0.1], 150), direction)
    true = np.repeat([0.0, 1.0], 150)
    targets = np.column_stack([1 - true, true]) if multinomial else true[:, None]
    kept = np.arange(300) % 3 > 0
    heads = fit_linear_probe(
        features[kept], targets[kept], np.arange(kept.sum()), multinomial=multinomial
    )
    logits = logits_of(features[~kept], heads)
    assert (((logits[:, -1] - logits[:, 0] * multinomial) > 0) == true[~kept]).mean() > 0.9
