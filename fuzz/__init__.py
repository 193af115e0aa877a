"""Coverage-guided fuzzing of what reads texts that anybody may send."""
