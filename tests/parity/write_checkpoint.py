"""Write a checkpoint with TensorFlow, in the package's environment: write_checkpoint.py VARIABLES.npz FOLDER"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

tf.compat.v1.disable_eager_execution()
folder = Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
with np.load(sys.argv[1]) as values, tf.compat.v1.Session() as session:
    for name in values.files:
        tf.compat.v1.get_variable(name.replace("|", "/"), initializer=values[name])
    tf.compat.v1.get_variable("global_step", initializer=np.int64(0), trainable=False)
    session.run(tf.compat.v1.global_variables_initializer())
    tf.compat.v1.train.Saver().save(session, str(folder / "model"), write_meta_graph=False)
(folder / ".probe").write_text("OK")
