"""Tools that come with provender (T4): each file runs inside the sandbox; `kits.py` beside this folder makes boxes."""
