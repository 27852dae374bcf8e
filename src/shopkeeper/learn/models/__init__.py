"""Contestants that are fitted by the libraries of the extra `train`, and served without them by the engine."""
