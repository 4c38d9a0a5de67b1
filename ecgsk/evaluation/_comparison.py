"""What a comparison of arms returns: scores, paired differences, gap closed."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ecgsk.estimators import ECGDiagnosisClassifier
from ecgsk.evaluation._arms import MATCHED, MULTIMODAL, OURS, SELF_SUPERVISED, SIGNAL
from ecgsk.metrics import BootstrapResult, gap_closed
from ecgsk.plotting import plot_arms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SETTING = ("label_fraction", "archive")
# A bootstrap over fewer patients than this says less than it seems to.
FEWEST_PATIENTS = 20


@dataclass(frozen=True)
class ArmScore:
    """One arm in one setting, on the test patients.

    Attributes
    ----------
    label_fraction : float
        Share of the training patients whose labels were used.
    archive : int
        Records without labels that took part in stage (i).
    arm : str
        Name of the arm.
    n_labelled : int
        Labelled training records.
    auroc, auprc : BootstrapResult
        Macro scores with patient-bootstrap intervals; all arms of a
        comparison share their resamples.
    seconds : float
        Wall time of the fit, without a pre-training that another arm did.
    model : ECGDiagnosisClassifier
        The fitted arm.
    labs : Series or None
        AUROC of each laboratory abnormality from the arm's embedding.
    """

    label_fraction: float
    archive: int
    arm: str
    n_labelled: int
    auroc: BootstrapResult
    auprc: BootstrapResult
    seconds: float
    model: ECGDiagnosisClassifier = field(repr=False)
    labs: pd.Series | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ArmsComparison:
    """Scores of all arms, and what may be said of them.

    Attributes
    ----------
    scores : list of ArmScore
        One per arm and setting.
    train, test : ndarray of int
        Row numbers of X on either side of the split; no patient is on both.
    n_test_patients : int
        Test patients with labels: those that the intervals are over.
    """

    scores: list[ArmScore] = field(repr=False)
    train: np.ndarray = field(repr=False)
    test: np.ndarray = field(repr=False)
    n_test_patients: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row per arm and setting.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``n_labelled``, ``arm``,
            ``macro_auroc`` and ``macro_auprc`` with the bounds of their 95 %
            intervals (``auroc_low``, ...), ``laboratory_auroc`` (mean over
            targets) and ``seconds``.
        """
        return pd.DataFrame(
            {
                "label_fraction": s.label_fraction,
                "archive": s.archive,
                "n_labelled": s.n_labelled,
                "arm": s.arm,
                "macro_auroc": s.auroc.estimate,
                "auroc_low": s.auroc.low,
                "auroc_high": s.auroc.high,
                "macro_auprc": s.auprc.estimate,
                "auprc_low": s.auprc.low,
                "auprc_high": s.auprc.high,
                "laboratory_auroc": float("nan") if s.labs is None else s.labs.mean(),
                "seconds": s.seconds,
            }
            for s in self.scores
        )

    def differences(self) -> pd.DataFrame:
        """Return the joint embedding minus each other arm, paired on the same patients.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``arm``, ``auroc_difference`` with
            ``low`` and ``high``, the same for ``auprc_difference``, and
            ``verdict``: "better" or "worse" where the AUROC's interval is on
            one side of zero, else "not shown"; "too few patients" where under
            20 test patients have labels.
        """
        rows = []
        for setting, arms in self._settings():
            for name, score in arms.items():
                if name == OURS or OURS not in arms:
                    continue
                auroc, auprc = arms[OURS].auroc - score.auroc, arms[OURS].auprc - score.auprc
                rows.append(
                    dict(zip(_SETTING, setting, strict=True))
                    | {
                        "arm": name,
                        "auroc_difference": auroc.estimate,
                        "auroc_low": auroc.low,
                        "auroc_high": auroc.high,
                        "auprc_difference": auprc.estimate,
                        "auprc_low": auprc.low,
                        "auprc_high": auprc.high,
                        "verdict": self._verdict(auroc.low, auroc.high),
                    }
                )
        return pd.DataFrame(rows)

    def gap_closed(self) -> pd.DataFrame:
        """Return which share of the way to the multimodal arm the joint embedding goes.

        (ours - baseline) / (multimodal - baseline) in macro AUROC. The
        paper's headline takes the compute-matched signal arm as baseline.

        Returns
        -------
        DataFrame
            ``label_fraction``, ``archive``, ``baseline``, ``gap_closed``,
            ``low`` and ``high``; an interval is infinite where the data do not
            tell that there is a gap.
        """
        rows = []
        for setting, arms in self._settings():
            for baseline in (MATCHED, SIGNAL, SELF_SUPERVISED):
                if not {baseline, OURS, MULTIMODAL} <= set(arms):
                    continue
                share = gap_closed(*(arms[a].auroc for a in (OURS, baseline, MULTIMODAL)))
                rows.append(
                    dict(zip(_SETTING, setting, strict=True))
                    | {
                        "baseline": baseline,
                        "gap_closed": share.estimate,
                        "low": share.low,
                        "high": share.high,
                    }
                )
        return pd.DataFrame(rows)

    def laboratories(self) -> pd.DataFrame:
        """Return the AUROC of each laboratory abnormality.

        Returns
        -------
        DataFrame
            One row per label fraction, archive and target; one column per arm
            that has an embedding of the ECG. NaN where the test patients
            show one class only.
        """
        columns = {
            (s.label_fraction, s.archive, s.arm): s.labs for s in self.scores if s.labs is not None
        }
        if not columns:
            return pd.DataFrame()
        frame = pd.DataFrame(columns)
        frame.columns.names = [*_SETTING, "arm"]
        frame.index.name = "target"
        arms = list(dict.fromkeys(name for _, _, name in columns))
        stacked = frame.stack(list(_SETTING), future_stack=True)[arms]
        stacked.columns.name = None
        return stacked.reset_index().sort_values(list(_SETTING), kind="stable", ignore_index=True)

    def summary(self) -> str:
        """Return, in plain words, against whom the joint embedding is shown to be better."""
        lines = []
        if self.n_test_patients < FEWEST_PATIENTS:
            lines.append(
                f"Only {self.n_test_patients} test patients have labels: the intervals say nothing."
            )
        for row in self.differences().itertuples():
            lines.append(
                f"{row.label_fraction:.0%} of labels, archive of {row.archive:,}: joint embedding "
                f"- {row.arm}: {row.auroc_difference:+.3f} "
                f"[{row.auroc_low:+.3f}, {row.auroc_high:+.3f}] AUROC: {row.verdict}"
            )
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Draw the macro AUROC of each arm with its interval, one panel per setting."""
        return plot_arms(self.to_frame(), highlight=OURS)

    def _verdict(self, low: float, high: float) -> str:
        if self.n_test_patients < FEWEST_PATIENTS:
            return "too few patients"
        return "better" if low > 0 else "worse" if high < 0 else "not shown"

    def _settings(self):
        settings: dict[tuple[float, int], dict[str, ArmScore]] = {}
        for score in self.scores:
            settings.setdefault((score.label_fraction, score.archive), {})[score.arm] = score
        return settings.items()
