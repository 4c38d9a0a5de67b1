"""
Serve a saved model over HTTP with FastAPI
==========================================

    pip install "ecgsk[serve]"
    python examples/deployment/serve_fastapi.py ecgsk-demo/model [--port 8000]

``GET /model`` returns leads, sampling rate, seconds and labels. ``POST /explain`` takes one
record as JSON and returns what ``Explanation.to_dict`` returns:

    {"leads": ["I", "II", ...], "sampling_rate": 500, "unit": "mV",
     "samples": [[0.01, null, ...], [...], ...]}

``samples`` has one list per lead; null is a missing sample. The server has no authentication: keep
it on this machine, or behind a server with authentication. Research software. Not a medical device.
"""

import argparse
import warnings
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.estimators.diagnosis_explanations import explain_diagnoses, split_calibrator
from ecgsk.exceptions import ECGError
from ecgsk.signals import ECGArray

MAX_SAMPLES = 200_000  # of all leads: 12 leads of 30 s at 500 Hz


class Recording(BaseModel):
    """One ECG."""

    model_config = ConfigDict(extra="forbid")
    leads: Annotated[list[str], Field(min_length=1, max_length=32)]
    sampling_rate: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
    unit: Literal["mV", "uV", "V"]
    samples: list[list[float | None]]
    record: str = "ECG"

    def to_frame(self) -> pd.DataFrame:
        """Return a frame of one row; raise ECGError for samples that do not fit the leads."""
        lengths = {len(lead) for lead in self.samples}
        if len(self.samples) != len(self.leads) or len(lengths) != 1:
            raise ECGError(
                f"expected {len(self.leads)} lists of equally many samples, one per lead; got "
                f"{len(self.samples)} lists of {sorted(lengths)} samples."
            )
        if lengths.pop() * len(self.leads) > MAX_SAMPLES:
            raise ECGError(f"expected at most {MAX_SAMPLES:,} samples. Send a shorter record.")
        x = np.array(self.samples, dtype=np.float32)[None]
        ecg = ECGArray.from_numpy(
            x, leads=self.leads, sampling_rate=self.sampling_rate, unit=self.unit
        )
        return pd.DataFrame({"ecg": ecg}, index=[self.record])


def make_app(folder: Path) -> FastAPI:
    """Create the FastAPI application of a saved pipeline, for example of `ecgsk train`."""
    pipeline = ecgsk.load(folder, device="cpu")
    last = pipeline[-1]
    has_laboratories = isinstance(last, LabAbnormalityExplainer)
    encoder = last.encoder_ if has_laboratories else split_calibrator(last)[0]
    explain_rows = last.explain if has_laboratories else partial(explain_diagnoses, last)
    app, lock = FastAPI(title="ecgsk"), Lock()

    @app.exception_handler(ECGError)
    def refuse(_: Any, error: ECGError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=422)

    @app.get("/model")
    def model() -> dict[str, Any]:
        return {
            "leads": list(encoder.leads_),
            "sampling_rate": encoder.sampling_rate_,
            "seconds": encoder.shape_[1] / encoder.sampling_rate_,
            "diagnoses": list(getattr(encoder, "label_names_", None) or []),
            "laboratory_findings": last.label_names_ if has_laboratories else [],
        }

    @app.post("/explain")
    def explain(recording: Recording) -> dict[str, Any]:
        X = recording.to_frame()
        with lock, warnings.catch_warnings():  # the filter applies to the whole process
            warnings.simplefilter("ignore")  # "quality" in the answer lists missing leads
            return explain_rows(pipeline[:-1].transform(X))[0].to_dict()

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="folder that ecgsk.save wrote")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    uvicorn.run(make_app(options.model), host="127.0.0.1", port=options.port)
