"""Laboratory inputs and targets from ``labevents``."""

from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgsk.datasets._mimic_iv._drift import MARGIN_SECONDS
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError

_LIST_COLUMNS = ["itemid", "name", "fluid", "unit", "other_units", "low", "high"]
_LIST_NUMBERS = ["itemid", "low", "high"]
# Spelling of units differs between tables and versions: "mm Hg" and "mmHg", two signs for micro.
_PLAIN_UNIT = r"regexp_replace(translate(lower({}), 'µμ', 'uu'), '\s', '', 'g')"

#: SQL aggregate of the values within a window; at equal times, the first item of the list wins.
AGGREGATES = {
    "nearest": "first(value ORDER BY abs(seconds), seconds, item, event)",
    "first": "first(value ORDER BY seconds, item, event)",
    "last": "first(value ORDER BY seconds DESC, item, event)",
    "min": "min(value)",
    "max": "max(value)",
    "mean": "avg(value)",
    # A slope needs values at two or more times.
    "slope": "CASE WHEN min(seconds) < max(seconds) THEN regr_slope(value, seconds / 3600) END",
}
# ECGs per aggregation query; bounds its memory.
_BLOCK_SIZE = 50_000


class Laboratory(NamedTuple):
    """Laboratory inputs, targets and reference ranges of every ECG."""

    inputs: pd.DataFrame
    values: pd.DataFrame
    abnormalities: pd.DataFrame
    reference_ranges: pd.DataFrame
    counts: pd.DataFrame


def join_labs(
    tables: MimicTables,
    items: pd.DataFrame,
    input_window: tuple[float, float],
    aggregates: Sequence[str],
    target_window: tuple[float, float],
    n_records: int,
    *,
    keep_empty: bool,
) -> Laboratory:
    """Join laboratory values as inputs and as targets, with windows in seconds after the ECG.

    `keep_empty` keeps targets without a single value.
    """
    names = items["name"].unique().tolist()
    start = min(input_window[0], target_window[0])
    end = max(input_window[1], target_window[1])
    counts = find_labs(tables, items, start, end)
    inputs = input_labs(tables, input_window, names, aggregates, n_records)
    values, abnormalities = target_labs(tables, target_window, names, n_records)
    if not keep_empty:
        values = values.dropna(axis=1, how="all")
    ranges = reference_ranges(tables, items, values.columns.tolist())
    return Laboratory(inputs, values, abnormalities, ranges, counts)


def laboratory_list(labs: Sequence[str] | pd.DataFrame | None = None) -> pd.DataFrame:
    """Select the laboratory tests to join, by name, or return the user's own list.

    A value beyond ``low`` or ``high`` is implausible; ``|`` separates ``other_units``.
    Several rows may share a name: at equal times the first row's value wins.
    """
    if isinstance(labs, pd.DataFrame):
        if absent := [column for column in _LIST_COLUMNS if column not in labs.columns]:
            raise ECGError(
                f"load_mimic_iv: labs= lacks the column {', '.join(absent)}. "
                f"Give a DataFrame with columns {', '.join(_LIST_COLUMNS)}."
            )
        return _checked_list(labs.reset_index(drop=True))
    path = files("ecgsk.datasets") / "data" / "mimic_iv_labs.csv"
    with path.open(encoding="utf-8") as file:
        known = pd.read_csv(file, dtype={"unit": str, "other_units": str}, keep_default_na=False)
    if labs is None:
        return known
    if unknown := sorted(set(labs) - set(known["name"])):
        raise ECGError(
            f"load_mimic_iv: unknown laboratory {', '.join(unknown)} in labs=; known are "
            f"{', '.join(known['name'].unique())}. Give a DataFrame to add others."
        )
    return known[known["name"].isin(labs)].reset_index(drop=True)


def _checked_list(labs: pd.DataFrame) -> pd.DataFrame:
    """Return a user's list with numbers where numbers belong; raise where it has none."""
    if repeated := labs.columns[labs.columns.duplicated()].tolist():
        raise ECGError(
            f"load_mimic_iv: labs= has several columns called {repeated[0]!r}. Drop all but one."
        )
    numbers = {name: pd.to_numeric(labs[name], errors="coerce") for name in _LIST_NUMBERS}
    wrong = {name: labs[name].notna() & numbers[name].isna() for name in ("low", "high")}
    wrong["itemid"] = numbers["itemid"].isna() | (numbers["itemid"] % 1 != 0)
    wrong["name"] = labs["name"].map(lambda name: not isinstance(name, str) or not name)
    for name, rows in wrong.items():
        if rows.any():
            raise ECGError(
                f"load_mimic_iv: expected {'text' if name == 'name' else 'numbers'} in the column "
                f"{name} of labs=, got {labs.loc[rows, name].iloc[0]!r}. Correct that row."
            )
    return labs.assign(**numbers).astype({"itemid": "int64"})


def find_labs(tables: MimicTables, items: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """Collect, in one pass, laboratory values of each patient near the time of the ECG.

    Makes the views ``near_labs`` and, of a wider window, ``usable_labs``: ``ecg``, ``lab``
    (number of the name), ``seconds`` after the ECG, ``item`` (position in the list),
    ``event``, ``value``, ``low`` and ``high`` (the row's own reference range). Returns how
    many values were found per test, how many were left out for their unit or as implausible,
    and how many texts were no numbers.
    """
    kinds = {"labevent_id": "BIGINT", "subject_id": "BIGINT", "itemid": "BIGINT"}
    kinds |= {"charttime": "TIMESTAMP", "valuenum": "DOUBLE", "valueuom": "VARCHAR"}
    kinds |= {"ref_range_lower": "DOUBLE", "ref_range_upper": "DOUBLE"}
    tables.view("hosp", "labevents", kinds)
    tables.view("hosp", "d_labitems", {"itemid": "BIGINT", "fluid": "VARCHAR"})
    tables.check_unique("d_labitems", "itemid")
    listed = items[_LIST_COLUMNS].fillna({"unit": "", "other_units": ""})
    listed = listed.assign(item=items.index, lab=pd.factorize(items["name"])[0])
    # A column with only missing bounds has dtype object.
    tables.register("lab_items", listed.astype({"low": float, "high": float}))
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE nearby_labs AS
        SELECT e.ecg, i.lab, epoch(l.charttime) - epoch(e.ecg_time) AS seconds,
            i.item, l.labevent_id AS event, l.valuenum AS value,
            l.ref_range_lower AS low, l.ref_range_upper AS high,
            l.valueuom IS NULL OR i.unit = '' OR list_contains(
                string_split({_PLAIN_UNIT.format("i.unit || '|' || i.other_units")}, '|'),
                {_PLAIN_UNIT.format("l.valueuom")}) AS unit_known,
            coalesce(l.valuenum >= i.low, true) AND coalesce(l.valuenum <= i.high, true)
                AS plausible,
            coalesce(l.valuenum_unread, false) AS unread,
            coalesce(l.ref_range_lower_unread, false) AS low_unread,
            coalesce(l.ref_range_upper_unread, false) AS high_unread
        FROM labevents l
        JOIN lab_items i ON l.itemid = i.itemid
        JOIN d_labitems d ON d.itemid = i.itemid AND lower(d.fluid) = lower(i.fluid)
        JOIN ecgs e ON l.subject_id = e.subject_id
            AND epoch(l.charttime) - epoch(e.ecg_time)
                BETWEEN {start - MARGIN_SECONDS} AND {end + MARGIN_SECONDS}
        WHERE isfinite(l.valuenum) OR l.valuenum_unread"""
    )
    tables.execute(
        """CREATE OR REPLACE TEMP VIEW usable_labs AS
        SELECT * FROM nearby_labs WHERE unit_known AND plausible AND NOT unread"""
    )
    within = f"seconds BETWEEN {start} AND {end}"
    tables.execute(
        f"CREATE OR REPLACE TEMP VIEW found_labs AS SELECT * FROM nearby_labs WHERE {within}"
    )
    tables.execute(
        f"CREATE OR REPLACE TEMP VIEW near_labs AS SELECT * FROM usable_labs WHERE {within}"
    )
    counts = tables.query(
        """SELECT lab, count(*) FILTER (NOT unread) AS found,
            count(*) FILTER (NOT unread AND NOT unit_known) AS other_unit,
            count(*) FILTER (NOT unread AND unit_known AND NOT plausible) AS implausible,
            count(*) FILTER (unread) AS not_a_number
        FROM found_labs GROUP BY lab"""
    )
    tables.note_unread("labevents", "valuenum", int(counts["not_a_number"].sum()))
    sides = {"ref_range_lower": "low_unread", "ref_range_upper": "high_unread"}
    tables.count_unread("found_labs", sides, file="labevents")
    names = items["name"].unique()
    counts = counts.set_index("lab").reindex(range(len(names)), fill_value=0)
    return counts.set_index(pd.Index(names, name="name"))


def input_labs(
    tables: MimicTables,
    window: tuple[float, float],
    names: list[str],
    aggregates: Sequence[str],
    n_records: int,
) -> pd.DataFrame:
    """Aggregate the values within the input window; a slope is in units per hour.

    ``"potassium"`` is the nearest value, ``"potassium min"`` and so on are the others.
    """
    found = {name: np.full((n_records, len(names)), np.nan) for name in aggregates}
    columns = ", ".join(f"{AGGREGATES[name]} AS _{name}" for name in aggregates)
    _aggregate(tables, window, columns, {f"_{name}": table for name, table in found.items()})
    titles = {name: "" if name == "nearest" else f" {name}" for name in aggregates}
    return pd.DataFrame(
        {
            f"{lab}{titles[name]}": found[name][:, col]
            for col, lab in enumerate(names)
            for name in aggregates
        }
    )


def target_labs(
    tables: MimicTables, window: tuple[float, float], names: list[str], n_records: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the nearest value with the reference range delivered with it.

    An abnormality is NaN where not measured or delivered without that bound. A direction
    without a bound in any row has no column.
    """
    found = {key: np.full((n_records, len(names)), np.nan) for key in ("value", "low", "high")}
    nearest = AGGREGATES["nearest"].replace(
        "first(value", "first({'value': value, 'low': value < low, 'high': value > high}"
    )
    _aggregate(tables, window, f"unnest({nearest})", found)
    abnormalities = pd.DataFrame(
        {
            f"{lab} {side}": found[side][:, col]
            for col, lab in enumerate(names)
            for side in ("low", "high")
        }
    )
    values = pd.DataFrame(found["value"], columns=names)
    return values, abnormalities.dropna(axis="columns", how="all")


def _aggregate(
    tables: MimicTables, window: tuple[float, float], columns: str, arrays: dict[str, np.ndarray]
) -> None:
    """Fill arrays with aggregates of each ECG's values of each laboratory test."""
    start, end = window
    for first in range(0, len(next(iter(arrays.values()))), _BLOCK_SIZE):
        tables.fill(
            f"""SELECT ecg, lab AS col, {columns} FROM near_labs
            WHERE ecg BETWEEN {first} AND {first + _BLOCK_SIZE - 1}
                AND seconds BETWEEN {start} AND {end}
            GROUP BY ecg, lab""",
            arrays,
        )


def reference_ranges(tables: MimicTables, items: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the most frequent reference range of each laboratory test, in its unit."""
    ranges = tables.query(
        """SELECT name, low, high FROM (
            SELECT lab, low, high, row_number() OVER (
                PARTITION BY lab ORDER BY count(*) DESC, low, high) AS frequency_rank
            FROM near_labs WHERE coalesce(low, high) IS NOT NULL GROUP BY lab, low, high
        ) JOIN (SELECT DISTINCT lab, name FROM lab_items) USING (lab)
        WHERE frequency_rank = 1"""
    ).set_index("name")
    ranges = ranges.reindex(names).astype({"low": np.float64, "high": np.float64})
    units = items.drop_duplicates("name").set_index("name")["unit"].fillna("")
    return ranges.assign(unit=units.reindex(names)).rename_axis(None)
