"""Encode fitted estimators as JSON and arrays, and decode them, without pickle.

An estimator is stored as its class name and the state that ``__getstate__``
returns. Values that JSON lacks become an object with one key that starts with a
dollar sign. Arrays of numbers go to a separate dictionary.
"""

import dataclasses
import math
import warnings
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ecgsk._paths import without_folders
from ecgsk.exceptions import ECGError

_SCIKIT_LEARN = frozenset(
    {
        "sklearn.frozen.FrozenEstimator",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing.QuantileTransformer",
    }
)


class ManifestEncoder:
    """Encode a value as JSON and collect its arrays in `arrays`, for the weights file."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        # Keep a reference to each estimator: Python reuses the id of a deleted object.
        self._seen: dict[int, tuple[int, BaseEstimator]] = {}

    def encode(self, value: Any, path: str) -> Any:
        """Return the JSON form of a value; ``path`` names it in errors."""
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, np.generic):
            return self.encode(value.item(), path)
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
        if dataclasses.is_dataclass(value) and _is_in_ecgsk(type(value)):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return {"$dataclass": [_public_name(type(value)), self.encode(fields, path)]}
        if isinstance(value, (np.random.RandomState, np.random.Generator)):
            return None  # only training uses a generator's state
        raise TypeError(
            f"ecgsk.save: expected {path} to be numbers, text, arrays, data frames or estimators; "
            f"got a {type(value).__name__}. Replace it."
        )

    def _array(self, value: np.ndarray, path: str) -> Any:
        if value.dtype.kind in "OUT":
            kind = "$objects" if value.dtype.kind == "O" else "$text"
            return {kind: self.encode(value.tolist(), path)}
        if value.dtype.kind not in "biuf":
            raise TypeError(
                f"ecgsk.save: expected {path} to be an array of numbers or text; got dtype "
                f"{value.dtype}. Convert it."
            )
        while path in self.arrays:  # a name may contain dots, so two paths may be equal
            path += "'"
        self.arrays[path] = np.asarray(value, order="C")
        return {"$array": path}

    def _frame(self, value: pd.DataFrame, path: str) -> Any:
        columns = [
            [self.encode(name, path), str(column.dtype), self._column(column, f"{path}.{name}")]
            for name, column in value.items()
        ]
        index = self.encode(value.index.tolist(), path)
        return {"$frame": {"index": [value.index.name, index], "columns": columns}}

    def _column(self, column: pd.Series, path: str) -> Any:
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
            return self.encode(column.to_numpy(), path)
        return self.encode(column.astype(object).where(column.notna(), None).tolist(), path)

    def _estimator(self, value: BaseEstimator, path: str) -> Any:
        if id(value) in self._seen:
            return {"$same": self._seen[id(value)][0]}
        number = len(self._seen)
        self._seen[id(value)] = number, value
        state = dict(value.__getstate__())
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
            "$estimator": _public_name(type(value)),
            "number": number,
            "state": {key: self.encode(item, f"{path}.{key}") for key, item in state.items()},
        }


class ManifestDecoder:
    """Decode the value that `ManifestEncoder` encoded.

    Further classes in `trusted` may be instantiated; `device` replaces the saved one.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], trusted: Iterable[type], device: str | None
    ) -> None:
        self.arrays, self.device = arrays, device
        self.trusted = {_public_name(cls): cls for cls in trusted}
        self._made: dict[int, Any] = {}

    def decode(self, value: Any) -> Any:
        """Return the value that a JSON form encodes."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$estimator" in value:
            return self._estimator(value)
        ((kind, content),) = value.items()
        if kind == "$float":
            return float(content)
        if kind == "$array":
            return self.arrays[content]
        if kind == "$objects":
            return np.array(self.decode(content), dtype=object)
        if kind == "$text":
            return np.array(self.decode(content), dtype=str)
        if kind == "$same":
            return self._made[content]
        if kind == "$frame":
            return self._frame(content)
        if kind == "$dataclass":
            return _dataclass(content[0])(**self.decode(content[1]))
        if kind == "$dict":
            return {self.decode(key): self.decode(item) for key, item in content}
        if kind in ("$tuple", "$set"):
            return {"$tuple": tuple, "$set": set}[kind](self.decode(content))
        raise ECGError(
            f"ecgsk.load: this version cannot read {kind!r} in manifest.json. Use the ecgsk "
            "version that wrote it."
        )

    def _frame(self, content: dict[str, Any]) -> pd.DataFrame:
        name, index = content["index"]
        labels = pd.Index(self.decode(index), name=name)
        columns = {
            self.decode(key): pd.Series(self.decode(column), index=labels, dtype=dtype)
            for key, dtype, column in content["columns"]
        }
        return pd.DataFrame(columns, index=labels)

    def _estimator(self, value: dict[str, Any]) -> BaseEstimator:
        cls = self._class(value["$estimator"])
        estimator: Any = object.__new__(cls)
        self._made[value["number"]] = estimator
        state = {key: self.decode(item) for key, item in value["state"].items()}
        if self.device is not None and "device" in state:
            state["device"] = self.device
        estimator.__setstate__(state)
        return estimator

    def _class(self, name: str) -> type:
        if name in self.trusted:
            return self.trusted[name]
        module, _, attribute = name.rpartition(".")
        if module == "__main__":  # saved from a script or notebook: match by class name
            same = [cls for cls in self.trusted.values() if cls.__qualname__ == attribute]
            if len(same) == 1:
                return same[0]
        if name in _SCIKIT_LEARN or module.split(".")[0] == "ecgsk":
            try:
                cls: Any = getattr(import_module(module), attribute, None)
            except ImportError:
                cls = None
            # Modules of ecgsk also import classes of other libraries: refuse those.
            if _sets_attributes_only(cls) and (name in _SCIKIT_LEARN or _is_in_ecgsk(cls)):
                return cls
        raise ECGError(
            f"ecgsk.load: manifest.json asks for {name!r}, which is not an allowed class. "
            "If it is yours and you trust the file, pass trusted=[TheClass]."
        )


def _dataclass(name: str) -> type:
    """Return the frozen dataclass of ours with this name."""
    module, _, attribute = name.rpartition(".")
    cls: Any = None
    if module.split(".")[0] == "ecgsk":
        try:
            cls = getattr(import_module(module), attribute, None)
        except ImportError:
            cls = None
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls) and _is_in_ecgsk(cls)):
        raise ECGError(f"ecgsk.load: manifest.json holds {name!r}, which this version cannot read.")
    return cls


def _sets_attributes_only(cls: Any) -> bool:
    """Check that ``__setstate__`` is scikit-learn's or ours: others, as skorch's, may unpickle."""
    is_estimator = isinstance(cls, type) and issubclass(cls, BaseEstimator)
    return is_estimator and (
        cls.__setstate__.__module__ == "sklearn.base" or _is_in_ecgsk(cls.__setstate__)
    )


def _is_in_ecgsk(value: Any) -> bool:
    return value.__module__.split(".")[0] == "ecgsk"


def _public_name(cls: type) -> str:
    """Return the name that users import a class by: private modules may move."""
    package = ".".join(cls.__module__.split(".")[:2])
    try:
        if getattr(import_module(package), cls.__name__, None) is cls:
            return f"{package}.{cls.__name__}"
    except ImportError:
        pass
    return f"{cls.__module__}.{cls.__qualname__}"
