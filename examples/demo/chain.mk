# make -f chain.mk OUT=folder SONG=song.wav BACKING=other.wav
# A chunk set's manifest is written last, so it is the target to wait for.
OUT ?= demo
.DELETE_ON_ERROR:
.PHONY: all
all: $(OUT)/mix.wav $(OUT)/1-song.png $(OUT)/2-styled.png $(OUT)/3-mix.png

$(OUT)/song.chunks/manifest.json: $(SONG)
	audiokit spectro "$(SONG)" -o $(OUT)/song.chunks --chunk 10s --overlap 1s --force

$(OUT)/styled.chunks/manifest.json: $(OUT)/song.chunks/manifest.json
	audiokit stylize $(OUT)/song.chunks -o $(OUT)/styled.chunks --force

$(OUT)/styled.wav: $(OUT)/styled.chunks/manifest.json
	audiokit run 'invert | normalize --to -14' $(OUT)/styled.chunks -o $@ --force

$(OUT)/mix.wav: $(OUT)/styled.wav $(BACKING)
	audiokit mix $< "$(BACKING)" --gain 0dB --gain -9dB --length first -o - | audiokit normalize - --to -14 -o $@ --force

$(OUT)/1-song.png: $(SONG)
	audiokit spectro "$(SONG)" -o $@ --kind mel --force
$(OUT)/2-styled.png: $(OUT)/styled.wav
	audiokit spectro $< -o $@ --kind mel --force
$(OUT)/3-mix.png: $(OUT)/mix.wav
	audiokit spectro $< -o $@ --kind mel --force
