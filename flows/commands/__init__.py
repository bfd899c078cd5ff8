"""The commands of `provender`: functions whose parameters are their options; `flows.__main__` lists them."""
