"""Contestants that are networks: each is fitted with PyTorch here and served without it by the engine."""
