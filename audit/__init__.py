"""What happened in a run: yield, reasons, self-correction, samples; for the terminal, Markdown and a page."""
