"""Scales the amounts of a recipe to another number of guests."""

GRAMS_PER_CUP = 240


def scale(amounts: dict[str, float], guests: int, for_guests: int = 4) -> dict[str, float]:
    """Amounts for `guests`, rounded to whole grams. Known defect: it rounds down where it should round."""
    factor = guests / for_guests
    return {name: int(grams * factor) for name, grams in amounts.items()}


EXAMPLE = scale({"flour": 350, "butter": 125}, guests=7)
