"""Intervals and axes measured by the recorder."""

import numpy as np


def test_intervals_are_differences_of_plausible_times(hospital):
    (hospital.folder / "ecg" / "machine_measurements.csv").write_text(
        "study_id,rr_interval,p_onset,p_end,qrs_onset,qrs_end,t_end,p_axis,qrs_axis,t_axis\n"
        "1,800,40,150,200,292,600,45,-30,32767\n"
        "3,65535,29999,29999,200,,29999,29999,29999,29999\n"
    )
    X = hospital.load(inputs={"machine_measurements": True}).X
    expected = {"rr_interval": 800, "p_duration": 110, "pr_interval": 160, "qrs_duration": 92}
    expected |= {"qt_interval": 400, "p_axis": 45, "qrs_axis": -30}
    for name, value in expected.items():
        np.testing.assert_array_equal(X[name], [value, np.nan, np.nan])
    assert "t_axis" not in X
    assert "rr_interval" not in hospital.load().X
