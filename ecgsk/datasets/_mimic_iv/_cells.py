"""SQL that reads a cell as a number, a time or text, or raises with its text."""

from ecgsk.datasets._mimic_iv._table_file import MISSING, TableFile, quoted

#: Start of the errors that this SQL raises; the rest is file number, column and text.
MARK = "ecgsk-cell"
#: Separates the parts of such an error; text of a table does not contain it.
SEPARATOR = "\x1f"

# A time without zone, or in UTC. DuckDB's own cast ignores an offset, "EST" and "PM".
_PLAIN_TIME = "____-__-__ __:__:__"  # as in MIMIC; quicker than the expression below
_TIME = r"\s*\d{4}-\d\d?-\d\d?([ T]\d\d?:\d\d(:\d\d(\.\d+)?)?)?\s*(Z|UTC|[-+]00(:?00)?)?\s*"
# Digits with a comma: either a decimal comma or a thousands separator.
_COMMA_NUMBER = r"\s*[-+]?[0-9.,]*,[0-9.,]*\s*"


def read_cell(file: TableFile, number: int, column: str, sql_type: str, kind: str) -> str:
    """Return SQL of a cell as `kind`: text, a number, a time; NULL where missing.

    `number` is that of the file and `sql_type` the type of its column. Missing are the
    texts of `MISSING`. In a ``DOUBLE`` column, other text is NULL too, but digits with a
    comma raise. In other columns, whatever is not of the kind raises.
    """
    name = file.find(column)
    assert name is not None
    text = sql_type == "VARCHAR"
    if text and file.is_parquet:
        missing = ", ".join(map(quoted, MISSING))
        name = f"(CASE WHEN {name} NOT IN ({missing}) THEN {name} END)"
    if kind == "VARCHAR":
        return f"CAST({name} AS VARCHAR)"
    cast = f"TRY_CAST({name} AS {kind})"
    wrong = f"{name} IS NOT NULL"
    if kind == "DOUBLE":
        wrong = f"regexp_full_match({name}, '{_COMMA_NUMBER}')" if text else "false"
    elif kind == "BIGINT" and text:
        # DuckDB rounds "100.6" to 101, which is another patient; pandas writes 100 as "100.0".
        whole = f"TRY_CAST({name} AS DOUBLE) = {cast}"
        cast = f"CASE WHEN NOT contains({name}, '.') OR {whole} THEN {cast} END"
    elif kind == "BIGINT" and sql_type in ("DOUBLE", "FLOAT"):
        cast = f"CASE WHEN {name} = {cast} THEN {cast} END"
        wrong = f"NOT isnan({name})"
    elif kind == "TIMESTAMP" and text:
        plain = f"{name} LIKE '{_PLAIN_TIME}' OR regexp_full_match({name}, '{_TIME}')"
        cast = f"CASE WHEN {plain} THEN {cast} END"
    elif kind in ("TIMESTAMP", "DATE") and sql_type == "TIMESTAMP WITH TIME ZONE":
        # A cast would use the zone of the machine.
        cast = f"CAST(make_timestamp(epoch_us({name})) AS {kind})"
    parts = quoted(SEPARATOR.join((MARK, str(number), column, "")))
    raised = f"error({parts} || CAST({name} AS VARCHAR))"
    return f"coalesce({cast}, CAST(CASE WHEN {wrong} THEN {raised} END AS {kind}))"


def is_unread(file: TableFile, column: str, sql_type: str) -> str:
    """Return SQL that is true for a cell with text, or infinity, that is no finite number."""
    name = file.find(column)
    if sql_type != "VARCHAR":
        return f"coalesce(isinf(CAST({name} AS DOUBLE)), false)"
    known = f"{name} IS NOT NULL"
    if file.is_parquet:
        known += f" AND {name} NOT IN ({', '.join(map(quoted, MISSING))})"
    return f"({known} AND NOT coalesce(isfinite(TRY_CAST({name} AS DOUBLE)), false))"
