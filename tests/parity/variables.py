"""Write the weights of a Spleeter model folder as an .npz of TensorFlow variables: variables.py MODEL OUT.npz"""

import sys

import numpy as np

from audiokit.models.folder import checkpoint
from audiokit.models.separation.spleeter_unet import to_variables

net, card = checkpoint.load(sys.argv[1], kind="split")
names = {key: key.replace("/", "|") for key in to_variables(net.state_dict(), len(card["labels"]))}
np.savez(
    sys.argv[2], **{names[key]: value for key, value in to_variables(net.state_dict(), len(card["labels"])).items()}
)
