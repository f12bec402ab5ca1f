module schema-check

go 1.24.0
