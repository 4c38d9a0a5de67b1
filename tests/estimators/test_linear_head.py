"""Linear heads: logistic regression with missing labels, penalty chosen by patient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ecgsk.estimators import _linear_head
from ecgsk.estimators._linear_head import LinearHead, fit_late_fusion, fit_linear_heads

# C without folds: the middle value, as with one patient.
MIDDLE_C = 1e-2
N_MANY_FEATURES, N_MANY_LABELS = 64, 300


def standardise(features):
    scale = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.maximum(scale, 0.01 * np.median(scale))


def fit_reference(z, y, c=MIDDLE_C):
    return LogisticRegression(C=c, max_iter=10_000, tol=1e-10).fit(z, y)


def fit_as_one_patient(features, targets, multinomial=False):
    head = fit_linear_heads(features, targets, np.zeros(len(features)), multinomial=multinomial)
    assert np.isfinite(head.weight).all()
    assert np.isfinite(head.bias).all()
    return head


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
def test_equals_logistic_regression_on_standardised_features(
    n, n_features, prevalence, log_scale, seed
):
    """Few rows and many, more features than rows, rare labels, any scale of the features."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n_features, n_features)) * 10**log_scale
    features = rng.normal(size=(n, n_features)) @ mixing + rng.normal(size=n_features)
    targets = (rng.random((n, 3)) < prevalence).astype(float)
    targets[0], targets[1] = 0, 1
    logits = fit_as_one_patient(features, targets).logits(features)
    z = standardise(features)
    for label in range(3):
        reference = fit_reference(z, targets[:, label]).decision_function(z)
        np.testing.assert_allclose(logits[:, label], reference, atol=2e-3)


@pytest.mark.parametrize("c", _linear_head.C_VALUES)
def test_c_is_scikit_learns(monkeypatch, features, targets, c):
    monkeypatch.setattr(_linear_head, "C_VALUES", (c,))
    head = fit_linear_heads(features, targets, np.arange(60), multinomial=False)
    z = standardise(features)
    for label in range(3):
        reference = fit_reference(z, targets[:, label], c).decision_function(z)
        np.testing.assert_allclose(head.logits(features)[:, label], reference, atol=2e-3)


def test_missing_labels_take_no_part(features, targets):
    known = np.ones(60, dtype=bool)
    known[::3] = False
    gappy = targets.copy()
    gappy[~known, 0] = np.nan
    logits = fit_as_one_patient(features, gappy).logits(features)
    # The records still count for the scale of the features and for the other labels.
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
    head = fit_linear_heads(features, np.hstack(columns), groups, multinomial=False)
    weight, bias = head.weight, head.bias
    assert not weight[:4].any()
    np.testing.assert_allclose(1 / (1 + np.exp(-bias[:4])), [0.5 / 61, 60.5 / 61, 3.5 / 4, 0.5])
    assert np.isfinite(weight).all()
    assert weight[4:].any(axis=1).all()


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_labels_of_a_single_class_are_no_error(features, value):
    head = fit_linear_heads(features, np.full((60, 2), value), np.arange(60), multinomial=False)
    assert not head.weight.any()
    assert np.isfinite(head.bias).all()


def test_constant_features_get_no_weight(features, targets):
    features = features / features.std(axis=0)
    with_constants = np.column_stack([features, np.full(60, 3.7), np.zeros(60)])
    head = fit_as_one_patient(with_constants, targets)
    plain = fit_as_one_patient(features, targets)
    np.testing.assert_allclose(head.logits(with_constants), plain.logits(features), atol=2e-3)
    np.testing.assert_allclose(head.weight[:, 8:], 0, atol=1e-6)
    constant = fit_as_one_patient(np.full((60, 4), 3.7), targets)
    p = 1 / (1 + np.exp(-constant.logits(np.full((1, 4), 3.7))[0]))
    np.testing.assert_allclose(p, targets.mean(axis=0), atol=1e-2)


def test_collinear_features_share_their_weight(features, targets):
    twice = np.hstack([features, features])
    head = fit_as_one_patient(twice, targets)
    np.testing.assert_allclose(head.weight[:, :8], head.weight[:, 8:], rtol=1e-3, atol=1e-6)
    z = standardise(twice)
    reference = fit_reference(z, targets[:, 0]).decision_function(z)
    np.testing.assert_allclose(head.logits(twice)[:, 0], reference, atol=2e-3)


def test_nearly_constant_feature_is_not_magnified(features, targets):
    """A ten-thousandth of the others' spread in training, and a large value on a new patient."""
    features = features / features.std(axis=0)
    features[:, 0] = 1e-4 * targets[:, 0]
    head = fit_as_one_patient(features, targets)
    moved = features.copy()
    moved[:, 0] += 1.0
    assert np.abs(head.logits(moved) - head.logits(features)).max() < 5


def test_single_precision_is_enough(features, targets):
    single = fit_as_one_patient(features.astype(np.float32), targets.astype(np.float32))
    double = fit_as_one_patient(features, targets)
    np.testing.assert_allclose(single.logits(features), double.logits(features), atol=5e-3)


@pytest.mark.parametrize("n", [6, 60], ids=["fewer rows than features", "more rows"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multinomial_equals_scikit_learn(features, rng, n, dtype):
    codes = np.append([0, 1, 2], rng.integers(3, size=n - 3))
    features = features[:n].astype(dtype)
    head = fit_as_one_patient(features, np.eye(3, dtype=dtype)[codes], multinomial=True)
    z = standardise(features.astype(np.float64))
    expected = fit_reference(z, codes).predict_proba(z)
    got = softmax(head.logits(features), axis=1)
    np.testing.assert_allclose(got, expected, atol=1e-3)


@pytest.mark.parametrize("present", [[0], [1], [0, 2], [1, 3]])
def test_absent_classes_get_no_probability(features, rng, present):
    codes = np.append(present, rng.choice(present, size=60 - len(present)))
    groups = np.arange(60)
    head = fit_linear_heads(features, np.eye(4)[codes], groups, multinomial=True)
    p = softmax(head.logits(features), axis=1)
    absent = np.setdiff1d(np.arange(4), present)
    assert p[:, absent].max() < 1e-6
    if len(present) == 2:
        z = standardise(features)
        references = [fit_reference(z, codes, c).predict_proba(z) for c in _linear_head.C_VALUES]
        assert min(np.abs(p[:, present] - r).max() for r in references) < 1e-3


def make_patients(rng, n_patients=60, n_records=4, n_features=20):
    """Features identify the patient and nothing else; each patient has one label."""
    who = np.repeat(np.arange(n_patients), n_records)
    features = rng.normal(size=(n_patients, n_features))[who]
    features = features + 0.05 * rng.normal(size=features.shape)
    labels = rng.permutation(np.arange(n_patients) % 2).astype(float)[who]
    return features, labels, who


@pytest.mark.parametrize("multinomial", [False, True])
def test_penalty_is_chosen_on_other_patients(rng, multinomial):
    """Recognising patients helps on their own records and not on other patients."""
    features, labels, who = make_patients(rng)
    targets = np.column_stack([1 - labels, labels]) if multinomial else labels[:, None]
    by_patient, by_record = (
        fit_linear_heads(features, targets, groups, multinomial=multinomial).weight
        for groups in (who, np.arange(len(who)))
    )
    strongest, weakest = (
        fit_reference(standardise(features), labels, c).coef_ / features.std(axis=0)
        for c in (_linear_head.C_VALUES[0], _linear_head.C_VALUES[-1])
    )
    np.testing.assert_allclose(by_patient[-1], strongest[0], atol=1e-2)
    np.testing.assert_allclose(by_record[-1], weakest[0], atol=1e-2)
    assert np.linalg.norm(by_record) > 3 * np.linalg.norm(by_patient)


@settings(max_examples=15)
@given(n_patients=st.integers(2, 12), seed=st.integers(0, 1000))
def test_no_patient_is_on_both_sides_of_a_fold(n_patients, seed):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.append(np.arange(n_patients), rng.integers(n_patients, size=20)))
    # The labels encode the patient's number, which identifies rows in each fold.
    targets = (groups[:, None] >> np.arange(4) & 1).astype(float)
    kept, held_out = [], []
    fit, loss = _linear_head._fit, _linear_head._loss

    def patients_of(targets):
        return set((targets @ [1, 2, 4, 8]).astype(int).tolist())

    def watch_fit(z, targets, *rest):
        kept.append(patients_of(targets))
        return fit(z, targets, *rest)

    def watch_loss(targets, *rest):
        held_out.append(patients_of(targets))
        return loss(targets, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_linear_head, "_fit", watch_fit)
        patch.setattr(_linear_head, "_loss", watch_loss)
        fit_linear_heads(rng.normal(size=(len(groups), 3)), targets, groups, multinomial=False)
    everybody = set(range(n_patients))
    assert kept.pop() == everybody
    for some, others in zip(kept, held_out, strict=True):
        assert not some & others
        assert some | others == everybody
    assert set.union(*held_out) == everybody


def test_inputs_are_not_changed(features, targets):
    before = features.copy(), targets.copy()
    fit_linear_heads(features, targets, np.arange(60), multinomial=False)
    np.testing.assert_array_equal(features, before[0])
    np.testing.assert_array_equal(targets, before[1])


@pytest.mark.parametrize("n_features", [60, 61, 500, 2000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_more_features_than_records(rng, targets, n_features, dtype):
    """The solution in the space of the features, with a penalty that grows with their number."""
    mixing = rng.normal(size=(20, n_features))  # the records span twenty dimensions and noise
    features = (rng.normal(size=(60, 20)) @ mixing + rng.normal(size=(60, n_features))).astype(
        dtype
    )
    logits = fit_as_one_patient(features, targets).logits(features)
    z = standardise(features.astype(np.float64))
    c = MIDDLE_C * min(1, 500 / n_features)
    for label in range(3):
        reference = fit_reference(z, targets[:, label], c).decision_function(z)
        np.testing.assert_allclose(logits[:, label], reference, atol=5e-3)


def test_copies_of_a_feature_change_nothing(rng, targets):
    features = rng.normal(size=(60, 1000))
    once = fit_as_one_patient(features, targets).logits(features)
    copies = np.tile(features, 4)
    np.testing.assert_allclose(fit_as_one_patient(copies, targets).logits(copies), once, atol=1e-2)


def test_equal_records_give_zero_weights(targets):
    head = fit_as_one_patient(np.full((60, 100), 3.7), targets)
    np.testing.assert_allclose(head.weight, 0, atol=1e-6)


@pytest.mark.parametrize("multinomial", [False, True])
def test_many_features_predict_new_records(rng, multinomial):
    """Heads lie in the span of the training records; new records do not."""
    direction = rng.normal(size=3000)
    features = rng.normal(size=(300, 3000)) + np.outer(np.repeat([-0.1, 0.1], 150), direction)
    true = np.repeat([0.0, 1.0], 150)
    targets = np.column_stack([1 - true, true]) if multinomial else true[:, None]
    kept = np.arange(300) % 3 > 0
    head = fit_linear_heads(
        features[kept], targets[kept], np.arange(kept.sum()), multinomial=multinomial
    )
    logits = head.logits(features[~kept])
    assert (((logits[:, -1] - logits[:, 0] * multinomial) > 0) == true[~kept]).mean() > 0.9


@pytest.fixture(scope="module")
def many_features():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(N_MANY_FEATURES, N_MANY_FEATURES)) * 10.0 ** rng.uniform(
        -1, 1, N_MANY_FEATURES
    )
    return (rng.normal(size=(2000, N_MANY_FEATURES)) @ mixing).astype(np.float32)


@pytest.fixture(scope="module")
def many_z(many_features):
    features = many_features.astype(np.float64)
    return (features - features.mean(axis=0)) / features.std(axis=0)


@pytest.fixture(scope="module")
def many_targets(many_z):
    """Labels of prevalence 1 / 200 to 1 / 2, well separated by the features."""
    rng = np.random.default_rng(1)
    odds = 10 ** rng.uniform(-2.3, 0, size=N_MANY_LABELS)
    logits = many_z @ rng.normal(size=(N_MANY_FEATURES, N_MANY_LABELS)) * 0.4 + np.log(odds)
    targets = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    targets[0], targets[1] = 0, 1
    targets[rng.random(targets.shape) < 0.1] = np.nan
    return targets


@pytest.mark.parametrize("c", [_linear_head.C_VALUES[0], _linear_head.C_VALUES[-1]])
def test_each_of_many_labels_is_logistic_regression(
    monkeypatch, many_features, many_z, many_targets, c
):
    monkeypatch.setattr(_linear_head, "C_VALUES", (c,))
    logits = fit_as_one_patient(many_features, many_targets).logits(many_features)
    for label in range(0, N_MANY_LABELS, 15):
        known = ~np.isnan(many_targets[:, label])
        reference = LogisticRegression(C=c, max_iter=10_000, tol=1e-8)
        reference.fit(many_z[known], many_targets[known, label])
        np.testing.assert_allclose(logits[:, label], reference.decision_function(many_z), atol=5e-3)


def test_label_is_fitted_equally_alone_and_among_others(many_features, many_targets):
    among = fit_as_one_patient(many_features, many_targets).logits(many_features)
    for label in range(0, N_MANY_LABELS, 15):
        alone = fit_as_one_patient(many_features, many_targets[:, [label]]).logits(many_features)
        np.testing.assert_allclose(among[:, [label]], alone, atol=4e-3)


@pytest.mark.parametrize("value", [0.0, 4.0])
@pytest.mark.parametrize("multinomial", [False, True])
def test_constant_features_give_the_prevalence(value, multinomial):
    """As of an encoder whose units are all dead."""
    true = np.arange(40) % 4 == 0
    targets = np.column_stack([~true, true]).astype(np.float32)
    head = fit_linear_heads(
        np.full((40, 5), value, dtype=np.float32), targets, np.arange(40), multinomial=multinomial
    )
    logits = head.logits(np.full((1, 5), value))[0]
    if multinomial:
        logits = logits - logits[::-1]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), [0.75, 0.25], atol=1e-3)
    assert not head.weight.any()


def test_missing_labels_do_not_affect_the_penalty():
    """As negatives, the many that look positive would select the strongest penalty."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3))
    targets = (features[:, [0]] > 0).astype(float)
    unknown = np.arange(400) >= 200
    features[unknown, 0] = 1 + np.abs(features[unknown, 0])
    targets[unknown] = np.nan
    head = fit_linear_heads(features, targets, np.arange(400), multinomial=False)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    weakest = LogisticRegression(C=_linear_head.C_VALUES[-1], tol=1e-8)
    weakest.fit(z[~unknown], targets[~unknown, 0])
    np.testing.assert_allclose(head.logits(features)[:, 0], weakest.decision_function(z), atol=5e-3)


def test_sample_weight_equals_scikit_learns():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 4))
    y = (features[:, 0] + rng.normal(size=200) > 0).astype(float)
    weight = rng.uniform(0.1, 1, size=200)
    head = fit_linear_heads(features, y[:, None], np.zeros(200), weight, multinomial=False)
    mean = np.average(features, axis=0, weights=weight)
    scale = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weight))
    z = (features - mean) / scale
    expected = LogisticRegression(C=1e-2, tol=1e-8).fit(z, y, sample_weight=weight)
    np.testing.assert_allclose(head.weight * scale, expected.coef_, atol=1e-3)
    np.testing.assert_allclose(head.bias + head.weight @ mean, expected.intercept_, atol=1e-3)


def test_logits_are_float64():
    head = LinearHead(np.array([[1.0, 2.0]], dtype=np.float32), np.array([0.5], dtype=np.float32))
    logits = head.logits(np.array([[1.0, 1.0], [0.0, 2.0]], dtype=np.float32))
    assert logits.dtype == np.float64
    assert logits.tolist() == [[3.5], [4.5]]


def test_late_fusion_of_one_block_is_the_linear_head(features, targets):
    patients = np.arange(len(features))
    one = fit_linear_heads(features, targets, patients, multinomial=False)
    fused = fit_late_fusion([features], targets, patients, multinomial=False)
    np.testing.assert_array_equal(one.weight, fused.weight)
    np.testing.assert_array_equal(one.bias, fused.bias)


def test_late_fusion_uses_every_block(rng):
    """Two blocks that each know half of the label rank better than either; noise costs little."""
    n, patients = 600, np.arange(600)
    blocks = [rng.normal(size=(n, 5)) for _ in range(2)]
    noise = (rng.random((n, 40)) < 0.5).astype(float)
    log_odds = 2 * (blocks[0][:, 0] + blocks[1][:, 0])
    y = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(float)[:, None]
    train, test = slice(0, 300), slice(300, None)

    def score(parts):
        head = fit_late_fusion(
            [part[train] for part in parts], y[train], patients[train], multinomial=False
        )
        assert head.weight.shape == (1, sum(part.shape[1] for part in parts))
        return roc_auc_score(y[test], head.logits(np.concatenate(parts, axis=1)[test]))

    alone = [score([block]) for block in blocks]
    fused = score([*blocks, noise])
    assert fused > max(alone) + 0.05
    assert fused > 0.85


def test_late_fusion_of_a_label_without_both_classes_is_its_base_rate(features, targets):
    targets[:, 0] = 0
    blocks = [features, features**2]
    head = fit_late_fusion(blocks, targets, np.arange(len(features)), multinomial=False)
    np.testing.assert_array_equal(head.weight[0], 0)
    assert head.bias[0] == pytest.approx(np.log(0.5 / 60.5))


def test_late_fusion_of_classes(rng):
    blocks = [rng.normal(size=(150, 3)) for _ in range(2)]
    codes = (blocks[0] + blocks[1]).argmax(axis=1)
    head = fit_late_fusion(blocks, np.eye(3)[codes], np.arange(150), multinomial=True)
    assert (head.logits(np.concatenate(blocks, axis=1)).argmax(axis=1) == codes).mean() > 0.85
