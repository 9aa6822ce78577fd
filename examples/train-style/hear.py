"""Ask a network that tags music whether styled songs are nearer to jazz: `musicnn`, which knows a million songs.

    python hear.py --jazz JAZZ... --songs SONG... --styled STYLED...

Runs in an environment of its own (`pip install 'tensorflow-cpu==2.12.*' 'numpy<1.24' 'librosa<0.11' soundfile` and
`pip install --no-deps musicnn`, whose package carries its weights). Prints, for every song and its styled version, the
probability of the tag "jazz" and the cosine of its embedding (200 values before the tags, mean over 3 s windows) with
the mean of the jazz recordings'.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")


def hear(path):
    from musicnn.extractor import extractor

    tags, names, features = extractor(
        str(path), model="MSD_musicnn", input_length=3, input_overlap=False, extract_features=True
    )
    return float(tags.mean(axis=0)[names.index("jazz")]), features["penultimate"].mean(axis=0)


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-12))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("jazz", "songs", "styled"):
        parser.add_argument(f"--{name}", nargs="+", type=Path, required=True)
    options = parser.parse_args()
    jazz = np.mean([hear(path)[1] for path in options.jazz], axis=0)
    print("| song | jazz tag | styled | cosine with jazz | styled |\n|---|---|---|---|---|")
    nearer = [0, 0]
    for song, styled in zip(options.songs, options.styled, strict=True):
        (tag, place), (tag_after, place_after) = hear(song), hear(styled)
        before, after = cosine(place, jazz), cosine(place_after, jazz)
        nearer = [nearer[0] + (tag_after > tag), nearer[1] + (after > before)]
        print(f"| {song.stem} | {tag:.3f} | {tag_after:.3f} | {before:.3f} | {after:.3f} |", flush=True)
    print(f"\nnearer to jazz: by the tag {nearer[0]}, by the embedding {nearer[1]}, of {len(options.songs)}")


if __name__ == "__main__":
    main()
