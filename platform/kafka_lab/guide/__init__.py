"""The guide: a MkDocs site with a page for each exercise, and the learner's own progress in it."""
