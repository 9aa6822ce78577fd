"""Architectures by name: strings only, so that listing them imports nothing."""

from __future__ import annotations

#: Architecture name (as in model.json) -> "module:Class"; the class is built as Class(**settings).
ARCHITECTURES: dict[str, str] = {
    "resnet-generator": "audiokit.models.resnet_generator:ResnetGenerator",
    "patchgan": "audiokit.models.patchgan:PatchGan",
    "pix2pix-unet": "audiokit.models.pix2pix_unet:Pix2PixUnet",
    "simple-gan": "audiokit.models.simple_gan:SimpleGenerator",
    "travel-generator": "audiokit.models.travel_networks:TravelGenerator",
    "mel2linear": "audiokit.models.mel2linear:Mel2Linear",
    "note-decoder": "audiokit.models.note_decoder:NoteDecoder",
    "note-gan": "audiokit.models.note_gan:NoteGan",
    "note-cgan": "audiokit.models.note_cgan:NoteCgan",
    "note-autoencoder": "audiokit.models.note_autoencoder:NoteAutoencoder",
    "dcgan": "audiokit.models.dcgan:Dcgan",
    "note-classifier": "audiokit.models.note_classifier:NoteClassifier",
    "band-unet": "audiokit.models.band_unet:BandUnet",
    "spleeter-unet": "audiokit.models.spleeter_unet:SpleeterUnet",
    "melgan": "audiokit.models.melgan:Melgan",
    "melgan-discriminator": "audiokit.models.wave_discriminators:MelganDiscriminator",
    "hifigan": "audiokit.models.hifigan:Hifigan",
    "vocos": "audiokit.models.vocos:Vocos",
    "gtcrn": "audiokit.models.gtcrn:Gtcrn",
    "wave-unet": "audiokit.models.wave_unet:WaveUnet",
    "minirocket": "audiokit.models.minirocket:MiniRocket",
    "vocal-cyclegan": "audiokit.models.vocal_cyclegan:VocalCycleGan",
}
