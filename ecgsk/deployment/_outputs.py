"""Everything that a fitted model predicts for records: diagnoses and laboratory findings."""
