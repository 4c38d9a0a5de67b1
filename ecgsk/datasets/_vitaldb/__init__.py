"""VitalDB: windows of operations' recordings, chosen by laboratory draws."""
