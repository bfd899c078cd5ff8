"""What is stored: the values of a run, their Arrow schema, atomic shards, and the accounts that must balance."""
