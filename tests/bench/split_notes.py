"""What is said below each table of `bench_split`."""

from __future__ import annotations

NOTES = {
    "songs": "Excerpts of 30 s with true stems, by an act five of whose songs are in the training data; these are not. "
    "SDR is museval's, the median over seconds. Spleeter's 2stems are the published weights, imported.",
    "mixes": "Six seconds each of voices and players that were not trained on, the voice in the middle and 5 dB below. "
    "The loops of mika last 8 s and that of tabla 10.7 s: beats repeat within the six, the loops do not come round.",
    "development": "Excerpts of 6 to 15 s of thirteen songs that nothing was trained on, but on which it was chosen "
    "what ships: eight of MUSDB18, whose terms allow to measure on it, and five from demonstrations of players. "
    "`python -m tests.bench.excerpts` cuts them, and those of acts and others too.",
    "acts": "Excerpts of acts that nothing was trained or chosen on, from demonstrations of players, at a peak of .9: "
    "15 s twice of an electronic song (leapj), 30 s of a pop song (wfp) whose voice is as loud as the rest, and 21 s "
    "of an arrangement of ten instruments whose voice is far below (bway). A further one, salsa, is left out: the "
    "file that it calls a voice is the one that it calls clave, conga, guiro, maracas and trombone.",
    "others": "Excerpts of 10 to 15 s of eleven more songs that nothing was trained or chosen on: five of MUSDB18 and "
    "six from demonstrations of players.",
    "drums": "Excerpts of 15 to 30 s with true stems, the seconds in which drums sound. The network that was tried is "
    "a band U-Net like that for voices with a part of its own for the lowest bands, trained for half an hour of "
    "processor time on four songs by the act of Potassium and Francium and on made-up bands; nothing was trained or "
    "chosen on the excerpts. It was to ship at a mean of 4 dB. Six excerpts are above HPSS; in Potassium, whose drums "
    "are 12 to 15 dB below the mix, it takes a bass of separate strokes for a bass drum. Those of leapj were cut by "
    "hand.",
    "speed": "The same full-size weights of random numbers for both programs, except for the built-in model; start "
    "included in the first column; one run each.",
    "memory": "Stereo, 44.1 kHz, two stems. Spleeter's row is older than the other.",
    "segments": "A made-up song of 75 s.",
}
