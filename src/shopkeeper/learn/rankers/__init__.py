"""Ways to learn the order of the candidates. Recipes import the libraries that they fit with when they fit."""
