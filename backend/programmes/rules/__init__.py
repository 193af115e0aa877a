"""Rules of campaigns: pure decisions, and the cache of active campaigns."""
