"""Many submissions: a course, what students handed in, and the gradebook."""
