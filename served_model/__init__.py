"""How a served model is asked: client, limits, retries, journal, prompts, structured replies."""
