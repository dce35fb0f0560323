"""Fine-tuning: of a base model on a benchmark's coarse labels, and what low-shot training draws its clips from."""
