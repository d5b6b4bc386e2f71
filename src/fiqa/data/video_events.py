"""What can go wrong while a video is read, and which of it is damage."""

from __future__ import annotations

__all__ = ["DAMAGE", "EVENTS", "Event"]

EVENTS = {
    "damaged_packet": "No frame came of a piece of the file.",
    "damaged_frame": "A frame was decoded with errors.",
    "ended_early": "The frames end before the length that the file declares.",
    "missing_frames": "Fewer frames came than the file declares, and there are gaps between them.",
    "fewer_frames": "Fewer frames came than the file declares: its ends may be cut away.",
    "truncated": "The file ends within a piece of it.",
    "out_of_order": "A frame came behind a later one, and was left out.",
    "no_time": "The file has no time for a frame; it is counted on from the frame before.",
    "time_jump": "The time went back, or far ahead; it is counted on from the frame before.",
    "camera_lost": "The camera gives no more frames.",
    "limit": "Reading ended at a limit of length or frames.",
}
"""Kinds of events, and what each means."""
DAMAGE = frozenset(
    ("damaged_packet", "damaged_frame", "ended_early", "missing_frames", "truncated", "camera_lost")
)
"""Kinds of events after which frames are damaged or missing."""

Event = tuple[float, str, str]
"""(time in seconds, one of EVENTS, what exactly)."""
