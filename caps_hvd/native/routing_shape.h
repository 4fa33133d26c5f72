// The sizes of dynamic routing, and the arrays that its kernels work on.
//
//   b  image    i  input capsule, d its component    j  class    o  component of its capsule
//
// Input capsules are taken in strips of kStrip, the innermost axis of all large arrays, so that
// vectors run along capsules. A row is one component of one class: row = j * out_dim + o.

#ifndef CAPS_HVD_OPS_NATIVE_ROUTING_SHAPE_H_
#define CAPS_HVD_OPS_NATIVE_ROUTING_SHAPE_H_

#include <algorithm>
#include <cstdint>

constexpr int64_t kStrip = 32;

struct RoutingShape {
  int64_t batch, capsules, in_dim, classes, out_dim;

  int64_t rows() const { return classes * out_dim; }
  // Arrays over rows hold whole vectors.
  int64_t padded_rows() const { return (rows() + 15) / 16 * 16; }
  int64_t strips() const { return (capsules + kStrip - 1) / kStrip; }
  int64_t capsules_in(int64_t strip) const {
    return std::min(kStrip, capsules - strip * kStrip);
  }
  // Floats of a strip of all weights, [row][d][kStrip], and of all images' capsules, [b][d][kStrip].
  int64_t weight_strip() const { return padded_rows() * in_dim * kStrip; }
  int64_t capsule_strip() const { return batch * in_dim * kStrip; }
  // Floats of a strip of a coupling for each image and class, [b][j][kStrip].
  int64_t coupling_strip() const { return batch * classes * kStrip; }
};

// One strip in one iteration. Arrays over (b, row) have rows of padded_rows().
struct RoutingIteration {
  const float* weights;          // strip of the weights
  const float* capsules;         // strip of the capsules
  const float* agreed;           // (b, row): the outputs whose agreements are the logits, or null: 0
  const float* total_gradients;  // (b, row): for the total inputs, or null: forward
  float* couplings;              // strip of couplings to be kept, or null
  float* logit_gradients;        // strip of gradients to be kept; null with total_gradients
  float* votes;                  // (b, row): sums are added here; or null
};

// A term of the gradient for the predictions: couplings times outputs.
struct RoutingTerm {
  const float* couplings;  // strip, or null: 1 / classes, of the first term only
  const float* outputs;    // (b, row)
};

#endif  // CAPS_HVD_OPS_NATIVE_ROUTING_SHAPE_H_
