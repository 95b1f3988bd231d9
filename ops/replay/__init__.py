"""Finds raw events in the bucket whose rows ClickHouse lacks, and puts them back into Langfuse's own queues."""
