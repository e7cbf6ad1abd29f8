"""A whole plant in a minute: a scenario as data, the plant that plays it, a narrator who tells it, a judge who checks it."""
