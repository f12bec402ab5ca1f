"""An attempt as a picture: one HTML file, drawn from ``events.jsonl`` and the findings."""
