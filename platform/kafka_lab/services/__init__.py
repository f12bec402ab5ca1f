"""Other real components that an exercise needs beside Kafka."""
