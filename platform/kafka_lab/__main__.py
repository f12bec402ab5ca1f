"""``python -m kafka_lab``."""

from kafka_lab.cli import main

if __name__ == "__main__":
    main()
