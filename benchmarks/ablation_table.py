"""Table of an ablation: AUROC, its spread, and differences to the signal alone over cohorts.

Used by ablation.py.
"""

import json
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgsk.evaluation import ARMS
from ecgsk.metrics import combine_cohorts, patient_bootstrap

SIGNAL, JOINT = "signal only", "joint embedding"


@dataclass(frozen=True)
class Run:
    """Scores of the finished arms of one cohort and start in one setting."""

    cohort: int
    start: int
    counts: dict
    scores: dict
    cpu_seconds: dict


def print_table(folder, settings, arms, n_resamples):
    """Print one table for each setting with finished runs, and two of all settings."""
    of_settings = {}
    for setting in settings:
        paths = sorted((folder / setting).glob("cohort*-start*/test.npz"))
        runs = [read_run(path.parent, n_resamples) for path in paths]
        if runs:
            of_settings[setting] = print_setting(setting, runs, arms)
    if not of_settings:
        raise SystemExit(f"expected finished runs of ablation.py run in {folder}, found none")
    for baseline in (SIGNAL, JOINT):
        print_summary(of_settings, arms, baseline)


def print_summary(of_settings, arms, baseline):
    """Print the differences to a baseline in all settings."""
    columns = {}
    for setting, table in of_settings.items():
        cells = table[f"minus {baseline} [95 %]"].mask(
            table["arm"] == baseline, "AUROC " + table["AUROC"]
        )
        columns[setting] = cells.set_axis(table["arm"])
    summary = pd.DataFrame(columns).reindex(arms).dropna(how="all").fillna("")
    print(f"\n### all settings: minus {baseline} [95 %], sign of each cohort\n")
    print(to_markdown(summary.rename_axis("arm").reset_index()))


def read_run(folder, n_resamples):
    """Score the finished arms of a run, all on the same resampled patients."""
    cohort, start = (int(part) for part in folder.name[len("cohort") :].split("-start"))
    with np.load(folder / "test.npz") as file:
        Y, patients, test = file["Y"], file["patients"], file["test"]
        counts = json.loads(str(file["counts"]))
    scores, seconds = {}, {}
    for path in sorted(folder.glob("*.npz")):
        if path.name == "test.npz":
            continue
        with np.load(path) as file:
            np.testing.assert_array_equal(file["test"], test)
            scores[str(file["arm"])] = patient_bootstrap(
                Y, file["P"], groups=patients, n_resamples=n_resamples, random_state=0
            )
            seconds[str(file["arm"])] = float(file["cpu_seconds"])
    return Run(cohort, start, counts, scores, seconds)


def print_setting(setting, runs, arms):
    """Print and return the table of the arms that every run has fitted."""
    common = [arm for arm in arms if all(arm in run.scores for run in runs)]
    incomplete = sorted({arm for run in runs for arm in run.scores} - set(common))
    by_cohort = defaultdict(list)
    for run in runs:
        by_cohort[run.cohort].append(run)
    n_starts = sorted({len(starts) for starts in by_cohort.values()})
    print(f"\n### {setting}: cohorts {sorted(by_cohort)}, starts of each: {n_starts}\n")
    print_counts(runs)
    print()
    table = build(common, list(by_cohort.values()))
    print(to_markdown(table))
    if incomplete:
        print(f"\nNot finished in every run: {', '.join(incomplete)}.")
    return table


def print_counts(runs):
    """Print the mean numbers of records and patients of each side."""
    for side in ("labelled", "pretraining", "test"):
        records, patients = np.mean([run.counts[side] for run in runs], axis=0)
        print(f"* {side}: {records:,.0f} records of {patients:,.0f} patients")


def build(arms, cohorts):
    """Return the table: one row for each arm."""
    auroc = {
        arm: [[run.scores[arm].estimate for run in starts] for starts in cohorts] for arm in arms
    }
    mean = {arm: np.mean([np.mean(starts) for starts in of]) for arm, of in auroc.items()}
    summaries = {of: summarise(arms, cohorts, of) for of in (SIGNAL, JOINT) if of in arms}
    multimodal = [arm for arm in arms if ARMS[arm].is_multimodal]
    reference = max(multimodal, key=mean.get, default=None)
    rows = []
    for arm in arms:
        row = {"arm": arm, "AUROC": f"{mean[arm]:.3f}"}
        row["SD cohorts"] = sd([np.mean(of) for of in auroc[arm]])
        row["SD starts"] = sd_of_starts(auroc[arm])
        for baseline, summary in summaries.items():
            row |= difference_cells(summary, arm, baseline)
        row["gap closed"] = ""
        if reference is not None and SIGNAL in arms and not ARMS[arm].is_multimodal:
            row["gap closed"] = gap_text(auroc, arm, reference) if arm != SIGNAL else ""
        elif arm == reference:
            row["gap closed"] = "reference"
        runs = [run for starts in cohorts for run in starts]
        row["CPU s"] = f"{np.mean([run.cpu_seconds[arm] for run in runs]):.0f}"
        rows.append(row)
    return pd.DataFrame(rows)


def summarise(arms, cohorts, baseline):
    """Return the differences of the other arms to a baseline over cohorts and starts."""
    differences = {
        arm: [[run.scores[arm] - run.scores[baseline] for run in starts] for starts in cohorts]
        for arm in arms
        if arm != baseline
    }
    if len(cohorts) > 1 and differences:
        return combine_cohorts(differences)
    return of_one_cohort(differences)


def difference_cells(summary, arm, baseline):
    """Return the cells of an arm's difference to a baseline, empty for the baseline itself.

    A difference is bold if p is below .05, corrected for the comparisons of the setting.
    """
    difference, p = f"minus {baseline} [95 %]", f"p, Holm ({baseline})"
    if arm not in summary.index:
        return {difference: "", p: ""}
    s = summary.loc[arm]
    bold = "**" if s["p_adjusted"] < 0.05 else ""
    interval = f"{s['estimate']:+.3f} [{s['low']:+.3f}, {s['high']:+.3f}]"
    return {difference: f"{bold}{interval} {s['signs']}{bold}", p: format_p(s["p_adjusted"])}


def of_one_cohort(differences):
    """Return intervals over the test patients of the only cohort, without a p-value."""
    rows = {}
    for arm, ((first, *rest),) in differences.items():
        starts = [first, *rest]
        distribution = np.mean([r.distribution for r in starts], axis=0)
        low, high = np.quantile(distribution, [0.025, 0.975])
        estimate = np.mean([r.estimate for r in starts])
        signs = "+" if low > 0 else "-" if high < 0 else "."
        rows[arm] = {
            "estimate": estimate, "low": low, "high": high, "signs": signs, "p_adjusted": np.nan
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index")


def gap_text(auroc, arm, reference):
    """Return the share of the gap that the arm closes, with the range of the cohorts."""
    means = {
        name: np.array([np.mean(of) for of in auroc[name]]) for name in (arm, SIGNAL, reference)
    }
    gain, gap = means[arm] - means[SIGNAL], means[reference] - means[SIGNAL]
    if not (gap > 0).all():
        return "no gap"
    share = gain.mean() / gap.mean()
    spread = f" ({min(gain / gap):.0%} to {max(gain / gap):.0%})" if len(gap) > 1 else ""
    return f"{share:.0%}{spread}"


def sd(values):
    """Return a standard deviation as text."""
    return f"{np.std(values, ddof=1):.3f}" if len(values) > 1 else ""


def sd_of_starts(of_cohorts):
    """Return the standard deviation over starts within a cohort, pooled, as text."""
    several = [starts for starts in of_cohorts if len(starts) > 1]
    if not several:
        return ""
    squares = sum((len(s) - 1) * np.var(s, ddof=1) for s in several)
    return f"{np.sqrt(squares / sum(len(s) - 1 for s in several)):.4f}"


def format_p(p):
    """Return a p-value as text, never 0."""
    return "" if np.isnan(p) else "<.001" if p < 0.001 else f"{p:.3f}"


def to_markdown(frame):
    """Return a table of strings as Markdown."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * len(frame.columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in frame.to_numpy()])
