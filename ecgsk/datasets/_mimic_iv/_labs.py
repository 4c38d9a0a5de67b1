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
    inputs = nearest_labs(tables, input_window, names, n_records)
    values = nearest_labs(tables, target_window, names, n_records)
    if labs is None:
        values = values.dropna(axis=1, how="all")
    kept = values.columns.tolist()
    abnormalities = lab_abnormalities(tables, target_window, kept, n_records)
    ranges = reference_ranges(tables, items, kept)
    return Laboratory(inputs, values, abnormalities, ranges, counts)


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
                f"load_mimic_iv: labs= lacks the column {', '.join(absent)}. "
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
            f"load_mimic_iv: unknown laboratory {', '.join(unknown)} in labs=; known are "
            f"{', '.join(known['name'].unique())}. Give a DataFrame to add others."
        )
    return known[known["name"].isin(labs)].reset_index(drop=True)


def find_labs(tables: MimicTables, items: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """Collect, in one pass, the values of every ECG's subject that lie near in time.

    Makes the table ``near_labs``: ``ecg``, ``name``, ``seconds``, ``rank``,
    ``value``, ``low`` and ``high`` (the row's own reference range).

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
    # A column of nothing but missing bounds has no type of its own.
    tables.register(
        "lab_items", listed.astype({"low": float, "high": float}).assign(rank=items.index)
    )
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE found_labs AS
        SELECT e.ecg, i.name, epoch(l.charttime) - epoch(e.ecg_time) AS seconds,
            struct_pack(item := i.rank, event := l.labevent_id) AS rank, l.valuenum AS value,
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
        """CREATE OR REPLACE TEMP TABLE near_labs AS
        SELECT ecg, name, seconds, rank, value, low, high FROM found_labs
        WHERE unit_known AND plausible"""
    )
    counts = tables.query(
        """SELECT name, count(*) AS found,
            count(*) FILTER (NOT unit_known) AS other_unit,
            count(*) FILTER (unit_known AND NOT plausible) AS implausible
        FROM found_labs GROUP BY name"""
    )
    return counts.set_index("name").reindex(items["name"].unique(), fill_value=0)


def nearest_labs(
    tables: MimicTables,
    window: tuple[float, float],
    names: list[str],
    n_records: int,
    value: str = "value",
) -> pd.DataFrame:
    """Value (or an expression over it) nearest to each ECG within a window in seconds."""
    start, end = window
    candidates = f"SELECT * FROM near_labs WHERE seconds BETWEEN {start} AND {end}"
    return tables.nearest(candidates, names, n_records, value)


def lab_abnormalities(
    tables: MimicTables, window: tuple[float, float], names: list[str], n_records: int
) -> pd.DataFrame:
    """Judge the nearest value against the reference range delivered with it.

    Returns
    -------
    DataFrame of float64
        Columns such as ``"potassium low"`` and ``"potassium high"``: 0, 1, or
        NaN where it was not measured or came without that bound. A direction for
        which no row has a bound has no column.
    """
    sides = {"low": "value < low", "high": "value > high"}
    found = {
        side: nearest_labs(tables, window, names, n_records, sql) for side, sql in sides.items()
    }
    columns = {f"{name} {side}": found[side][name] for name in names for side in sides}
    return pd.DataFrame(columns, index=range(n_records)).dropna(axis="columns", how="all")


def reference_ranges(tables: MimicTables, items: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Give the most frequent reference range of each laboratory, in its unit."""
    ranges = tables.query(
        """SELECT name, low, high FROM near_labs WHERE coalesce(low, high) IS NOT NULL
        GROUP BY name, low, high
        QUALIFY row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, low, high) = 1"""
    ).set_index("name")
    ranges = ranges.reindex(names).astype({"low": np.float64, "high": np.float64})
    units = items.drop_duplicates("name").set_index("name")["unit"].fillna("")
    return ranges.assign(unit=units.reindex(names)).rename_axis(None)
