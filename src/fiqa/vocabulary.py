"""The strings that are API: factor names, quality levels, row statuses, reason codes with their
advice.

Everything here is plain data, written once. Tables, pages and messages take their words from this
file.
"""

from __future__ import annotations

from types import MappingProxyType

from fiqa.meanings import MEANINGS
from fiqa.reason_words import REASONS

__all__ = [
    "ADVICE",
    "CLIB_LEVELS",
    "EXTRA_FACTORS",
    "FACTORS",
    "ISSUES",
    "LEVELS",
    "NOTES",
    "REMEDIES",
    "STATUSES",
    "STREAM_EVENTS",
    "TRACK_FLAGS",
]

FACTORS = ("visibility", "occlusion", "pose", "illumination", "blur", "crop")
"""The six factors of DmsFIQA, in their fixed order.

Each has a quality in 0..1, higher is better.
"""

EXTRA_FACTORS = ("expression",)
"""Factors beyond the six that a model may have of its own; their qualities in 0..1 stand among the
measures of a face."""

LEVELS = ("unusable", "low", "medium", "good", "perfect")
"""The five levels, index 0..4, worst to best."""

CLIB_LEVELS = ("bad", "poor", "fair", "good", "perfect")
"""CLIB-FIQA's own names of its five levels, worst to best."""

STATUSES = MappingProxyType({status: words["en"] for status, words in MEANINGS.items()})
"""Row statuses and what each means. `ok` is the only one with numbers;
fiqa.meanings has the other languages."""

ADVICE = MappingProxyType({code: words["en"][1] for code, words in REASONS.items()})
"""Reason codes and the sentence that says what to do about each; fiqa.reason_words has the others.
"""

NOTES = MappingProxyType(
    {
        "profile_converted": "The colors were converted to sRGB from the profile that is named.",
        "profile_ignored": (
            "The file's colors are not sRGB, and they are read as if they were: its "
            "profile is broken or of another kind, or there is none to convert by."
        ),
        "samples_narrow": (
            "The largest of the 16-bit samples fits in so many bits: a 10, 12 or 14-bit "
            "picture that does not say so comes out dark."
        ),
        "samples_clipped": "So many float samples lay below black or above white.",
        "samples_scaled": (
            "The kind of samples (signed, of 32 bits, or float) does not say what is white: the "
            "range that is named was taken as black to white."
        ),
        "samples_missing": "So many float samples are not a number or infinite.",
        "samples_stretched": "Samples on no known scale: the range was stretched to 0..255.",
        "resized": (
            "An image that was given as an aligned crop has so many pixels and was brought to the "
            "size of crops, 112x112 if nothing else was asked for; a whole photograph has no "
            "face where a crop has it."
        ),
        "points_seen": (
            "No landmarks of the aligned crop were known: its pose is read from five points that "
            "the package's network sees in it."
        ),
        "points_none": (
            "No landmarks of the aligned crop were known, and the network sees no face in it: its "
            "pose is unknown."
        ),
        "looks_turned": (
            "A face is better seen when the photograph is turned by so many degrees "
            "clockwise; it was not: see --orientation auto."
        ),
    }
)
"""What was converted or had to be guessed on the way from a file to its pixels, and what each
means. A note in a table is `code`, or `code=detail`."""

ISSUES = MappingProxyType(
    {
        "unreadable": "The file cannot be read as an image.",
        "no_face": "No face is found in the picture, or nothing in the crop looks like one.",
        "wrong_person": "The face looks as little like the others of its name as a stranger would.",
        "two_names": "Two names look like one person.",
        "leak_image": "The same picture is in two splits.",
        "leak_person": "A person is in two splits.",
        "exact_duplicate": "The file has the same bytes as another one.",
        "near_duplicate": "The picture is another one, saved again or changed a little.",
        "several_people": "More than one person is in the picture, about equally large.",
        "too_small": "The face has too few pixels.",
        "blurred": "The face is out of focus or smeared by motion.",
        "dark": "The face has too little light.",
        "covered": "Eyes, mouth or nose are covered: a mask, sunglasses, a hand.",
        "border": "A frame or bar of one flat color surrounds the picture.",
    }
)
"""What `fiqa clean` looks for, the gravest first, and what each is."""

REMEDIES = MappingProxyType(
    {
        "unreadable": "Copy the file again from its source, or remove it.",
        "no_face": "Look at it; remove it unless you see a usable face.",
        "wrong_person": "Look at both; move it to the right name, or remove it.",
        "two_names": "Look at both; if they are one person, put their images under one name.",
        "leak_image": "Take it out of the split it is named in here; the other copy stays.",
        "leak_person": (
            "Put all images of the person in one split, unless your task is to know trained people"
            " again."
        ),
        "exact_duplicate": "Remove it; the other copy stays.",
        "near_duplicate": "Remove it unless both are wanted; the other one stays.",
        "several_people": "Crop to the person who is meant, or remove it.",
        "too_small": "Take the picture from its source in a higher resolution, or remove it.",
        "blurred": "Remove it from enrollment and training, or keep it on purpose.",
        "dark": "Remove it from enrollment and training, or keep it on purpose.",
        "covered": "Remove it from enrollment; keep it only where covered faces are wanted.",
        "border": "Cut the border off, so that models do not learn it.",
    }
)
"""What to do about each of ISSUES."""
STREAM_EVENTS = MappingProxyType(
    {
        "track_started": "A face was found that is none of those before.",
        "track_lost": "A face was not seen for a second.",
        "track_resumed": "A face that was lost is seen again, by its recognition vector.",
        "track_split": "The face of a track is another one since a while; a new track begins.",
        "track_ended": "A track is over and has its best shots.",
        "scene_cut": "Another scene begins; all tracks end.",
        "state_changed": "Frames are of another state since half a second.",
        "not_read": "A video of which nothing could be read, or not its rest.",
        "too_many_faces": "More faces than tracks are allowed; the smallest are passed over.",
    }
)
"""What happens in a video, and what each means; fiqa.data.video.EVENTS has those of the file."""

TRACK_FLAGS = MappingProxyType(
    {
        "identity_unverified": "No recognizer checked that the face stayed the same one.",
        "below_floor": "No frame reached the floor; the best one is the best shot all the same.",
        "no_best": "No frame could be proved to be of this face; there is no best shot.",
        "brief": "The face was found fewer than three times.",
        "split": "The track began, or went on, where another one had another face.",
        "scene_cut": "A scene cut ended the track.",
        "open_at_end": "The track was still open when the video ended.",
    }
)
"""What there is to know of a track, and what each flag means."""
