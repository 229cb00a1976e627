"""A project outside gax, as small as can be: a recipe, networks, a loss, a term, data, features, a metric."""
