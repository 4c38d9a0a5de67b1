"""Laboratory values: which, and how they become inputs and targets."""

from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError

_LIST_COLUMNS = ["itemid", "name", "fluid", "unit", "other_units", "low", "high"]
# Unit spelling differs between tables and their versions: "mm Hg", "mmHg"; two signs for micro.
_PLAIN_UNIT = r"regexp_replace(translate(lower({}), 'µμ', 'uu'), '\s', '', 'g')"


#: How the values within a window become one; at one time the list's order decides.
AGGREGATES = {
    "nearest": "first(value ORDER BY abs(seconds), seconds, item, event)",
    "first": "first(value ORDER BY seconds, item, event)",
    "last": "first(value ORDER BY seconds DESC, item, event)",
    "min": "min(value)",
    "max": "max(value)",
    "mean": "avg(value)",
    # A line through values of one time has no slope.
    "slope": "CASE WHEN min(seconds) < max(seconds) THEN regr_slope(value, seconds / 3600) END",
}
# Values of so many ECGs are aggregated at once: what bounds the memory it takes.
_BLOCK = 50_000


class Laboratory(NamedTuple):
    """What is known of the laboratory values around every ECG."""

    inputs: pd.DataFrame
    values: pd.DataFrame
    abnormalities: pd.DataFrame
    reference_ranges: pd.DataFrame
    counts: pd.DataFrame


def join_labs(
    tables: MimicTables,
    labs: Sequence[str] | pd.DataFrame | None,
    input_window: tuple[float, float],
    aggregates: Sequence[str],
    target_window: tuple[float, float],
    n_records: int,
) -> Laboratory:
    """Join laboratory values as inputs and as targets; windows are in seconds.

    Where `labs` is None, a laboratory no ECG has a target value of is left out
    of the targets.
    """
    items = laboratory_list(labs)
    names = items["name"].unique().tolist()
    start = min(input_window[0], target_window[0])
    end = max(input_window[1], target_window[1])
    counts = find_labs(tables, items, start, end)
    inputs = input_labs(tables, input_window, names, aggregates, n_records)
    values, abnormalities = target_labs(tables, target_window, names, n_records)
    if labs is None:
        values = values.dropna(axis=1, how="all")
    ranges = reference_ranges(tables, items, values.columns.tolist())
    return Laboratory(inputs, values, abnormalities, ranges, counts)


def check_aggregates(aggregates: str | Sequence[str]) -> list[str]:
    """Names of `AGGREGATES`, without repetitions."""
    names = list(dict.fromkeys([aggregates] if isinstance(aggregates, str) else aggregates))
    if not names or not set(names) <= set(AGGREGATES):
        raise ECGError(
            f"build_mimic_iv_cohort: lab_aggregates must be of {', '.join(AGGREGATES)}; got "
            f"{aggregates!r}. Give one or several, such as ['nearest', 'slope']."
        )
    return names


def laboratory_list(labs: Sequence[str] | pd.DataFrame | None = None) -> pd.DataFrame:
    """Which laboratory tests to join.

    Parameters
    ----------
    labs : sequence of str or DataFrame, optional
        Names from the package's list, or a list of one's own with its columns.

    Returns
    -------
    DataFrame
        Columns ``itemid`` (MIMIC's), ``name``, ``fluid``, ``unit``,
        ``other_units`` (separated by ``|``), and ``low`` and ``high``, beyond
        which a value is implausible. Several rows may share a name; at one time
        the first row's value wins.
    """
    if isinstance(labs, pd.DataFrame):
        if absent := [column for column in _LIST_COLUMNS if column not in labs.columns]:
            raise ECGError(
                f"build_mimic_iv_cohort: labs= lacks the column {', '.join(absent)}. "
                f"Give a DataFrame with columns {', '.join(_LIST_COLUMNS)}."
            )
        return labs.reset_index(drop=True)
    path = files("ecgsk.datasets") / "data" / "mimic_iv_labs.csv"
    with path.open(encoding="utf-8") as file:
        known = pd.read_csv(file, dtype={"unit": str, "other_units": str}, keep_default_na=False)
    if labs is None:
        return known
    if unknown := sorted(set(labs) - set(known["name"])):
        raise ECGError(
            f"build_mimic_iv_cohort: unknown laboratory {', '.join(unknown)} in labs=; known are "
            f"{', '.join(known['name'].unique())}. Give a DataFrame to add others."
        )
    return known[known["name"].isin(labs)].reset_index(drop=True)


def find_labs(tables: MimicTables, items: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """Collect, in one pass, the values of every ECG's subject that lie near in time.

    Makes the view ``near_labs``: ``ecg``, ``lab`` (number of the name), ``seconds``,
    ``item`` (place in the list), ``event``, ``value``, ``low`` and ``high`` (the
    row's own reference range).

    Parameters
    ----------
    tables : MimicTables
        With a table ``ecgs``.
    items : DataFrame
        From `laboratory_list`.
    start, end : float
        Seconds after the ECG.

    Returns
    -------
    DataFrame
        Per laboratory (index), the number of values found, and how many of them
        were left out for their unit or as implausible.
    """
    kinds = {"labevent_id": "BIGINT", "subject_id": "BIGINT", "itemid": "BIGINT"}
    kinds |= {"charttime": "TIMESTAMP", "valuenum": "DOUBLE", "valueuom": "VARCHAR"}
    kinds |= {"ref_range_lower": "DOUBLE", "ref_range_upper": "DOUBLE"}
    tables.view("hosp", "labevents", kinds)
    tables.view("hosp", "d_labitems", {"itemid": "BIGINT", "fluid": "VARCHAR"})
    listed = items[_LIST_COLUMNS].fillna({"unit": "", "other_units": ""})
    listed = listed.assign(item=items.index, lab=pd.factorize(items["name"])[0])
    # A column of nothing but missing bounds has no type of its own.
    tables.register("lab_items", listed.astype({"low": float, "high": float}))
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE found_labs AS
        SELECT e.ecg, i.lab, epoch(l.charttime) - epoch(e.ecg_time) AS seconds,
            i.item, l.labevent_id AS event, l.valuenum AS value,
            l.ref_range_lower AS low, l.ref_range_upper AS high,
            l.valueuom IS NULL OR i.unit = '' OR list_contains(
                string_split({_PLAIN_UNIT.format("i.unit || '|' || i.other_units")}, '|'),
                {_PLAIN_UNIT.format("l.valueuom")}) AS unit_known,
            coalesce(l.valuenum >= i.low, true) AND coalesce(l.valuenum <= i.high, true)
                AS plausible
        FROM labevents l
        JOIN lab_items i ON l.itemid = i.itemid
        JOIN d_labitems d ON d.itemid = i.itemid AND lower(d.fluid) = lower(i.fluid)
        JOIN ecgs e ON l.subject_id = e.subject_id
            AND epoch(l.charttime) - epoch(e.ecg_time) BETWEEN {start} AND {end}
        WHERE isfinite(l.valuenum)"""
    )
    tables.execute(
        """CREATE OR REPLACE TEMP VIEW near_labs AS
        SELECT * FROM found_labs WHERE unit_known AND plausible"""
    )
    counts = tables.query(
        """SELECT lab, count(*) AS found,
            count(*) FILTER (NOT unit_known) AS other_unit,
            count(*) FILTER (unit_known AND NOT plausible) AS implausible
        FROM found_labs GROUP BY lab"""
    )
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
    """Aggregate the values within a window in seconds.

    Returns
    -------
    DataFrame of float64
        ``"potassium"`` holds the nearest value, ``"potassium min"`` and so on the
        other aggregates; a slope is in units per hour.
    """
    found = {name: np.full((n_records, len(names)), np.nan) for name in aggregates}
    columns = ", ".join(f"{AGGREGATES[name]} AS _{name}" for name in aggregates)
    _aggregate(tables, window, columns, {f"_{name}": table for name, table in found.items()})
    titles = {name: "" if name == "nearest" else f" {name}" for name in aggregates}
    return pd.DataFrame(
        {
            f"{lab}{titles[name]}": found[name][:, place]
            for place, lab in enumerate(names)
            for name in aggregates
        }
    )


def target_labs(
    tables: MimicTables, window: tuple[float, float], names: list[str], n_records: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the nearest value and judge it against the reference range delivered with it.

    Returns
    -------
    values : DataFrame of float64
        NaN where it was not measured.
    abnormalities : DataFrame of float64
        Columns such as ``"potassium low"`` and ``"potassium high"``: 0, 1, or
        NaN where it was not measured or came without that bound. A direction for
        which no row has a bound has no column.
    """
    found = {key: np.full((n_records, len(names)), np.nan) for key in ("value", "low", "high")}
    nearest = AGGREGATES["nearest"].replace(
        "first(value", "first({'value': value, 'low': value < low, 'high': value > high}"
    )
    _aggregate(tables, window, f"unnest({nearest})", found)
    abnormalities = pd.DataFrame(
        {
            f"{lab} {side}": found[side][:, place]
            for place, lab in enumerate(names)
            for side in ("low", "high")
        }
    )
    values = pd.DataFrame(found["value"], columns=names)
    return values, abnormalities.dropna(axis="columns", how="all")


def _aggregate(
    tables: MimicTables, window: tuple[float, float], columns: str, into: dict[str, np.ndarray]
) -> None:
    """Fill tables with aggregates over each ECG's values of each laboratory."""
    start, end = window
    for first in range(0, len(next(iter(into.values()))), _BLOCK):
        tables.fill(
            f"""SELECT ecg, lab AS place, {columns} FROM near_labs
            WHERE ecg BETWEEN {first} AND {first + _BLOCK - 1}
                AND seconds BETWEEN {start} AND {end}
            GROUP BY ecg, lab""",
            into,
        )


def reference_ranges(tables: MimicTables, items: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Give the most frequent reference range of each laboratory, in its unit."""
    ranges = tables.query(
        """SELECT name, low, high FROM (
            SELECT lab, low, high, row_number() OVER (
                PARTITION BY lab ORDER BY count(*) DESC, low, high) AS place
            FROM near_labs WHERE coalesce(low, high) IS NOT NULL GROUP BY lab, low, high
        ) JOIN (SELECT DISTINCT lab, name FROM lab_items) USING (lab) WHERE place = 1"""
    ).set_index("name")
    ranges = ranges.reindex(names).astype({"low": np.float64, "high": np.float64})
    units = items.drop_duplicates("name").set_index("name")["unit"].fillna("")
    return ranges.assign(unit=units.reindex(names)).rename_axis(None)
