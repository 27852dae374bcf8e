"""From what the sources propose to an order: statistics, features, fusion, learned rankers."""
