"""Architectures by name: strings only, so that listing them imports nothing."""

from __future__ import annotations

#: Architecture name (as in model.json) -> "module:Class"; the class is built as Class(**settings).
ARCHITECTURES: dict[str, str] = {
    "resnet-generator": "audiokit.models.style.resnet_generator:ResnetGenerator",
    "patchgan": "audiokit.models.style.patchgan:PatchGan",
    "pix2pix-unet": "audiokit.models.style.pix2pix_unet:Pix2PixUnet",
    "simple-gan": "audiokit.models.style.simple_gan:SimpleGenerator",
    "travel-generator": "audiokit.models.style.travel_networks:TravelGenerator",
    "mel2linear": "audiokit.models.vocoders.mel2linear:Mel2Linear",
    "note-decoder": "audiokit.models.notes.decoder:NoteDecoder",
    "note-gan": "audiokit.models.notes.gan:NoteGan",
    "note-cgan": "audiokit.models.notes.cgan:NoteCgan",
    "note-autoencoder": "audiokit.models.notes.autoencoder:NoteAutoencoder",
    "dcgan": "audiokit.models.style.dcgan:Dcgan",
    "note-classifier": "audiokit.models.notes.classifier:NoteClassifier",
    "band-unet": "audiokit.models.separation.band_unet:BandUnet",
    "spleeter-unet": "audiokit.models.separation.spleeter_unet:SpleeterUnet",
    "mdx-net": "audiokit.models.separation.mdx_net:MdxNet",
    "mel-band-roformer": "audiokit.models.separation.roformer:MelBandRoformer",
    "bs-roformer": "audiokit.models.separation.roformer:BsRoformer",
    "melgan": "audiokit.models.vocoders.melgan:Melgan",
    "melgan-discriminator": "audiokit.models.vocoders.wave_discriminators:MelganDiscriminator",
    "hifigan": "audiokit.models.vocoders.hifigan:Hifigan",
    "vocos": "audiokit.models.vocoders.vocos:Vocos",
    "gtcrn": "audiokit.models.voice.gtcrn:Gtcrn",
    "wave-unet": "audiokit.models.separation.wave_unet:WaveUnet",
    "minirocket": "audiokit.models.voice.minirocket:MiniRocket",
    "vocal-cyclegan": "audiokit.models.voice.vocal_cyclegan:VocalCycleGan",
}
