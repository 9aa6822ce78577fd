"""The calls: a name, and command lines that are run one after the other in the same folder, without `audiokit` itself.

A line may be a pipeline (`|`) with `< FILE` and `> FILE`; `in/` holds what `inputs.py` makes.
"""

from __future__ import annotations

CALLS: dict[str, str] = {
    # The program itself.
    "help": """
        --help
        split --help
        info --help
        spectro --help
        invert --help
        stylize --help
        align-beats --help
        chunk --help
        morph --help
        augment --help
        normalize --help
        denoise --help
        generate --help
        mix --help
        sing --help
        train --help
        models --help
        score --help
        page --help
    """,
    "help-inner": """
        train gan --help
        train mel2linear --help
        train cyclegan --help
        train pix2pix --help
        train travel --help
        train vocal-cyclegan --help
        train vocoder --help
        train denoiser --help
        train notes --help
        train dcgan --help
        train splitter --help
        models list --help
        models info --help
        models verify --help
        models pull --help
        models import --help
        models export --help
    """,
    "usage": """
        --version
        nonsense
        split
        normalize in/song.wav
        normalize in/song.wav -o out.wav --to 5
        normalize in/song.wav -o out.wav --to loud
        normalize in/song.wav -o out.wav --frobnicate
        normalize in/song.wav in/voice.wav -o out.wav
        normalize in/song.wav -o - --json
        normalize in/song.wav in/short.flac -o -
        normalize - in/song.wav -o out/
        normalize in/song.wav in/songs/../song.wav -o out/
        normalize in/song.wav -o out/ --name '{colour}.{ext}'
        normalize in/song.wav -o out.xyz
        train
        train nonsense
        models
        models nonsense
    """,
    # Batches: plans, names, what exists, what fails, processes.
    "batch-dry-run": """
        normalize in/songs in/song.wav -o out/ --dry-run
        split in/songs -o out/ --dry-run --name '{stem}-{part}.{ext}'
        spectro in/songs -o sets/ --format tar --dry-run
        chunk in/songs -o out/ --every 1s --dry-run
        sing in/speech.wav --over in/backing.wav -o v.wav --dry-run
    """,
    "batch-exists": """
        normalize in/songs -o out/ --to -20
        normalize in/songs -o out/ --to -20
        normalize in/songs -o out/ --to -20 --skip-existing
        normalize in/songs -o out/ --to -22 --skip-existing
        normalize in/songs in/short.flac -o out/ --to -22 --skip-existing --json
        normalize in/songs -o out/ --to -16 --force --quiet
    """,
    "batch-sets-exist": """
        spectro in/songs -o out/ --n-fft 512
        spectro in/songs -o out/ --n-fft 512 --skip-existing
        spectro in/songs/a.wav -o out/a.chunks
        spectro in/songs/a.wav -o out/a.chunks --force
    """,
    "batch-names": """
        normalize in/songs -o out/ --name '{parent}/{stem}-loud.{ext}'
        normalize in/song.wav -o .
        normalize in/song.wav -o new/deep/song.flac
    """,
    "batch-failures": """
        normalize in/mixed in/cut.wav in/nan.wav -o out/ --json
        spectro in/mixed in/song.wav in/nowhere.wav -o sets/
        normalize in/mixed in/zero.wav -o all/ --fail-fast
        chunk in/mixed in/cut.wav -o cut/ --every 0.5s
    """,
    "batch-jobs": """
        normalize in/songs in/mixed -o out/ --to -20 --jobs 2 --json
        spectro in/songs -o sets/ --jobs 2
        augment in/songs -o varied/ --recipe in/recipe.toml --copies 2 --jobs 2
    """,
    # Inputs that are no sound, or hardly one.
    "odd-broken": """
        normalize in/nowhere.wav -o a.wav
        normalize in/text.wav -o a.wav
        normalize in/zero.wav -o a.wav
        normalize in/cut.wav -o a.wav
        normalize in/nan.wav -o a.wav
        normalize in/half.flac -o a.wav
        normalize in/hollow -o a/
        normalize - -o a.wav
        normalize - -o a.wav < in/text.wav
        normalize - -o a.wav < in/cut.wav
        spectro - -o - < in/half.flac
        invert in/song.wav -o a.wav
        denoise in/text.wav -o a.wav
        mix in/song.wav in/text.wav -o a.wav
        morph in/note.wav in/zero.wav -o a.wav
        augment in/cut.wav -o a.wav
        stylize in/nan.wav -o a.wav
        split in/text.wav -o a/
        sing in/cut.wav --over in/backing.wav -o a.wav
        sing in/speech.wav --over in/text.wav -o a.wav
        align-beats in/zero.wav
    """,
    "odd-small": """
        normalize in/silence.wav in/moment.wav in/one.wav in/empty.wav -o loud/ --json
        spectro in/silence.wav in/moment.wav in/one.wav in/empty.wav -o sets/
        invert sets/ -o back/
        chunk in/silence.wav in/moment.wav in/one.wav in/empty.wav -o pieces/ --every 0.5s
        mix in/moment.wav in/silence.wav in/one.wav -o mix.wav
        align-beats in/silence.wav
        align-beats in/silence.wav --bpm 100 -o steady.wav
    """,
    "odd-small-models": """
        denoise in/silence.wav in/moment.wav in/one.wav in/empty.wav -o clean/
        split in/silence.wav in/moment.wav in/one.wav in/empty.wav -o stems/ --quality fast
        stylize in/silence.wav in/moment.wav in/one.wav in/empty.wav -o styled/
        augment in/silence.wav in/moment.wav in/one.wav in/empty.wav -o varied/
        sing in/silence.wav --over in/backing.wav -o v.wav
        morph in/moment.wav in/one.wav -o m.wav
    """,
    "odd-wide": """
        normalize in/six.wav in/telephone.wav in/loud.wav -o loud/ --to -20
        spectro in/six.wav -o six.chunks
        invert six.chunks -o back.wav
        denoise in/telephone.wav -o clean.wav
        mix in/six.wav in/telephone.wav -o mix.wav
        split in/telephone.wav -o stems/ --quality fast
    """,
    # split
    "split": "split in/song.wav -o stems/ --residual",
    "split-engines": """
        split in/short.flac -o hpss/ --engine hpss --json
        split in/short.flac -o repet/ --engine repet --subtype PCM_24
        split in/short.flac -o center/ --engine center --stems vocals --name '{stem}-{part}.{ext}' --format flac
        split in/short.ogg -o out.flac --engine center --stem vocals
    """,
    "split-batch": "split in/songs -o out/ --engine hpss --jobs 2 --format flac",
    "split-model": """
        models export splitter-2stems -o mine/
        split in/short.flac -o one/ --model mine --quality fast --segment 1s
        split in/six.wav -o six/ --quality fast --stem accompaniment --clip limit
    """,
    "split-pipe": "split in/song.wav --quality fast --stem vocals -o - | denoise - -o - | normalize - -o v.wav",
    "split-errors": """
        split in/short.flac -o a/ --engine demucs
        split in/short.flac -o a/ --stem piano
        split in/short.flac -o -
        split in/short.flac -o a/ --model nowhere
        split in/short.flac -o a/ --model denoiser
        split in/short.flac -o a/ --model in/junk.pth
        split in/short.flac -o a/ --segment never
        split in/short.flac -o a/ --engine magic
        split in/short.flac -o a.wav
        split in/short.flac -o a/ --device cuda
        split in/short.flac -o a/ --model spleeter-2stems
    """,
    # info
    "info": """
        info in/song.wav in/band.wav in/short.flac in/short.ogg in/short.mp3 in/short.aiff --check
        info in/song.wav in/six.wav in/loud.wav in/empty.wav --json
        info in/made.chunks in/made.tar in/mel.npy --check
        info in/made.chunks in/made.tar in/mel.npy --json
        info - < in/song.wav
        info - --chunks --check < in/made.tar
        info in/short.mp3 --check
    """,
    "info-errors": """
        info in/song.wav in/text.wav
        info in/text.wav
        info in/zero.wav
        info in/nan.wav --check
        info in/cut.wav --check
        info in/spoiled.chunks --check
        info in/spoiled.chunks
        info in/cut.tar --check
        info in/nowhere.wav
        info in/hollow
        info - < in/made.tar
        info in/tune.mid
    """,
    "info-history": """
        spectro in/short.flac -o set.chunks --n-fft 512
        invert set.chunks -o back.wav
        normalize back.wav -o loud.flac --to -18
        info set.chunks back.wav loud.flac --check
        info set.chunks back.wav loud.flac --json
        spectro loud.flac -o - | info - --chunks --json
    """,
    # spectro
    "spectro": """
        spectro in/song.wav -o song.chunks
        spectro in/short.flac -o short.chunks --chunk 0.5s --overlap 0.1s --n-fft 1024 --hop 300 --json
        spectro in/short.flac -o short.tar --kind magnitude --chunk 64f --overlap 16f --scale db
        spectro in/short.flac -o array.npy --kind mel --n-mels 40 --fmin 50 --fmax 6000 --mono
        spectro in/short.flac -o whole.chunks --chunk all --rate 16000 --window blackman
    """,
    "spectro-presets": """
        spectro in/short.flac -o a.chunks --preset cyclegan-music
        spectro in/short.flac -o b.chunks --preset linear-music
        spectro in/short.flac -o c.chunks --preset vocal-cyclegan
        spectro in/short.flac -o d.chunks --preset melgan
        spectro in/short.flac -o e.chunks --preset hifigan
        spectro in/short.flac -o f.chunks --preset parallel-wavegan
        spectro in/short.flac -o g.npy --preset vocos
        spectro in/short.flac -o h.npy --preset nsynth-ri
        spectro in/short.flac -o i.tar --preset gansynth --hop 128
    """,
    "spectro-picture": """
        spectro in/song.wav -o song.png
        spectro in/songs -o pictures/ --format png --kind mel
    """,
    "spectro-folder": """
        spectro in/songs -o arrays/ --format npy --preset melgan --name '{stem}.mel.{ext}'
        spectro in/songs -o tars/ --format tar --kind magnitude
    """,
    "spectro-data-set": """
        spectro in/songs -o data/ --split train:0.5,valid:0.5 --preset cyclegan-music --chunk 32f --overlap 0f
        spectro in/songs -o shards/ --shards 1MB --preset melgan --chunk 32f --split train:0.7,test:0.3 --seed 3
        spectro data -o packed/ --shards 200kB
        spectro in/mixed in/songs -o partly/ --split train:1 --split-by folder
    """,
    "spectro-pipe": """
        spectro in/song.wav -o - > stream.tar
        spectro - -o - --chunk 1s < in/telephone.wav > telephone.tar
        spectro in/song.wav -o - --kind mel | invert - -o - --iterations 4 > back.wav
    """,
    "spectro-errors": """
        spectro in/short.flac -o a.chunks --kind cqt
        spectro in/short.flac -o a.chunks --chunk 1s --overlap 2s
        spectro in/short.flac -o a.chunks --preset nothing
        spectro in/short.flac -o a.chunks --n-fft 1
        spectro in/short.flac -o a.chunks --window kaiser
        spectro in/short.flac -o a.chunks --hop 5000
        spectro in/short.flac -o a/ --format gif
        spectro in/short.flac -o a/ --split train:0
        spectro in/short.flac -o a/ --shards many
        spectro in/text.wav -o a.chunks
        spectro in/nan.wav -o a.chunks
    """,
    # invert
    "invert-exact": """
        spectro in/band.wav -o - --chunk 1s --overlap 0.25s | invert - -o back.wav
        spectro in/six.wav -o - --n-fft 512 | invert - -o - | info - --json
        spectro in/short.flac -o - --preset nsynth-ri | invert - -o ri.wav
        spectro in/short.flac -o - --preset gansynth | invert - -o gansynth.wav
    """,
    "invert-phase": """
        spectro in/short.flac -o m.chunks --kind magnitude
        invert m.chunks -o default.wav --json
        invert m.chunks -o pghi.wav --method pghi
        invert m.chunks -o random.wav --init random --iterations 8 --seed 5
        invert m.chunks -o source.wav --init source --source in/short.flac --iterations 2
        invert m.chunks -o griffin.flac --method griffin-lim --iterations 3
    """,
    "invert-mel": """
        spectro in/short.flac -o a.chunks --preset melgan
        invert a.chunks -o network.wav
        invert a.chunks -o solved.wav --model none --iterations 4
        spectro in/short.flac -o b.npy --preset cyclegan-music
        invert b.npy -o b.wav
        spectro in/short.flac -o - --preset vocal-cyclegan | invert - -o c.wav --iterations 2
    """,
    "invert-array": """
        invert in/mel.npy --preset cyclegan-music -o a.wav --iterations 4
        invert in/mel.npy -o b.wav --kind mel --rate 22050 --scale db --n-mels 128 --iterations 0
        invert in/mel.npy -o c.wav
        invert in/mel.npy -o d.wav --preset melgan
        invert in/spectra.tar -o e.wav --iterations 4
    """,
    "invert-folder": """
        spectro in/songs -o sets/ --kind magnitude --n-fft 512
        invert sets -o back/ --iterations 4 --jobs 2
        invert sets -o back/ --iterations 4 --skip-existing
    """,
    "invert-errors": """
        invert in/cut-spectra.tar -o a.wav
        invert - -o a.wav < in/cut-spectra.tar
        invert in/made.chunks -o a.wav
        invert in/hollow -o a/
        spectro in/short.flac -o m.chunks --kind magnitude --n-fft 512
        invert m.chunks -o a.wav --method istft
        invert m.chunks -o a.wav --init source
        invert m.chunks -o a.wav --init never
        invert m.chunks -o a.wav --vocoder in/junk.pth
        invert m.chunks -o b.wav --model nowhere
        invert m.chunks -o m.chunks
        spectro in/text.wav -o - | invert - -o c.wav
    """,
    # stylize
    "stylize": """
        stylize in/short.flac -o a.wav --json
        stylize in/short.flac -o b.flac --strength 0.5 --phase retrieve
        stylize in/loud.wav -o c.wav --subtype PCM_16 --clip limit
    """,
    "stylize-pipe": """
        spectro in/short.flac -o - | stylize - -o - | invert - -o a.wav
        spectro in/short.flac -o set.chunks --preset cyclegan-music
        stylize set.chunks -o styled.chunks
        stylize - -o - < in/telephone.wav | info -
    """,
    "stylize-folder": "stylize in/songs -o out/ --jobs 2 --name '{stem}-{part}.{ext}'",
    "stylize-optimize": "stylize in/short.flac -o a.wav --engine optimize --style in/songs/a.wav --iterations 2 --json",
    "stylize-errors": """
        stylize in/short.flac -o a.wav --model in/junk.pth
        stylize in/short.flac -o a.wav --model denoiser
        stylize in/short.flac -o a.wav --direction ba
        stylize in/short.flac -o a.wav --engine optimize
        stylize in/made.tar -o a.tar
        stylize in/cut-spectra.tar -o b.tar
    """,
    # align-beats
    "align-beats": """
        align-beats in/song.wav
        align-beats in/songs --json
        align-beats in/song.wav --to in/band.wav -o a.wav --beats-out a.json --click click.wav --picture grid.png
        align-beats in/song.wav --bpm 100 -o b.wav --beats-out b.txt --fit all --json
    """,
    "align-beats-stems": """
        align-beats in/voice.wav in/rhythm.wav --beats-from in/song.wav --to in/band.wav -o out/ --tempo mean
        align-beats in/rhythm.wav --to in/backing.wav -o r.wav --tempo mean --reference-out ref.wav --key match
    """,
    "align-beats-more": """
        align-beats in/songs -o out/ --bpm 110 --each --jobs 2
        align-beats in/rhythm.wav --beats in/beats.txt -o a.flac --track-bpm 60
        align-beats - --bpm 110 -o - < in/rhythm.wav | info -
        align-beats in/rhythm.wav --click c.wav --picture p.png > beats.txt
    """,
    "align-beats-errors": """
        align-beats in/song.wav --beats in/beats-back.txt -o a.wav
        align-beats in/song.wav --bpm 100 --to in/band.wav -o a.wav
        align-beats in/song.wav --bpm 0 -o a.wav
        align-beats in/song.wav --tracker beat-this
        align-beats in/song.wav --bpm 100
        align-beats in/song.wav in/song.wav --bpm 100 -o a.wav
        align-beats in/song.wav --to in/silence.wav -o a.wav
    """,
    # chunk
    "chunk": """
        chunk in/song.wav -o a/ --every 2s
        chunk in/songs -o b/ --every 1s --overlap 50% --tail pad --format flac --rate 16000 --mono
        chunk in/song.wav -o c/ --at beats --beats 2 --tail drop --json
        chunk in/pauses.wav -o d/ --at silence --threshold -35dB --min 0.3s --max 1s --pause 0.1s
        chunk --join a/song -o joined.wav
        chunk --join c/song -o joined.flac
    """,
    "chunk-sets": """
        chunk in/song.wav -o a.chunks --every 1.5s --format chunks
        chunk in/songs -o sets/ --every 1s --overlap 0.25s --format chunks --jobs 2
        chunk in/song.wav --every 1s --format chunks -o - | chunk - --join -o same.wav
        chunk - --every 0.7s -o - < in/telephone.wav > telephone.tar
        chunk in/made.chunks --join -o made.wav
        chunk in/made.tar --join -o - > stream.wav
        chunk sets --join -o back/
    """,
    "chunk-errors": """
        chunk in/song.wav -o a/
        chunk in/song.wav -o a/ --every 0s
        chunk in/song.wav -o a/ --every 1s --overlap 100%
        chunk in/song.wav -o a/ --every 1s --at beats
        chunk in/song.wav -o a/ --at bars
        chunk in/song.wav -o a/ --every 1s --tail fold
        chunk in/cut.tar --join -o a.wav
        chunk in/spoiled.chunks --join -o a.wav
        chunk in/songs --join -o b/
        chunk in/silence.wav -o a/ --at silence
    """,
    # augment
    "augment": """
        augment in/short.flac -o a.wav --recipe music --seed 3 --json
        augment a.wav -o again.wav --like a.wav
        augment in/short.flac -o again.flac --like a.wav
        augment in/speech.wav -o b.wav --recipe speech --segment 1s
        augment in/note.wav -o c/ --recipe notes --copies 3
        augment - -o - --recipe in/recipe.toml < in/telephone.wav > d.wav
        augment in/loud.wav -o e.wav --recipe in/recipe.toml --subtype PCM_16 --clip allow
    """,
    "augment-errors": """
        augment in/short.flac -o a.wav --recipe nothing
        augment in/short.flac -o a.wav --recipe in/wrong.toml
        augment in/short.flac -o a.wav --recipe in/words.txt
        augment in/short.flac -o a.wav --like in/song.wav
        augment in/short.flac -o a.wav --copies 2
        augment in/short.flac -o - --copies 2
    """,
    # normalize
    "normalize": """
        normalize in/song.wav -o a.wav --json
        normalize in/song.wav -o b.flac --to -8 --peak -2
        normalize in/song.wav -o c.wav --mode peak --to -3
        normalize in/song.wav -o d.wav --mode rms --subtype FLOAT
        normalize in/song.wav -o e.wav --to -6 --no-limiter
        normalize in/speech.wav -o f.wav --dual-mono --lower-only --to -30
        normalize in/song.wav -o g.wav --range 3
    """,
    "normalize-match": """
        normalize in/voice.wav -o a.wav --reference in/band.wav
        normalize in/voice.wav -o b.wav --reference in/band.wav --spectrum
        normalize in/voice.wav -o c.wav --reference in/band.wav --per-frame
        normalize in/songs -o album/ --album --to -20 --json
    """,
    "normalize-measure": """
        normalize in/song.wav --measure
        normalize in/songs in/mixed --measure
        normalize - --measure < in/loud.wav
    """,
    "normalize-formats": """
        normalize in/short.mp3 -o a.wav
        normalize in/short.ogg -o b.ogg
        normalize in/short.flac -o c.mp3
        normalize in/short.aiff -o d.aiff
        normalize in/song.wav -o e.opus
        normalize in/telephone.wav -o f.wav
        normalize in/band.wav -o g.flac
        normalize in/song.wav -o h.w64
        normalize in/six.wav -o i.caf
        normalize in/song.wav -o j.wav --subtype PCM_24
        normalize in/song.wav -o k.mp3 --subtype PCM_24
        normalize in/six.wav -o l.mp3
    """,
    "normalize-pipe": "normalize - -o - --to -20 < in/loud.wav | normalize - -o - --to -12 | info - --json",
    "normalize-errors": """
        normalize in/song.wav -o a.wav --mode match
        normalize in/song.wav -o a.wav --mode louder
        normalize in/song.wav --measure -o a.wav
        normalize in/song.wav -o a.wav --reference in/silence.wav
        normalize in/song.wav -o a.wav --reference in/text.wav
        normalize in/song.wav -o a.wav --range 0.1
        normalize in/song.wav -o in/song.wav
    """,
    # denoise
    "denoise": """
        denoise in/noisy.wav -o a.wav --json
        denoise in/noisy.wav -o b.wav --engine wiener --noise in/noise.wav --strength 0.5
        denoise in/noisy.wav -o c.wav --engine gate --threshold 6
        denoise in/noisy.wav -o d.wav --engine mask --hard --threshold -50
        denoise in/short.flac -o e.flac
        denoise in/short.flac -o f.wav --content speech --engine neural
        denoise in/song.wav -o g.wav --content music
    """,
    "denoise-pipe": """
        denoise - -o - --engine wiener < in/noisy.wav | normalize - -o a.wav
        denoise in/songs -o out/ --jobs 2
        denoise - -o - < in/noisy.wav > b.wav
    """,
    "denoise-errors": """
        denoise in/noisy.wav -o a.wav --engine magic
        denoise in/noisy.wav -o b.wav --model splitter-2stems
        denoise in/noisy.wav -o a.wav --model nowhere
        denoise in/noisy.wav -o a.wav --engine neural --noise in/noise.wav
        denoise in/noisy.wav -o a.wav --hard
        denoise in/noisy.wav -o a.wav --noise in/silence.wav
        denoise in/noisy.wav -o a.wav --strength -1
    """,
    # generate
    "generate": """
        generate --pitch C3:C4:4 --family keyboard --velocity 50,110 --seconds 1 -o notes/ --sheet sheet.png
        generate --pitch C3:C4:4 --family keyboard --velocity 50,110 --seconds 1 -o notes/
        generate --pitch A4 --instrument cello --seconds 1 --reverb 0.6 --distortion 0.3 -o a4.flac --json
        generate --pitch 60 --qualities bright,percussive --seconds 0.5 -o - --rate 22050 | info - --json
        generate --pitch C2 --nearest --count 3 --variety 0.5 --seconds 0.5 -o n/ --nsynth
    """,
    "generate-kit": """
        generate --kit --family guitar --pitch C3,C4 --velocity 60,120 --seconds 1 -o kit/ --json
        generate --pitch C4 --interpolate marimba cello --steps 3 --seconds 0.7 -o steps/ --sheet steps.png
    """,
    "generate-like": """
        generate --like in/note.wav --pitch A3,E4 --seconds 1 -o like/
        generate --latent like/latents.npy --pitch C4 --seconds 0.5 -o latent/
        generate --midi in/tune.mid --like in/bell.wav -o bells.wav --seed 4
    """,
    "generate-errors": """
        generate -o a.wav --pitch H4
        generate -o a.wav --pitch C4,E4
        generate -o a.wav --pitch C4 --model denoiser
        generate -o a.wav --pitch C4 --qualities loudly
        generate -o a.wav --pitch C4 --like in/silence.wav
        generate -o a.wav --pitch C4 --latent in/mel.npy
    """,
    # mix
    "mix": """
        mix in/voice.wav in/rhythm.wav -o a.wav --gain -3dB --gain 0dB --json
        mix in/voice.wav in/band.wav -o b.flac --balance 2dB --length first
        mix in/song.wav in/telephone.wav in/short.flac -o c.wav --length shortest --gain -6dB
        mix in/song.wav in/band.wav in/loud.wav -o d.wav
        mix in/loud.wav in/loud.wav -o e.wav --subtype PCM_16 --clip limit
        mix in/loud.wav in/loud.wav -o f.wav --subtype PCM_16 --clip allow
        mix in/speech.wav in/song.wav -o g.wav --rate 48000 --channels 1
    """,
    "mix-pipe": """
        denoise in/voice.wav -o - | mix - in/band.wav -o - | normalize - -o a.wav
        mix in/voice.wav - -o b.wav < in/rhythm.wav
    """,
    "mix-errors": """
        mix in/song.wav -o a.wav --gain loud
        mix in/song.wav in/band.wav -o a.wav --gain 0dB --gain 0dB --gain 0dB
        mix in/song.wav in/nowhere.wav -o a.wav
        mix - - -o a.wav
        mix in/song.wav in/silence.wav -o a.wav --balance 0dB
        mix in/song.wav in/band.wav -o a.wav --length never
        mix in/song.wav in/band.wav -o in/song.wav
        mix in/song.wav in/band.wav -o a.wav --clip quietly
    """,
    # morph
    "morph": """
        morph in/note.wav in/bell.wav -o a.wav --json
        morph in/note.wav in/bell.wav -o b.wav --amount 0.25 --engine world --align
        morph in/note.wav in/bell.wav -o c.flac --curve 0:0,30%:0,1:1 --engine transport
        morph in/note.wav in/bell.wav -o d.wav --engine fade
        morph in/note.wav in/bell.wav -o - --engine fade --align | info - --json
        morph in/note.wav in/bell.wav -o e.wav --engine latent --amount 0.5
        morph - in/bell.wav -o - --engine transport < in/note.wav > f.wav
        morph in/short.flac in/telephone.wav -o g.wav --curve 0,1
    """,
    "morph-errors": """
        morph in/note.wav in/bell.wav -o a.wav --amount 2
        morph in/note.wav in/bell.wav -o a.wav --engine magic
        morph in/note.wav in/bell.wav -o a.wav --curve up
        morph in/note.wav in/bell.wav -o a.wav --engine latent --curve 0,1
        morph in/note.wav in/bell.wav -o a.wav --engine latent --model denoiser
        morph in/note.wav -o a.wav
        morph in/note.wav in/silence.wav -o a.wav --engine world
    """,
    # sing
    "sing": """
        sing in/speech.wav --over in/backing.wav -o a.wav --mix mix.wav --plan plan.json --harmony third --json
        sing in/speech.wav --over in/backing.wav -o b.wav --plan plan.json --pitch-correction 0.5 --vibrato 0
        sing in/speech.wav --over in/backing.wav -o c.wav --plan plan.mid --lyrics in/words.txt --bpm 110 --key A
    """,
    "sing-melodies": """
        sing in/speech.wav --over in/backing.wav -o a.wav --melody in/tune.mid --fit trim
        sing in/speech.wav --over in/backing.wav -o b.flac --guide in/hum.wav --fit loop --range C3-C4 --transpose 2
        sing - --over in/backing.wav -o - --quality best --scale blues --balance reference < in/speech.wav > c.wav
    """,
    "sing-network": """
        sing in/speech.wav --over in/backing.wav -o a.wav --engine both
        sing in/hum.wav --reverse -o b.wav
    """,
    "sing-errors": """
        sing in/speech.wav -o a.wav
        sing in/speech.wav --over in/moment.wav -o a.wav
        sing in/noise.wav --over in/backing.wav -o a.wav
        sing in/speech.wav --over in/backing.wav -o a.wav --key "H minor"
        sing in/speech.wav --over in/backing.wav -o a.wav --plan in/words.txt
        sing in/speech.wav --over in/backing.wav -o a.wav --harmony ninth
        sing in/talkers --over in/backing.wav -o out/ --mix m.wav
    """,
    # score
    "score": """
        normalize in/song.wav -o a.wav --to -24 --quiet
        score a.wav --ref in/song.wav
        score a.wav --ref in/song.wav --json
        score in/song.wav
        score in/song.wav in/loud.wav in/silence.wav --json
        score a.wav --ref in/song.wav --metrics si_sdr,lag --fail-under si_sdr_db=20 --fail-over lag_ms=1
        score a.wav --ref in/song.wav --metrics si_sdr,lag --fail-under si_sdr_db=90
        score in/noisy.wav --ref in/clean.wav --metrics pesq,stoi,lsd,mrstft,mcd
        score in/hum.wav --ref in/hum.wav --metrics pitch --json
        score in/song.wav --ref in/rhythm.wav --metrics beats
    """,
    "score-folders": """
        normalize in/stems/0 -o made/ --to -30 --quiet
        score made --ref in/stems/0 --json
        score made --ref in/stems/0 --jobs 2 --metrics si_sdr,lsd --json
        score made --ref in/stems/0 --metrics loudness
        score made --ref in/stems/0 --stems --metrics bss
    """,
    "score-errors": """
        score in/song.wav --ref in/nowhere.wav
        score in/song.wav --ref in/band.wav --metrics beauty
        score in/song.wav --ref in/band.wav --fail-under beauty=1
        score in/song.wav --ref in/band.wav --fail-under si_sdr_db
        score in/songs --ref in/stems/0
        score in/text.wav in/song.wav
        score in/song.wav --ref in/silence.wav
        score in/song.wav --metrics si_sdr
    """,
    # page
    "page": """
        normalize in/songs -o made/ --quiet
        spectro in/songs/a.wav -o made/a.png
        score made --ref in/songs --json > made/score.json
        page made
        page made
        page made -o linked.html --embed link --title "Linked & listed" --limit 2 --force
        page made -o mp3.html --embed mp3 --quiet
    """,
    "page-errors": """
        page in/hollow
        page in/nowhere
        page in/song.wav
        page in/songs --embed carrier-pigeon
        page in/mixed -o mixed.html
    """,
    # models
    "models": """
        models list
        models list --json
        models info splitter-2stems
        models info notes --json
        models verify splitter-2stems denoiser --json
        models export denoiser -o weights.safetensors
        models export denoiser -o weights.pt
        models export denoiser -o mine/
        models verify mine
        models info mine
        models import list
    """,
    "models-errors": """
        models info nowhere
        models export denoiser -o a.wav
        models export denoiser
        models import nothing in/junk.pth -o a
        models import melgan in/junk.pth -o a
        models import spleeter in/hollow -o a
        models pull nothing
        models pull spleeter-2stems --from in/archive.tar.gz
        models pull spleeter-2stems --from in/nowhere.tar.gz
    """,
    # train: every recipe for a step or two, and its model in use.
    "train-gan": """
        train gan in/style-a -o run --width 8 --frames 16 --batch 2 --steps 2 --licence MIT --source "made up"
        train gan in/style-a -o run --width 8 --frames 16 --batch 2 --steps 3
        train gan in/style-a -o run --width 9 --frames 16 --batch 2 --steps 3 --resume
        train gan in/style-a -o run --width 8 --frames 16 --batch 2 --steps 3 --resume
        generate --model run --count 2 -o drawn/
        page run -o run.html
    """,
    "train-cyclegan": """
        train cyclegan in/style-a in/style-b -o run --steps 2 --ngf 4 --blocks 1 --ndf 4 --frames 32 --json
        train cyclegan in/style-a in/style-b -o run --steps 3 --ngf 4 --blocks 1 --ndf 4 --frames 32 --resume --quiet
        models verify run run/G_B
        stylize in/short.flac -o a.wav --model run --direction ba
    """,
    "train-pix2pix": """
        train pix2pix in/style-a in/style-b -o run --steps 1 --generator resnet --ngf 4 --blocks 9 --ndf 4 --frames 32
        models export run -o latest_net_G.pt
        models import cyclegan latest_net_G.pt -o imported --set preset=cyclegan-music
        stylize in/short.flac -o a.wav --model latest_net_G.pt
        info run --check
    """,
    "train-travel": "train travel in/style-a in/style-b -o run --ngf 4 --blocks 1 --ndf 4 --batch 1 --steps 1",
    "train-denoiser": """
        train denoiser in/talkers --noise in/noises --judge in/talkers -o run --steps 1 --batch 1 --seconds 1
        denoise in/noisy.wav -o a.wav --model run
    """,
    "train-mel2linear": """
        train mel2linear in/songs --held-out in/short.flac -o run --width 8 --depth 1 --batch 1 --frames 16 --steps 2
        spectro in/short.flac -o a.chunks --kind mel
        invert a.chunks -o a.wav --model run/model --iterations 2
    """,
    "train-vocoder": """
        train vocoder in/talkers -o run --setting dim=16 --setting inside=32 --steps 1 --batch 1 --samples 4096
        spectro in/speech.wav -o a.chunks --preset vocos
        invert a.chunks -o a.wav --vocoder run
    """,
    "train-notes": """
        train notes in/notes -o run --steps 2 --width 8 --latent 4 --batch 2
        generate --model run --pitch C4 --seconds 0.5 -o a.wav
    """,
    "train-dcgan": """
        train dcgan in/style-a --held-out in/style-b -o run --width 4 --frames 16 --steps 1 --batch 2
        morph in/note.wav in/bell.wav -o a.wav --engine latent --model run --curve 0,1
    """,
    "train-splitter": """
        train splitter in/stems --judge in/stems -o run --steps 1 --batch 1 --seconds 1
        split in/short.flac -o out/ --model run --quality fast
    """,
    "train-vocal-cyclegan": """
        train vocal-cyclegan --speech in/talkers --vocals in/stems -o run --size tiny --steps 1 --batch 1
        sing in/speech.wav --over in/backing.wav -o a.wav --engine gan --model run
    """,
    "train-errors": """
        train gan in/songs
        train gan in/songs -o run --steps 0
        train gan in/mixed -o run --steps 1 --frames 100000
        train cyclegan in/style-a -o run --steps 1
        train pix2pix in/style-a in/songs -o run --steps 1
        train splitter -o run --steps 1
        train notes in/songs -o run --steps 1
        train denoiser in/talkers -o other --steps 1 --from splitter-2stems
        train gan in/songs -o run --steps 1 --device cuda
    """,
}
