"""A capsule network whose class capsules have one dimension from each lane."""

import keras

from caps_hvd.models.capsule_classifier import CapsuleClassifier


@keras.saving.register_keras_serializable(package="caps_hvd")
class MultiLaneClassifier(CapsuleClassifier):
    """Scores an image by the lengths of class capsules that lanes have filled, and may drop lanes.

    A step of training draws one set of lanes for its whole batch and leaves them out of the
    lengths, which the other lanes make up for: `|v_j| = sqrt(sum_k (m_k v_jk / (1 - rate))^2)` with
    m_k = 0 for a dropped lane k and 1 otherwise. The decoder sees all lanes. So does the program
    of the authors of MLCN, github.com/lmcad-unicamp/lanes-capsnet, which hands the capsules through
    Keras' dropout with one mask for batch and classes, and so with inverted scaling.

    Args:
        encoder, decoder: as in `CapsuleClassifier`; component k is that of lane k.
        lane_dropout: chance of a lane to be dropped, 0 or more and below 1. Defaults to 0.
        seed: of the draws. Ranks that take the same steps from one seed drop the same lanes.
            Defaults to None, any.
    """

    def __init__(self, encoder, decoder=None, lane_dropout=0.0, seed=None, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.dropout = keras.layers.Dropout(
            lane_dropout,
            noise_shape=(1, 1, encoder.output_shape[-1]),
            seed=seed,
            dtype="float32",
            name="lane_dropout",
        )

    @property
    def dimension_names(self):
        return [f"lane {index}" for index in range(self.encoder.output_shape[-1])]

    def score(self, capsules, training=False):
        return super().score(self.dropout(capsules, training=training), training)

    def get_config(self):
        return super().get_config() | {
            "lane_dropout": self.dropout.rate,
            "seed": self.dropout.seed,
        }
