"""The Prefect flows: each reads like the loop it runs."""
