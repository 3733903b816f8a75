"""Client for Zoom Realtime Media Streams (RTMS)."""
