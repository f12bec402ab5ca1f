"""Reports of a verdict: in the terminal, as JSON, as JUnit XML."""
