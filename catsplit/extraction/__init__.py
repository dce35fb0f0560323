"""Clips to features: decoded, passed through a backbone, and kept, on one machine or on many."""
