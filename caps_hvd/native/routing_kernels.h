// Kernels of dynamic routing, for one strip of input capsules; see routing_shape.h.

constexpr int kLanes = kWidth<float>;
constexpr int kVectors = kStrip / kLanes;  // of a strip
constexpr int kImages = kLanes == 16 ? 4 : 3;  // that share one reading of the weights
constexpr int kRows = 4;                          // that share one reading of the capsules
using Floats = Vector<float>;

// e^x for x <= 0, to a relative error of 2e-7.
inline Floats exponential(Floats x) {
  using Integers = Vector<int32_t>;
  constexpr float kRounding = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Floats lowest = Floats{} - 87.0f;
  x = x > lowest ? x : lowest;
  const Floats shifted = x * 1.44269504f + kRounding;
  const Floats n = shifted - kRounding;
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return (Floats)((Integers)p + ((Integers)shifted << 23));
}

template <int... kPair>
inline Floats pair_sums(Floats a, Floats b, std::integer_sequence<int, kPair...>) {
  return __builtin_shufflevector(a, b, (2 * kPair)...) +
         __builtin_shufflevector(a, b, (2 * kPair + 1)...);
}

// One vector made of the sums of kCount vectors, each kLanes / kCount times partially.
template <int kCount>
inline Floats sums(const float* vectors) {
  if constexpr (kCount == 1) {
    return load(vectors);
  } else {
    constexpr int kHalf = kCount / 2;
    return pair_sums(sums<kHalf>(vectors), sums<kHalf>(vectors + kHalf * kLanes),
                     std::make_integer_sequence<int, kLanes>());
  }
}

// A matrix whose elements are strips.
struct Strips {
  const float* data;
  int64_t row_step, term_step;

  Strips from(int64_t row) const { return {data + row * row_step, row_step, term_step}; }
};

struct Product {
  float* data;
  int64_t row_step, column_step;
  bool add;

  Product from(int64_t row, int64_t column) const {
    return {data + row * row_step + column * column_step, row_step, column_step, add};
  }
};

template <int R, int C>
[[gnu::noinline]] void product_tile(Strips a, Strips b, int64_t terms, Product out) {
  for (int v = 0; v < kStrip; v += kLanes) {
    Floats sum[R][C];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        sum[r][c] = out.add ? load(out.from(r, c).data + v) : Floats{};
      }
    }
    const float* left = a.data + v;
    const float* right = b.data + v;
    for (int64_t k = 0; k < terms; ++k, left += a.term_step, right += b.term_step) {
      Floats x[C];
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) x[c] = load(right + c * b.row_step);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Floats w = load(left + r * a.row_step);
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) sum[r][c] += w * x[c];
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) store(out.from(r, c).data + v, sum[r][c]);
    }
  }
}

// out[row][column] = sum over terms k of a[row][k] b[column][k], each element a strip.
template <int R = kRows, int C = kImages>
void product(Strips a, int64_t rows, Strips b, int64_t columns, int64_t terms, Product out) {
  int64_t column = 0;
  for (; column + C <= columns; column += C) {
    int64_t row = 0;
    for (; row + R <= rows; row += R) {
      product_tile<R, C>(a.from(row), b.from(column), terms, out.from(row, column));
    }
    if constexpr (R > 1) {
      product<R - 1, C>(a.from(row), rows - row, b.from(column), C, terms, out.from(row, column));
    }
  }
  if constexpr (C > 1) {
    if (column < columns) {
      product<R, C - 1>(a, rows, b.from(column), columns - column, terms, out.from(0, column));
    }
  }
}

// The predictions of kImages images, [row][image][kStrip]. `rows` is a multiple of kRows.
void predict(const float* weights, int64_t rows, const float* capsules, int64_t images,
             int64_t in_dim, float* predictions) {
  const int64_t step = in_dim * kStrip;
  const float* images_capsules[kImages];  // missing images are the last one
  for (int c = 0; c < kImages; ++c) {
    images_capsules[c] = capsules + std::min<int64_t>(c, images - 1) * step;
  }
  for (int64_t row = 0; row < rows; row += kRows, weights += kRows * step) {
    for (int v = 0; v < kStrip; v += kLanes) {
      Floats sum[kRows][kImages] = {};
      for (int64_t d = v; d < step; d += kStrip) {
        Floats x[kImages];
#pragma GCC unroll 8
        for (int c = 0; c < kImages; ++c) x[c] = load(images_capsules[c] + d);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const Floats w = load(weights + r * step + d);
#pragma GCC unroll 8
          for (int c = 0; c < kImages; ++c) sum[r][c] += w * x[c];
        }
      }
      float* out = predictions + row * kImages * kStrip + v;
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int c = 0; c < kImages; ++c, out += kStrip) store(out, sum[r][c]);
      }
    }
  }
}

constexpr int64_t kPredictionStep = kImages * kStrip;  // from row to row

// The agreement of one image's predictions with outputs: [j][kStrip].
inline void agreements(const RoutingShape& shape, const float* predictions, const float* outputs,
                       float* agreement) {
  for (int64_t j = 0; j < shape.classes; ++j) {
    Floats sum[kVectors] = {};
    for (int64_t o = 0; o < shape.out_dim; ++o, predictions += kPredictionStep) {
      const float output = *outputs++;
      for (int v = 0; v < kVectors; ++v) sum[v] += output * load(predictions + v * kLanes);
    }
    for (int v = 0; v < kVectors; ++v) store(agreement + j * kStrip + v * kLanes, sum[v]);
  }
}

// The softmax over j, in place.
inline void softmax(int64_t classes, float* logits) {
  for (int v = 0; v < kStrip; v += kLanes) {
    Floats most = load(logits + v), sum = {};
    for (int64_t j = 1; j < classes; ++j) {
      const Floats x = load(logits + j * kStrip + v);
      most = x > most ? x : most;
    }
    for (int64_t j = 0; j < classes; ++j) {
      const Floats power = exponential(load(logits + j * kStrip + v) - most);
      store(logits + j * kStrip + v, power);
      sum += power;
    }
    const Floats scale = 1.0f / sum;
    for (int64_t j = 0; j < classes; ++j) {
      store(logits + j * kStrip + v, load(logits + j * kStrip + v) * scale);
    }
  }
}

// Turns gradients for couplings into gradients for logits, in place.
inline void softmax_gradient(int64_t classes, const float* couplings, float* gradients) {
  for (int v = 0; v < kStrip; v += kLanes) {
    Floats mean = {};
    for (int64_t j = 0; j < classes; ++j) {
      mean += load(couplings + j * kStrip + v) * load(gradients + j * kStrip + v);
    }
    for (int64_t j = 0; j < classes; ++j) {
      float* gradient = gradients + j * kStrip + v;
      store(gradient, load(couplings + j * kStrip + v) * (load(gradient) - mean));
    }
  }
}

// Adds sum_i couplings_ji predictions_joi of one image to votes; `room` is for [row][kLanes].
inline void vote(const RoutingShape& shape, const float* couplings, const float* predictions,
                 float* room, float* votes) {
  float* part = room;
  for (int64_t j = 0; j < shape.classes; ++j, couplings += kStrip) {
    Floats c[kVectors];
    for (int v = 0; v < kVectors; ++v) c[v] = load(couplings + v * kLanes);
    for (int64_t o = 0; o < shape.out_dim; ++o, predictions += kPredictionStep, part += kLanes) {
      Floats sum = c[0] * load(predictions);
      for (int v = 1; v < kVectors; ++v) sum += c[v] * load(predictions + v * kLanes);
      store(part, sum);
    }
  }
  for (int64_t row = 0; row < shape.rows(); row += kLanes) {
    store(votes + row, load(votes + row) + sums<kLanes>(room + row * kLanes));
  }
}

inline int64_t iterate_room(const RoutingShape& shape) {
  return shape.padded_rows() * kPredictionStep + shape.padded_rows() * kLanes +
         shape.classes * kStrip;
}

// A strip's part in one iteration, forward or backward, for images first <= b < last.
void iterate(const RoutingShape& shape, const RoutingIteration& at, int64_t first, int64_t last,
             float* room) {
  const int64_t image_step = shape.in_dim * kStrip, couplings_step = shape.classes * kStrip;
  float* predictions = room;
  float* parts = predictions + shape.padded_rows() * kPredictionStep;
  float* couplings_room = parts + shape.padded_rows() * kLanes;
  for (int64_t group = first; group < last; group += kImages) {
    const int64_t images = std::min<int64_t>(kImages, last - group);
    predict(at.weights, shape.padded_rows(), at.capsules + group * image_step, images,
            shape.in_dim, predictions);
    for (int64_t b = group; b < group + images; ++b) {
      const float* u = predictions + (b - group) * kStrip;
      const int64_t row = b * shape.padded_rows();
      float* couplings = at.couplings ? at.couplings + b * couplings_step : couplings_room;
      if (at.agreed) {
        agreements(shape, u, at.agreed + row, couplings);
        softmax(shape.classes, couplings);
      } else {
        std::fill_n(couplings, couplings_step, 1.0f / shape.classes);
      }
      float* weighting = couplings;
      if (at.total_gradients) {
        weighting = at.logit_gradients + b * couplings_step;
        agreements(shape, u, at.total_gradients + row, weighting);
        softmax_gradient(shape.classes, couplings, weighting);
      }
      if (at.votes) vote(shape, weighting, u, parts, at.votes + row);
    }
  }
}

// The gradient for one image's predictions of one class, [o][kStrip].
inline void prediction_gradient(const RoutingShape& shape, const RoutingTerm* terms, int count,
                                int64_t b, int64_t j, float* gradient) {
  constexpr int kTogether = kLanes == 16 ? 4 : 2;
  const int64_t coupling = (b * shape.classes + j) * kStrip;
  const int64_t first = b * shape.padded_rows() + j * shape.out_dim;
  const auto some = [&](int64_t row, auto together) {
    Floats sum[together][kVectors] = {};
    int term = 0;
    if (!terms[0].couplings) {
      for (int o = 0; o < together; ++o) {
        for (int v = 0; v < kVectors; ++v) {
          sum[o][v] += terms[0].outputs[row + o] * (1.0f / shape.classes);
        }
      }
      ++term;
    }
    for (; term < count; ++term) {
      const float* outputs = terms[term].outputs + row;
      Floats c[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        c[v] = load(terms[term].couplings + coupling + v * kLanes);
      }
      for (int o = 0; o < together; ++o) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sum[o][v] += outputs[o] * c[v];
      }
    }
    for (int o = 0; o < together; ++o) {
      for (int v = 0; v < kVectors; ++v, gradient += kLanes) store(gradient, sum[o][v]);
    }
  };
  int64_t o = 0;
  for (; o + kTogether <= shape.out_dim; o += kTogether) {
    some(first + o, std::integral_constant<int, kTogether>());
  }
  for (; o < shape.out_dim; ++o) some(first + o, std::integral_constant<int, 1>());
}

constexpr int64_t kGradientImages = 24;
inline int64_t gradient_classes(const RoutingShape& shape) {
  return std::min(shape.classes, 1 + 48 / shape.out_dim);
}

inline int64_t gradient_room(const RoutingShape& shape) {
  return kGradientImages * gradient_classes(shape) * shape.out_dim * kStrip;
}

// A strip of the gradients for the weights, [row][d][kStrip], and for the capsules, [b][d][kStrip].
void gradients(const RoutingShape& shape, const float* weights, const float* capsules,
               const RoutingTerm* terms, int count, float* for_weights, float* for_capsules,
               float* room) {
  const int64_t image_step = shape.in_dim * kStrip, most = gradient_classes(shape);
  const int64_t room_step = most * shape.out_dim * kStrip;
  std::fill_n(for_weights, shape.weight_strip(), 0.0f);
  for (int64_t j = 0; j < shape.classes; j += most) {
    const int64_t classes = std::min(most, shape.classes - j), rows = classes * shape.out_dim;
    const int64_t offset = j * shape.out_dim * image_step;
    for (int64_t b = 0; b < shape.batch; b += kGradientImages) {
      const int64_t images = std::min(kGradientImages, shape.batch - b);
      for (int64_t image = 0; image < images; ++image) {
        for (int64_t k = 0; k < classes; ++k) {
          prediction_gradient(shape, terms, count, b + image, j + k,
                              room + image * room_step + k * shape.out_dim * kStrip);
        }
      }
      product({weights + offset, kStrip, image_step}, shape.in_dim, {room, room_step, kStrip},
              images, rows, {for_capsules + b * image_step, kStrip, image_step, j > 0});
      product({capsules + b * image_step, kStrip, image_step}, shape.in_dim,
              {room, kStrip, room_step}, rows, images,
              {for_weights + offset, kStrip, image_step, true});
    }
  }
}
