// Dynamic routing: the semantics of caps_hvd/ops/routing/dynamic_routing.py, forward and backward.
//
// Logits are sums of agreements, and agreements are linear: those of iteration t are the agreement
// with the sum of all outputs before. So an iteration needs the predictions u_ij = W_ij x_i of a
// strip of capsules and a few numbers for each image and class, and makes the predictions anew, in
// the cache, where keeping them would move them through memory. Sums over capsules are divided in
// a way that does not depend on the threads, nor do results.

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "routing_shape.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/lib/core/threadpool.h"

#define KERNELS "routing_kernels.h"
#include "vector.h"

namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// Sums over capsules are made of at most so many parts, each of consecutive strips.
constexpr int64_t kParts = 18;

// Working memory and threads of one call.
class Workspace {
 public:
  Workspace(OpKernelContext* context)
      : context_(context),
        pool_(context->device()->tensorflow_cpu_worker_threads()->workers) {}

  int64_t workers() const { return pool_->NumThreads() + 1; }

  float* floats(int64_t count) {
    Tensor tensor;
    const auto status =
        context_->allocate_temp(tensorflow::DT_FLOAT, TensorShape({count}), &tensor);
    if (!status.ok()) {
      context_->SetStatus(status);
      return nullptr;
    }
    tensors_.push_back(tensor);
    return tensor.flat<float>().data();
  }

  // function(item, worker), each worker on one thread at a time.
  void for_each(int64_t items, const std::function<void(int64_t, int)>& function) {
    pool_->ParallelForWithWorkerId(
        items, tensorflow::thread::ThreadPool::SchedulingParams::Fixed(1),
        [&](int64_t begin, int64_t end, int worker) {
          for (int64_t item = begin; item < end; ++item) function(item, worker);
        });
  }

 private:
  OpKernelContext* context_;
  tensorflow::thread::ThreadPool* pool_;
  std::vector<Tensor> tensors_;
};

// As squash.py has them.
constexpr float kSmallestSquare = 1e-24f;

void squash(const float* total, int64_t size, float* output) {
  float square = 0;
  for (int64_t o = 0; o < size; ++o) square += total[o] * total[o];
  const float scale = std::sqrt(std::max(square, kSmallestSquare)) / (1 + square);
  for (int64_t o = 0; o < size; ++o) output[o] = total[o] * scale;
}

void squash_gradient(const float* total, const float* upstream, int64_t size, float* gradient) {
  float square = 0, along = 0;
  for (int64_t o = 0; o < size; ++o) {
    square += total[o] * total[o];
    along += total[o] * upstream[o];
  }
  const float length = std::sqrt(std::max(square, kSmallestSquare));
  const float turn = (1 - square) / (length * (1 + square) * (1 + square)) * along;
  for (int64_t o = 0; o < size; ++o) {
    gradient[o] = upstream[o] * (length / (1 + square)) + total[o] * turn;
  }
}

// What forward and backward have in common: operands in strips, and passes over them.
class Routing {
 public:
  Routing(OpKernelContext* context, const RoutingShape& shape, const float* capsules,
          const float* weights)
      : shape(shape),
        workspace(context),
        rows_(shape.batch * shape.padded_rows()),
        weights_(weights),
        strips_per_part_((shape.strips() + kParts - 1) / kParts),
        parts_((shape.strips() + strips_per_part_ - 1) / strips_per_part_),
        capsules_(workspace.floats(shape.strips() * shape.capsule_strip())),
        votes_(workspace.floats(parts_ * rows_)),
        room_size_(shape.weight_strip() + CAPS_HVD_DISPATCH(iterate_room)(shape)),
        room_(workspace.floats(workspace.workers() * room_size_)) {
    workspace.for_each(shape.strips(), [&](int64_t strip, int) { pack_capsules(strip, capsules); });
  }

  float* rows_floats() { return workspace.floats(rows_); }

  const float* capsules(int64_t strip) const { return capsules_ + strip * shape.capsule_strip(); }

  void pack_weights(int64_t strip, float* packed) const {
    const int64_t count = shape.capsules_in(strip), rows = shape.rows();
    for (int64_t d = 0; d < shape.in_dim; ++d) {
      const float* from = weights_ + d * rows * shape.capsules + strip * kStrip;
      for (int64_t row = 0; row < rows; ++row, from += shape.capsules) {
        float* to = packed + (row * shape.in_dim + d) * kStrip;
        std::copy_n(from, count, to);
        std::fill(to + count, to + kStrip, 0.0f);
      }
    }
  }

  // The sums over all strips of `iteration`'s votes go to finish(image, votes of this image).
  void iterate(const RoutingIteration& iteration,
               const std::function<void(int64_t, const float*)>& finish) {
    const int64_t images = (shape.batch + 3) / 4;
    const int64_t groups = std::min(images, (2 * workspace.workers() + parts_ - 1) / parts_);
    const auto kernel = CAPS_HVD_DISPATCH(iterate);
    workspace.for_each(parts_ * groups, [&](int64_t item, int worker) {
      const int64_t part = item / groups, group = item % groups;
      const int64_t first = images * group / groups * 4;
      const int64_t last = std::min(shape.batch, images * (group + 1) / groups * 4);
      float* packed = room_ + worker * room_size_;
      RoutingIteration at = iteration;
      at.weights = packed;
      if (finish) {
        at.votes = votes_ + part * rows_;
        std::fill(at.votes + first * shape.padded_rows(), at.votes + last * shape.padded_rows(),
                  0.0f);
      }
      const int64_t end = std::min(shape.strips(), (part + 1) * strips_per_part_);
      for (int64_t strip = part * strips_per_part_; strip < end; ++strip) {
        pack_weights(strip, packed);
        at.capsules = capsules(strip);
        const int64_t offset = strip * shape.coupling_strip();
        if (iteration.couplings) at.couplings = iteration.couplings + offset;
        if (iteration.logit_gradients) at.logit_gradients = iteration.logit_gradients + offset;
        kernel(shape, at, first, last, packed + shape.weight_strip());
      }
    });
    if (!finish) return;
    workspace.for_each(shape.batch, [&](int64_t b, int) {
      float* sum = votes_ + b * shape.padded_rows();
      for (int64_t part = 1; part < parts_; ++part) {
        const float* more = sum + part * rows_;
        for (int64_t row = 0; row < shape.rows(); ++row) sum[row] += more[row];
      }
      finish(b, sum);
    });
  }

  const RoutingShape shape;
  Workspace workspace;

 private:
  void pack_capsules(int64_t strip, const float* capsules) {
    const int64_t count = shape.capsules_in(strip);
    float* to = capsules_ + strip * shape.capsule_strip();
    for (int64_t b = 0; b < shape.batch; ++b, to += shape.in_dim * kStrip) {
      const float* from = capsules + (b * shape.capsules + strip * kStrip) * shape.in_dim;
      for (int64_t d = 0; d < shape.in_dim; ++d) {
        for (int64_t i = 0; i < count; ++i) to[d * kStrip + i] = from[i * shape.in_dim + d];
        std::fill(to + d * kStrip + count, to + (d + 1) * kStrip, 0.0f);
      }
    }
  }

  const int64_t rows_;
  const float* weights_;
  const int64_t strips_per_part_, parts_;
  float* capsules_;
  float* votes_;
  const int64_t room_size_;
  float* room_;
};

class RoutingOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  static RoutingShape shape_of(OpKernelContext* context) {
    const Tensor& capsules = context->input(0);
    const Tensor& weights = context->input(1);
    return {capsules.dim_size(0), capsules.dim_size(1), capsules.dim_size(2), weights.dim_size(1),
            weights.dim_size(2)};
  }
};

class RoutingForward : public RoutingOp {
 public:
  explicit RoutingForward(OpKernelConstruction* construction) : RoutingOp(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("iterations", &iterations_));
  }

  void Compute(OpKernelContext* context) override {
    const RoutingShape shape = shape_of(context);
    Tensor *outputs, *totals;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, {shape.batch, shape.classes, shape.out_dim}, &outputs));
    OP_REQUIRES_OK(context, context->allocate_output(
                                1, {iterations_, shape.batch, shape.rows()}, &totals));
    Routing routing(context, shape, context->input(0).flat<float>().data(),
                    context->input(1).flat<float>().data());
    float* agreed = routing.rows_floats();
    if (!context->status().ok()) return;
    const int64_t rows = shape.rows();
    for (int64_t t = 0; t < iterations_; ++t) {
      RoutingIteration iteration = {};
      iteration.agreed = t ? agreed : nullptr;
      float* total = totals->flat<float>().data() + t * shape.batch * rows;
      float* output = outputs->flat<float>().data();
      routing.iterate(iteration, [&](int64_t b, const float* votes) {
        std::copy_n(votes, rows, total + b * rows);
        float* sum = agreed + b * shape.padded_rows();
        for (int64_t row = 0; row < rows; row += shape.out_dim) {
          squash(votes + row, shape.out_dim, output + b * rows + row);
        }
        for (int64_t row = 0; row < rows; ++row) {
          sum[row] = (t ? sum[row] : 0) + output[b * rows + row];
        }
      });
    }
  }

 private:
  int iterations_;
};

class RoutingBackward : public RoutingOp {
 public:
  explicit RoutingBackward(OpKernelConstruction* construction) : RoutingOp(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("stop_gradient", &stop_gradient_));
  }

  void Compute(OpKernelContext* context) override {
    const RoutingShape shape = shape_of(context);
    Tensor *for_capsules, *for_weights;
    OP_REQUIRES_OK(context,
                   context->allocate_output(0, context->input(0).shape(), &for_capsules));
    OP_REQUIRES_OK(context, context->allocate_output(1, context->input(1).shape(), &for_weights));
    Routing routing(context, shape, context->input(0).flat<float>().data(),
                    context->input(1).flat<float>().data());
    const std::vector<RoutingTerm> terms =
        backward(routing, context->input(2), context->input(3).flat<float>().data());
    if (!context->status().ok()) return;
    differentiate(routing, terms, for_capsules->flat<float>().data(),
                  for_weights->flat<float>().data());
  }

 private:
  // The terms that the gradient for the predictions is a sum of.
  std::vector<RoutingTerm> backward(Routing& routing, const Tensor& totals,
                                    const float* upstream) const {
    const RoutingShape& shape = routing.shape;
    const int64_t iterations = totals.dim_size(0), rows = shape.rows();
    const int64_t couplings = shape.strips() * shape.coupling_strip();
    std::vector<RoutingTerm> terms;
    std::vector<float*> agreed(iterations), total_gradients(iterations);
    for (int64_t t = 0; t < iterations; ++t) {
      agreed[t] = routing.rows_floats();
      total_gradients[t] = routing.rows_floats();
      if (!agreed[t] || !total_gradients[t]) return terms;
    }
    // Output gradients of all iterations but the last: the same sum, as far as it has come.
    std::vector<float> output_gradient(shape.batch * rows, 0.0f);
    const float* total = totals.flat<float>().data();
    routing.workspace.for_each(shape.batch, [&](int64_t b, int) {
      std::vector<float> output(rows);
      for (int64_t t = 0; t < iterations; ++t) {
        const float* from = total + (t * shape.batch + b) * rows;
        float* sum = agreed[t] + b * shape.padded_rows();
        for (int64_t row = 0; row < rows; ++row) {
          sum[row] = t ? agreed[t - 1][b * shape.padded_rows() + row] + output[row] : 0.0f;
        }
        for (int64_t row = 0; row < rows; row += shape.out_dim) {
          squash(from + row, shape.out_dim, output.data() + row);
        }
      }
    });
    const auto through_squash = [&](int64_t t, int64_t b, const float* gradient) {
      const float* from = total + (t * shape.batch + b) * rows;
      for (int64_t row = 0; row < rows; row += shape.out_dim) {
        squash_gradient(from + row, gradient + row, shape.out_dim,
                        total_gradients[t] + b * shape.padded_rows() + row);
      }
    };
    routing.workspace.for_each(shape.batch, [&](int64_t b, int) {
      through_squash(iterations - 1, b, upstream + b * rows);
    });
    for (int64_t t = iterations - 1; t > 0; --t) {
      RoutingIteration iteration = {};
      iteration.agreed = agreed[t];
      iteration.couplings = routing.workspace.floats(couplings);
      if (!iteration.couplings) return terms;
      terms.push_back({iteration.couplings, total_gradients[t]});
      if (stop_gradient_) {
        routing.iterate(iteration, nullptr);
        return terms;
      }
      iteration.total_gradients = total_gradients[t];
      iteration.logit_gradients = routing.workspace.floats(couplings);
      if (!iteration.logit_gradients) return terms;
      terms.push_back({iteration.logit_gradients, agreed[t]});
      routing.iterate(iteration, [&](int64_t b, const float* votes) {
        float* sum = output_gradient.data() + b * rows;
        for (int64_t row = 0; row < rows; ++row) sum[row] += votes[row];
        through_squash(t - 1, b, sum);
      });
    }
    terms.insert(terms.begin(), {nullptr, total_gradients[0]});
    return terms;
  }

  static void differentiate(Routing& routing, const std::vector<RoutingTerm>& terms,
                            float* for_capsules, float* for_weights) {
    const RoutingShape& shape = routing.shape;
    const auto kernel = CAPS_HVD_DISPATCH(gradients);
    const int64_t size = 2 * shape.weight_strip() + shape.capsule_strip() +
                         CAPS_HVD_DISPATCH(gradient_room)(shape);
    float* room = routing.workspace.floats(routing.workspace.workers() * size);
    if (!room) return;
    routing.workspace.for_each(shape.strips(), [&](int64_t strip, int worker) {
      float* packed = room + worker * size;
      float* weight_gradient = packed + shape.weight_strip();
      float* capsule_gradient = weight_gradient + shape.weight_strip();
      routing.pack_weights(strip, packed);
      std::vector<RoutingTerm> at = terms;
      for (RoutingTerm& term : at) {
        if (term.couplings) term.couplings += strip * shape.coupling_strip();
      }
      kernel(shape, packed, routing.capsules(strip), at.data(), at.size(), weight_gradient,
             capsule_gradient, capsule_gradient + shape.capsule_strip());
      const int64_t count = shape.capsules_in(strip), first = strip * kStrip;
      for (int64_t d = 0; d < shape.in_dim; ++d) {
        for (int64_t row = 0; row < shape.rows(); ++row) {
          std::copy_n(weight_gradient + (row * shape.in_dim + d) * kStrip, count,
                      for_weights + (d * shape.rows() + row) * shape.capsules + first);
        }
      }
      for (int64_t b = 0; b < shape.batch; ++b) {
        const float* from = capsule_gradient + b * shape.in_dim * kStrip;
        float* to = for_capsules + (b * shape.capsules + first) * shape.in_dim;
        for (int64_t i = 0; i < count; ++i) {
          for (int64_t d = 0; d < shape.in_dim; ++d) *to++ = from[d * kStrip + i];
        }
      }
    });
  }

  bool stop_gradient_;
};

absl::Status forward_shapes(InferenceContext* c) {
  ShapeHandle capsules, weights;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &capsules));
  TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 4, &weights));
  DimensionHandle rows;
  TF_RETURN_IF_ERROR(c->Multiply(c->Dim(weights, 1), c->Dim(weights, 2), &rows));
  int iterations;
  TF_RETURN_IF_ERROR(c->GetAttr("iterations", &iterations));
  const DimensionHandle batch = c->Dim(capsules, 0);
  c->set_output(0, c->MakeShape({batch, c->Dim(weights, 1), c->Dim(weights, 2)}));
  c->set_output(1, c->MakeShape({c->MakeDim(iterations), batch, rows}));
  return absl::OkStatus();
}

absl::Status backward_shapes(InferenceContext* c) {
  c->set_output(0, c->input(0));
  c->set_output(1, c->input(1));
  return absl::OkStatus();
}

REGISTER_OP("CapsHvdRouting")
    .Input("capsules: float")
    .Input("weights: float")
    .Attr("iterations: int >= 1")
    .Output("outputs: float")
    .Output("totals: float")
    .SetShapeFn(forward_shapes);

REGISTER_OP("CapsHvdRoutingGradient")
    .Input("capsules: float")
    .Input("weights: float")
    .Input("totals: float")
    .Input("upstream: float")
    .Attr("stop_gradient: bool")
    .Output("for_capsules: float")
    .Output("for_weights: float")
    .SetShapeFn(backward_shapes);

REGISTER_KERNEL_BUILDER(Name("CapsHvdRouting").Device(tensorflow::DEVICE_CPU), RoutingForward);
REGISTER_KERNEL_BUILDER(Name("CapsHvdRoutingGradient").Device(tensorflow::DEVICE_CPU),
                        RoutingBackward);

}  // namespace
