"""Where transcripts live: one interface (`base`), one module per place."""
