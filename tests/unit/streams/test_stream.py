"""Tracks and best shots of films in which everything is known."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError, UnknownNameError
from fiqa.streams import stream as stream_module
from fiqa.streams.stream import Stream


@pytest.mark.parametrize("known", [True, False])
def test_one_face_is_one_track_with_its_best_moments(films: ModuleType, known: bool) -> None:
    good = {21: 0.9, 75: 0.85, 129: 0.8}
    film = films.Film().add(180, lambda i: [films.Actor(0, 40 + i / 4, quality=good.get(i, 0.55))])
    played = films.play(film, known=known, k=3)
    (track,) = played.tracks
    assert len(track) == len(played.rows) == 180
    assert track.frames.tolist() == list(range(180))
    assert sorted(shot.frame for shot in track.best) == [21, 75, 129]
    assert track.best[0].frame == 21
    assert track.best[0].quality == pytest.approx(0.9, abs=0.01)
    # only every third frame is looked at, the boxes between are where the face is
    assert played.stream.engine.detector.looked == 60
    assert np.abs(track.boxes[:, 0] - (40 + np.arange(180) / 4)).max() < 1.0
    assert np.isfinite(track.quality).sum() == 60
    assert ("identity_unverified" in track.flags) == (not known)
    assert track.purity == (1.0 if known else None)
    assert track.person == (1 if known else None)


def crossing(films: ModuleType, i: int) -> list:
    return [films.Actor(0, 10 + 2 * i), films.Actor(1, 240 - 2 * i, 66.0)]


@pytest.mark.parametrize("known", [True, False])
def test_two_that_cross_stay_pure(films: ModuleType, known: bool) -> None:
    played = films.play(films.Film().add(116, lambda i: crossing(films, i)), known=known)
    assert len(played.tracks) == 2
    assert played.purity() >= 0.98


def test_two_that_meet_and_turn_back_stay_pure(films: ModuleType) -> None:
    """Velocity alone would let them pass through each other."""

    def cast(i: int) -> list:
        way = i if i < 45 else 90 - i
        return [films.Actor(0, 20 + 2 * way), films.Actor(1, 230 - 2 * way, 66.0)]

    played = films.play(films.Film().add(90, cast))
    assert played.purity() >= 0.98
    for track in played.tracks:
        assert len({played.who(shot.frame, shot.box) for shot in track.best}) == 1


def test_a_swap_with_a_gap_is_two_tracks_within_a_second(films: ModuleType) -> None:
    film = films.Film().add(90, lambda i: [films.Actor(0, 100)]).add(15, lambda i: [])
    film.add(90, lambda i: [films.Actor(1, 104)])
    played = films.play(film)
    assert len(played.tracks) == 2
    assert {track.person for track in played.tracks} == {1, 2}
    second = next(e for e in played.events if e.kind == "track_split")
    assert second.time - 105 / 30 < 1.0
    assert played.purity() == 1.0


def test_no_foreign_pick_after_a_hard_swap(films: ModuleType) -> None:
    """The second driver is better in every frame; none of them may become the first one's shot."""
    film = films.Film().add(95, lambda i: [films.Actor(0, 100, quality=0.6)])
    film.add(95, lambda i: [films.Actor(1, 101, quality=0.9)])
    played = films.play(film)
    assert played.purity() >= 0.98
    owners = {}
    for track in played.tracks:
        owners[track.id] = {played.who(shot.frame, shot.box) for shot in track.best}
    assert sorted(owners.values()) == [{0}, {1}]
    assert all("split" in track.flags for track in played.tracks)


def test_without_a_recognizer_a_swap_is_not_seen_and_that_is_said(films: ModuleType) -> None:
    film = (
        films.Film()
        .add(60, lambda i: [films.Actor(0, 100)])
        .add(60, lambda i: [films.Actor(1, 101)])
    )
    (track,) = films.play(film, known=False).tracks
    assert "identity_unverified" in track.flags
    assert track.template is None


def test_one_wrong_check_splits_nothing(films: ModuleType) -> None:
    film = films.Film().add(180, lambda i: [films.Actor(1 if 90 <= i < 92 else 0, 100)])
    played = films.play(film)
    (track,) = played.tracks
    assert all(played.who(shot.frame, shot.box) == 0 for shot in track.best)
    assert not 90 <= min(abs(shot.frame - 91) for shot in track.best) < 92


def test_a_mask_put_on_is_one_person(films: ModuleType) -> None:
    film = films.Film().add(60, lambda i: [films.Actor(0, 100)])
    film.add(60, lambda i: [films.Actor(0, 100, quality=0.3, masked=True)])
    (track,) = films.play(film).tracks
    assert track.person == 1
    assert all(shot.frame < 60 for shot in track.best)


def test_a_face_that_comes_back_goes_on_as_the_same_track(films: ModuleType) -> None:
    film = films.Film(rate=10.0).add(30, lambda i: [films.Actor(0, 40)]).add(100, lambda i: [])
    film.add(30, lambda i: [films.Actor(0, 220)])
    played = films.play(film)
    (track,) = played.tracks
    assert played.kinds()["track_resumed"] == played.kinds()["track_lost"] == 1
    assert played.kinds()["track_started"] == 1
    # the look that finds it again comes two frames late
    assert len(track) == 58
    # nobody can know it again without a recognizer
    assert len(films.play(film, known=False).tracks) == 2


def test_a_jump_is_followed_by_the_face_alone(films: ModuleType) -> None:
    """The box is elsewhere at once: overlap has nothing to say."""
    film = films.Film().add(60, lambda i: [films.Actor(0, 20)])
    film.add(60, lambda i: [films.Actor(0, 200)])
    (track,) = films.play(film).tracks
    assert track.id == "stream-1"
    assert len(track) == 120
    # a number that nobody was told of is given again
    film.add(60, lambda i: [films.Actor(0, 200), films.Actor(1, 20)])
    assert [track.id for track in films.play(film).tracks] == ["stream-1", "stream-2"]
    assert len(films.play(film, known=False).tracks) > 2


def test_five_minutes_without_a_face(films: ModuleType) -> None:
    film = films.Film(rate=2.0).add(20, lambda i: [films.Actor(0, 40)]).add(600, lambda i: [])
    film.add(20, lambda i: [films.Actor(0, 40)])
    played = films.play(film, detect_every=1)
    assert [track.person for track in played.tracks] == [1, 1]
    assert len(played.rows) == 640
    assert sum(row["state"] == "no_face" for row in played.rows) >= 590
    # what the first one was is forgotten after 30 seconds
    first = next(e for e in played.events if e.kind == "track_ended")
    assert 40 < first.time < 43


def test_a_covered_lens_is_not_a_driver_who_is_gone(films: ModuleType) -> None:
    film = films.Film().add(60, lambda i: [films.Actor(0, 100)]).add(60, lambda i: [])
    black = np.zeros((180, 320, 3), np.uint8)
    black[0, 0] = (0, 60, 0)  # frame 60, where the finder finds nobody
    for covered, state in ((True, "covered"), (False, "no_face")):
        rows: list = []
        stream = Stream(detector=films.Finder(film), model=films.Judge(), rows=rows.append)
        events = []
        for number, (time, image) in enumerate(film):
            events += stream.push(black if covered and number >= 60 else image, time=time)
        events += stream.close()
        told = [event.detail for event in events if event.kind == "state_changed"]
        assert told[-1] == state
        assert {row["state"] for row in rows if row["frame"] > 65} == {state}
        assert not any(event.kind == "scene_cut" for event in events)


def test_a_scene_cut_ends_tracks(films: ModuleType) -> None:
    film = films.Film().add(60, lambda i: [films.Actor(0, 100)])
    stream = Stream(detector=films.Finder(film), model=films.Judge())
    events = []
    for number in range(60):
        events += stream.push(film.image(number, scene=number >= 30), time=number / 30)
    events += stream.close()
    assert [event.frame for event in events if event.kind == "scene_cut"] == [30]
    tracks = [event.ended for event in events if event.ended is not None]
    assert ["scene_cut" in track.flags for track in tracks] == [True, False]
    assert "open_at_end" in tracks[1].flags


def test_below_the_floor_the_best_one_is_flagged(films: ModuleType) -> None:
    film = films.Film().add(90, lambda i: [films.Actor(0, 100, quality=0.35 if i == 45 else 0.2)])
    (track,) = films.play(film).tracks
    assert [shot.frame for shot in track.best] == [45]
    assert "below_floor" in track.flags
    # a lower floor lets it through
    (track,) = films.play(film, floor=(0.1, 0.1)).tracks
    assert "below_floor" not in track.flags


def test_options_change_what_they_say(films: ModuleType) -> None:
    film = films.Film().add(120, lambda i: [films.Actor(0, 100, quality=0.6 + i / 1000)])
    (wide,) = films.play(film, k=2, gap=2.0).tracks
    (near,) = films.play(film, k=2, gap=0.0).tracks
    assert abs(wide.best[0].time - wide.best[1].time) > 1.0
    assert abs(near.best[0].time - near.best[1].time) < 0.5
    assert len(films.play(film, k=1).tracks[0].best) == 1
    rare, often = (films.play(film, embed_every=n) for n in (60, 3))
    assert rare.stream.engine.recognizer.asked < often.stream.engine.recognizer.asked
    assert films.play(film, detect_every=10).stream.engine.detector.looked == 12
    assert films.play(film, regime="nir").tracks[0].regime == "nir"
    assert films.play(film).tracks[0].regime == "rgb"
    grey = Stream(detector=films.Finder(film), model=films.Judge())
    for time, image in film:
        plain = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
        plain[0, 0] = image[0, 0]
        grey.push(plain, time=time)
    assert [e.ended.regime for e in grey.close() if e.ended is not None] == ["nir"]


def test_more_faces_than_tracks(films: ModuleType) -> None:
    film = films.Film().add(60, lambda i: [films.Actor(w, 4 + 78 * w) for w in range(4)])
    played = films.play(film, max_tracks=2)
    assert len(played.tracks) == 2
    assert played.kinds()["too_many_faces"] == 1


def test_memory_is_bounded(films: ModuleType) -> None:
    rng = np.random.default_rng(0)
    quality = rng.uniform(0.4, 0.9, 600)
    film = films.Film().add(600, lambda i: [films.Actor(0, 100, quality=float(quality[i]))])
    stream = Stream(
        detector=films.Finder(film),
        model=films.Judge(),
        recognizer=films.Knower(),
        k=2,
        detect_every=1,
    )
    for time, image in film:
        stream.push(image, time=time)
        for track in stream._tracks.all:
            assert len(track.shots) <= 4 * 2
            assert len(track.history) <= 2
        assert len(stream._drafts) <= 32
    (event,) = [event for event in stream.close() if event.ended is not None]
    assert event.ended is not None
    assert event.ended.best[0].quality > 0.88
    assert repr(event.ended).startswith(
        "Track('stream-1', 0.00 to 19.97 s, frames 0 to 599, best 0.9"
    )
    assert len(event.ended) == 2


def test_a_damaged_frame_is_not_looked_at(films: ModuleType) -> None:
    film = films.Film().add(60, lambda i: [films.Actor(0, 100)])
    rows: list = []
    stream = Stream(
        detector=films.Finder(film), model=films.Judge(), rows=rows.append, detect_every=1
    )
    for number, (time, image) in enumerate(film):
        damaged = 20 <= number < 30
        stream.push(
            None if number == 25 else image,
            time=time,
            state="damaged" if damaged and number != 25 else "ok",
        )
    stream.close()
    assert [row["frame"] for row in rows if row["state"] == "damaged"] == list(range(20, 30))
    assert stream.engine.detector.looked == 50
    assert {row["track"] for row in rows if row["state"] == "ok"} == {"stream-1"}


def test_realtime_drops_detections_first(
    films: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = films.Film().add(120, lambda i: [films.Actor(0, 100)])
    now = [0.0]
    monkeypatch.setattr(stream_module.clock, "monotonic", lambda: now[0])
    for cost, share in ((0.0, 0.0), (0.1, 0.8)):
        now[0] = 0.0
        stream = Stream(detector=films.Finder(film), model=films.Judge(), realtime=True)
        for time, image in film:
            now[0] += cost
            stream.push(image, time=time)
        assert stream.dropped_share >= share
        assert (stream.dropped_share > 0) == (share > 0)
        tracks = [event.ended for event in stream.close() if event.ended is not None]
        assert len(tracks) == 1


def test_what_is_refused(films: ModuleType) -> None:
    film = films.Film().add(2, lambda i: [films.Actor(0, 100)])
    fakes = {"detector": films.Finder(film), "model": films.Judge()}
    stream = Stream(**fakes)
    stream.push(film.image(0), time=1.0)
    with pytest.raises(InputError, match=r"time must be after the last, 1\.0, got 1\.0"):
        stream.push(film.image(1), time=1.0)
    with pytest.raises(ShapeError, match="frame must have shape"):
        stream.push(np.zeros((5, 5), np.uint8), time=2.0)
    for name, value in (("k", 0), ("gap", -1.0), ("floor", (0.3, 0.4)), ("detect_every", 0)):
        with pytest.raises(InputError, match=name):
            Stream(**fakes, **{name: value})
    with pytest.raises(UnknownNameError, match="regime"):
        Stream(**fakes, regime="infrared")
    with pytest.raises(InputError, match="threshold must come with a recognizer"):
        Stream(**fakes, threshold=0.3)
    nameless = films.Knower()
    nameless.match_threshold = None
    with pytest.raises(InputError, match="no match_threshold"):
        Stream(**fakes, recognizer=nameless)
    assert Stream(**fakes, recognizer=nameless, threshold=0.3).engine.threshold == 0.3
