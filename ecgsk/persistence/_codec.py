"""Encode fitted estimators as JSON and arrays, and decode them, without pickle.

An estimator is stored as its class name and the state that ``__getstate__``
returns. Values that JSON lacks become an object with one key that starts with a
dollar sign. Arrays of numbers go to a separate dictionary.

Decoding takes memory in proportion to the bytes of the two files: arrays are used once, and
whatever is made from a number is held against the arrays first.
"""

import dataclasses
import math
import re
import warnings
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ecgsk._paths import without_folders
from ecgsk.exceptions import DamagedFileError, ECGError
from ecgsk.persistence import _schema

# Lists, objects and estimators inside one another.
_MAX_DEPTH = 100
# An array of text gives each element the length of the longest.
_LONGEST_TO_MEAN = 16
_MAX_CODE_POINT = 0x10FFFF
# Types of table columns; others, as dates, are not data of a model.
_COLUMN_DTYPE = re.compile(r"bool|boolean|object|str|string|category|[uU]?[iI]nt\d+|[fF]loat\d+")

_CAN_BE_SAVED = "ecgsk.save takes an estimator of ecgsk, or a Pipeline of them."


class ManifestEncoder:
    """Encode a value as JSON and collect its arrays in `arrays`, for the weights file."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        # Keep a reference to each estimator: Python reuses the id of a deleted object.
        self._seen: dict[int, tuple[int, BaseEstimator]] = {}
        self._depth = 0

    def encode(self, value: Any, path: str) -> Any:
        """Return the JSON form of a value; ``path`` names it in errors."""
        if self._depth > _MAX_DEPTH // 3:  # a level may take several to decode
            raise TypeError(f"ecgsk.save: {path} is nested too deeply. Replace it.")
        self._depth += 1
        try:
            return self._encode(value, path)
        finally:
            self._depth -= 1

    def _encode(self, value: Any, path: str) -> Any:
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, np.generic):
            return self._encode(value.item(), path)
        if isinstance(value, Path):
            return without_folders(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": repr(value)}
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, (list, tuple, set)):
            items = [self.encode(item, f"{path}[{i}]") for i, item in enumerate(value)]
            if isinstance(value, list):
                return items
            return {"$tuple" if isinstance(value, tuple) else "$set": items}
        if isinstance(value, dict):
            return {
                "$dict": [
                    [self.encode(key, path), self.encode(item, f"{path}.{key}")]
                    for key, item in value.items()
                ]
            }
        if isinstance(value, pd.DataFrame):
            return self._frame(value, path)
        if isinstance(value, BaseEstimator):
            return self._estimator(value, path)
        if type(value) in _schema.DATACLASSES.values():
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return {"$dataclass": [_public_name(type(value)), self.encode(fields, path)]}
        if isinstance(value, (np.random.RandomState, np.random.Generator)):
            return None  # only training uses a generator's state
        raise TypeError(
            f"ecgsk.save: expected {path} to be numbers, text, arrays, data frames or estimators; "
            f"got a {type(value).__name__}. Replace it. {_CAN_BE_SAVED}"
        )

    def _array(self, value: np.ndarray, path: str) -> Any:
        if value.dtype.kind == "O":
            return {"$objects": self.encode(value.tolist(), path)}
        if value.dtype.kind in "UT":
            return self._text(value.astype(str), path)
        if value.dtype.kind not in "biuf":
            raise TypeError(
                f"ecgsk.save: expected {path} to be an array of numbers or text; got dtype "
                f"{value.dtype}. Convert it."
            )
        while path in self.arrays:  # a name may contain dots, so two paths may be equal
            path += "'"
        self.arrays[path] = np.asarray(value, order="C")
        return {"$array": path}

    def _text(self, value: np.ndarray, path: str) -> Any:
        if _is_even(value.ravel().tolist()):
            return {"$text": self.encode(value.tolist(), path)}
        width = value.dtype.itemsize // 4
        codes = np.frombuffer(value.astype(f"<U{width}").tobytes(), np.uint32)
        return {"$wide_text": [width, list(value.shape), self.encode(codes, path)]}

    def _frame(self, value: pd.DataFrame, path: str) -> Any:
        if not value.columns.is_unique:
            raise TypeError(
                f"ecgsk.save: expected the columns of {path} to have different names; got "
                f"{value.columns[value.columns.duplicated()][0]!r} twice. Rename one."
            )
        columns = [
            [self.encode(name, path), self._dtype(column, path), self._column(column, path)]
            for name, column in value.items()
        ]
        index = self.encode(value.index.tolist(), path)
        return {"$frame": {"index": [value.index.name, index], "columns": columns}}

    def _dtype(self, column: pd.Series, path: str) -> str:
        if not _COLUMN_DTYPE.fullmatch(str(column.dtype)):
            raise TypeError(
                f"ecgsk.save: expected {path}.{column.name} to be a column of numbers, text or "
                f"categories; got dtype {column.dtype}. Convert it."
            )
        return str(column.dtype)

    def _column(self, column: pd.Series, path: str) -> Any:
        path = f"{path}.{column.name}"
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
            return self.encode(column.to_numpy(), path)
        return self.encode(column.astype(object).where(column.notna(), None).tolist(), path)

    def _estimator(self, value: BaseEstimator, path: str) -> Any:
        if id(value) in self._seen:
            return {"$same": self._seen[id(value)][0]}
        if "cv_results_" in vars(value):
            mend = "" if hasattr(value, "best_estimator_") else ", after a fit with refit=True"
            raise TypeError(
                f"ecgsk.save: {path} is a {type(value).__name__}, and a search is not saved. "
                f"Save its best_estimator_{mend}. {_CAN_BE_SAVED}"
            )
        number = len(self._seen)
        self._seen[id(value)] = number, value
        state = dict(value.__getstate__())
        state.pop("_sklearn_version", None)  # the manifest states all versions
        name = _public_name(type(value))
        if difference := _schema.check_attributes(type(value), name, state):
            raise ECGError(
                f"ecgsk.save: {path} cannot be saved as it is: {difference}. Fit it again, and "
                "delete attributes of your own."
            )
        if state.get("callbacks"):
            warnings.warn(
                f"ecgsk.save omits the callbacks of {path}: only training uses them.",
                UserWarning,
                stacklevel=2,
            )
            state["callbacks"] = None
        if "checkpoint_folder" in state:
            state["checkpoint_folder"] = None
        for parameter in value.get_params(deep=False):
            if isinstance(state.get(parameter), str):
                state[parameter] = without_folders(state[parameter])
        return {
            "$estimator": name,
            "number": number,
            "state": {key: self.encode(item, f"{path}.{key}") for key, item in state.items()},
        }


class ManifestDecoder:
    """Decode the value that `ManifestEncoder` encoded.

    Further classes in `trusted` may be instantiated; `device` replaces the saved one. Anything
    that `ManifestEncoder` does not write is an error, most often DamagedFileError.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], trusted: Iterable[type], device: str | None
    ) -> None:
        self._arrays, self._device = dict(arrays), device
        self._trusted = {_public_name(cls): cls for cls in trusted}
        self._made: dict[int, BaseEstimator] = {}
        self._depth = 0

    def decode_model(self, value: Any) -> BaseEstimator:
        """Return the fitted estimator that a manifest describes with all of the arrays."""
        model = self.decode(value)
        if not isinstance(model, BaseEstimator):
            raise DamagedFileError("it holds no estimator")
        check_is_fitted(model)
        _check_fitted(model)
        if self._arrays:
            raise DamagedFileError(f"nothing uses the array {min(self._arrays)!r}")
        return model

    def decode(self, value: Any) -> Any:
        """Return the value that a JSON form encodes."""
        if not isinstance(value, (list, dict)):
            return value
        if self._depth > _MAX_DEPTH:
            raise DamagedFileError(f"it is nested more than {_MAX_DEPTH} levels deep")
        self._depth += 1
        try:
            if isinstance(value, list):
                return [self.decode(item) for item in value]
            return self._estimator(value) if "$estimator" in value else self._kind(value)
        finally:
            self._depth -= 1

    def _kind(self, value: dict[str, Any]) -> Any:
        ((kind, content),) = value.items()
        if kind == "$float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[content]
        if kind == "$array":
            return self._arrays.pop(content)
        if kind == "$objects":
            return np.array(self.decode(content), dtype=object)
        if kind == "$text":
            return _text_array(self.decode(content))
        if kind == "$wide_text":
            width, shape, codes = content
            return _wide_text_array(width, shape, self.decode(codes))
        if kind == "$same":
            return self._made[content]
        if kind == "$frame":
            return self._frame(content)
        if kind == "$dataclass":
            return _schema.DATACLASSES[content[0]](**self.decode(content[1]))
        if kind == "$dict":
            return {self.decode(key): self.decode(item) for key, item in content}
        if kind in ("$tuple", "$set"):
            return {"$tuple": tuple, "$set": set}[kind](self.decode(content))
        raise DamagedFileError(f"{kind!r} is unknown")

    def _frame(self, content: dict[str, Any]) -> pd.DataFrame:
        name, index = content["index"]
        labels = pd.Index(self.decode(index), name=name)
        columns = {}
        for key, dtype, column in content["columns"]:
            values = self.decode(column)
            if not _COLUMN_DTYPE.fullmatch(dtype) or len(values) != len(labels):
                raise DamagedFileError(f"the column {key!r} is not as long as its index")
            columns[self.decode(key)] = pd.Series(values, index=labels, dtype=dtype)
        return pd.DataFrame(columns, index=labels)

    def _estimator(self, value: dict[str, Any]) -> BaseEstimator:
        name, number, encoded = value["$estimator"], value["number"], value["state"]
        cls = self._class(name)
        if len(value) != 3 or number in self._made:
            raise DamagedFileError(f"it describes {name} twice")
        encoded = {**_schema.default_parameters(cls), **encoded}
        if difference := _schema.check_attributes(cls, name, encoded):
            raise DamagedFileError(difference)
        state = {key: self.decode(item) for key, item in encoded.items()}
        if self._device is not None and "device" in state:
            state["device"] = self._device
        _check_parts(cls, state)
        if cls.__module__.startswith("sklearn."):
            state["_sklearn_version"] = sklearn.__version__  # else each of them warns
        estimator: Any = object.__new__(cls)
        try:
            estimator.__setstate__(state)
        except ECGError as error:
            raise DamagedFileError(f"{name}: {error}") from error
        self._made[number] = estimator
        return estimator

    def _class(self, name: str) -> type[BaseEstimator]:
        if name in self._trusted:
            return self._trusted[name]
        module, _, attribute = name.rpartition(".")
        if module == "__main__":  # saved from a script or notebook: match by class name
            same = [cls for cls in self._trusted.values() if cls.__qualname__ == attribute]
            if len(same) == 1:
                return same[0]
        cls = _schema.find_class(name)
        if cls is None:
            raise ECGError(
                f"ecgsk.load: manifest.json asks for {name!r}, which is not an allowed class. "
                "If it is yours and you trust the file, pass trusted=[TheClass]."
            )
        return cls


def _check_parts(cls: type, state: dict[str, Any]) -> None:
    """Raise unless a Pipeline has steps and fitted attributes hold fitted estimators."""
    if cls is Pipeline:
        for name, step in state["steps"]:
            is_step = step in (None, "passthrough") or isinstance(step, BaseEstimator)
            if not (isinstance(name, str) and is_step):
                raise DamagedFileError(f"{name!r} is no step of a Pipeline")
    for key, item in state.items():
        if key.endswith("_"):
            _check_fitted(item)


def _check_fitted(item: Any) -> None:
    if isinstance(item, Pipeline):
        for _, step in item.steps:
            _check_fitted(step)
    elif isinstance(item, BaseEstimator) and _schema.needs_fit(_public_name(type(item))):
        check_is_fitted(item)


def _is_even(items: list[str]) -> bool:
    """Return whether a text array of these items takes memory in proportion to their length."""
    lengths = [len(item) + 1 for item in items]
    return max(lengths, default=0) * len(items) <= _LONGEST_TO_MEAN * sum(lengths)


def _flat(items: Any) -> list[Any]:
    return [each for item in items for each in _flat(item)] if isinstance(items, list) else [items]


def _text_array(items: Any) -> np.ndarray:
    flat = _flat(items)
    if not all(isinstance(item, str) for item in flat) or not _is_even(flat):
        raise DamagedFileError("an array of text holds something else")
    return np.array(items, dtype=str)


def _wide_text_array(width: int, shape: list[int], codes: np.ndarray) -> np.ndarray:
    if codes.dtype != np.uint32 or codes.max() > _MAX_CODE_POINT:
        raise DamagedFileError("an array of text holds something else")
    return np.frombuffer(codes.tobytes(), f"<U{width}").reshape(shape).copy()


def _public_name(cls: type) -> str:
    """Return the name that users import a class by: private modules may move."""
    package = ".".join(cls.__module__.split(".")[:2])
    try:
        if getattr(import_module(package), cls.__name__, None) is cls:
            return f"{package}.{cls.__name__}"
    except ImportError:
        pass
    return f"{cls.__module__}.{cls.__qualname__}"
