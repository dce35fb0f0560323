"""A benchmark as a folder: its files read, written and checked, and its clips found."""
