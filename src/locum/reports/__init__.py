"""A study's report and its tables for the terminal: plain data in, HTML and text out."""
