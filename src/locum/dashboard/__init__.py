"""What people watch: studies at a glance, each study, its surrogate to explore, and what it was asked."""
