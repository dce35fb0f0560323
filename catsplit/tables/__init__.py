"""Results of sweeps: kept line by line, and made into the paper's tables."""
