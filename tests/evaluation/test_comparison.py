"""What a comparison says of its scores."""

import numpy as np
import pytest

from ecgsk.evaluation import ARMS, OURS, ArmsComparison, ArmScore
from ecgsk.metrics import patient_bootstrap

SIGNAL, MULTIMODAL = "signal only", "multimodal (ECG + table at inference)"


@pytest.fixture(scope="module")
def simulated():
    """Arms whose scores carry as much of the truth as one asks for, on n patients."""

    def simulate(noise: dict[str, float], n: int = 300) -> ArmsComparison:
        rng = np.random.default_rng(0)
        Y = rng.integers(0, 2, (n, 3)).astype(float)
        scores = []
        for arm, level in noise.items():
            P = Y + level * rng.normal(size=Y.shape)
            auroc, auprc = (
                patient_bootstrap(
                    Y, P, np.arange(n), statistic=name, n_resamples=200, random_state=0
                )
                for name in ("roc_auc", "average_precision")
            )
            scores.append(ArmScore(1.0, 0, arm, n, auroc, auprc, 0.0, model=None))
        return ArmsComparison(scores, np.arange(n), np.arange(n), n)

    return simulate


@pytest.mark.parametrize(
    ("noise", "verdict"), [(3.0, "better"), (0.3, "worse"), (1.0, "not shown")]
)
def test_verdict_where_the_interval_is_on_one_side(simulated, noise, verdict):
    comparison = simulated({SIGNAL: noise, OURS: 1.0})
    assert comparison.differences()["verdict"].tolist() == [verdict]
    assert verdict in comparison.summary()


def test_few_patients_give_no_verdict(simulated):
    comparison = simulated({SIGNAL: 10.0, OURS: 0.01}, n=19)
    assert comparison.differences()["verdict"].tolist() == ["too few patients"]
    assert comparison.summary().startswith("Only 19 test patients have labels")


def test_without_our_arm_there_is_nothing_to_compare(simulated):
    comparison = simulated({SIGNAL: 1.0})
    assert comparison.differences().empty
    assert comparison.gap_closed().empty
    assert comparison.summary() == ""


def test_laboratories_have_a_column_for_each_arm_with_an_embedding(comparison):
    table = comparison.laboratories()
    arms = [arm for arm in ARMS if arm not in ("table only", MULTIMODAL)]
    assert table.columns.tolist() == ["target", "label_fraction", "archive", *arms]
    assert len(table) == 2 * table["target"].nunique()
    scores = comparison.to_frame().set_index(["label_fraction", "arm"])["laboratory_auroc"]
    for fraction, part in table.groupby("label_fraction"):
        for arm in arms:
            assert scores[fraction, arm] == pytest.approx(part[arm].mean(), nan_ok=True)


def test_plot_has_a_panel_for_each_setting(comparison):
    assert len(comparison.plot().axes) == 2
