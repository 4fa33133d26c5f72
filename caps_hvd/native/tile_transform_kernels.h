// Kernels of tile_transform.cc: see vector.h.

using caps_hvd::Scratch;
using caps_hvd::TileTransform;
using caps_hvd::ceil_divide;
using caps_hvd::kBlock;
using caps_hvd::kTall;

// to (R rows of V vectors) = matrix (R, depth) * from (depth, V vectors), or += if `add`.
template <int R, int V, typename T>
__attribute__((always_inline)) inline void multiply_rows(
    const T* matrix, int64_t row_stride, int64_t depth_stride, int64_t depth, const T* from,
    int64_t from_stride, T* to, int64_t to_stride, bool add, bool streaming) {
  Vector<T> sums[R][V] = {};
  if (add)
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) sums[r][v] = load(to + r * to_stride + v * kWidth<T>);
  for (int64_t k = 0; k < depth; ++k) {
    Vector<T> x[V];
    for (int v = 0; v < V; ++v) x[v] = load(from + k * from_stride + v * kWidth<T>);
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) sums[r][v] += matrix[r * row_stride + k * depth_stride] * x[v];
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      T* at = to + r * to_stride + v * kWidth<T>;
      streaming ? stream(at, sums[r][v]) : store(at, sums[r][v]);
    }
}

// to (rows, kBlock) = matrix (rows, depth) * from (depth, kBlock).
template <typename T>
void multiply(const T* matrix, int64_t rows, int64_t depth, const T* from, int64_t from_stride,
              T* to, int64_t to_stride, bool streaming = false) {
  constexpr int V = kVectorBytes == 64 ? 4 : 2;
  for (int64_t r = 0; r < rows;) {
    const T* m = matrix + r * depth;
    int64_t left = rows - r;
    for (int c = 0; c < kBlock<T>; c += V * kWidth<T>) {
      const T* x = from + c;
      T* y = to + r * to_stride + c;
      if (left >= 5)
        multiply_rows<5, V>(m, depth, 1, depth, x, from_stride, y, to_stride, false, streaming);
      else if (left >= 2)
        multiply_rows<2, V>(m, depth, 1, depth, x, from_stride, y, to_stride, false, streaming);
      else
        multiply_rows<1, V>(m, depth, 1, depth, x, from_stride, y, to_stride, false, streaming);
    }
    r += left >= 5 ? 5 : left >= 2 ? 2 : 1;
  }
}

// Copies `count` elements; `Whole`, the usual number, without asking how many there are.
template <int Whole, typename T>
inline void copy(T* to, const T* from, int64_t count) {
  if (count == Whole)
    for (int i = 0; i < Whole; i += kWidth<T>) store(to + i, load(from + i));
  else
    std::copy_n(from, count, to);
}

template <typename T>
inline void add_block(T* to, const T* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}

// Blocks [begin, end) of the planes to slots. They count as (plane, tile, phase, channels).
template <typename T>
void planes_to_slots(const TileTransform<T>& t, const T* planes, T* slots, int64_t begin,
                     int64_t end, bool streaming) {
  const auto &height = t.height, &width = t.width;
  const int64_t blocks = ceil_divide(t.channels, kBlock<T>);
  Scratch<T> pixels(width.length * kBlock<T>);
  Scratch<T> columns(t.columns * height.length * kBlock<T>);
  Scratch<T> last(t.slots * kBlock<T>);
  for (int64_t at = begin; at < end; ++at) {
    const int64_t channel = at % blocks * kBlock<T>, phase = at / blocks % t.phases();
    const int64_t tile = at / blocks / t.phases() % t.tiles(), row = at / blocks / t.phases();
    const int64_t count = std::min<int64_t>(kBlock<T>, t.channels - channel);
    const T* plane = planes + row / t.tiles() * height.size * width.size * t.channels + channel;
    for (int64_t i = 0; i < height.length; ++i) {
      const int64_t y = height.pixel(tile / width.tiles, i, phase / width.stride);
      for (int64_t j = 0; j < width.length; ++j) {
        const int64_t x = width.pixel(tile % width.tiles, j, phase % width.stride);
        T* pixel = pixels.data() + j * kBlock<T>;
        if (height.has(y) && width.has(x))
          copy<kBlock<T>>(pixel, plane + (y * width.size + x) * t.channels, count);
        else
          std::fill_n(pixel, kBlock<T>, T(0));
      }
      multiply(t.across, t.columns, width.length, pixels.data(), kBlock<T>,
               columns.data() + i * kBlock<T>, height.length * kBlock<T>);
    }
    const bool whole = count == kBlock<T>;
    T* to = slots + row * t.row() + phase * t.channels + channel;
    const T *down = t.down, *from = columns.data();
    for (const auto& group : t.groups) {
      const int64_t depth = group.columns * height.length;
      multiply(down, group.slots, depth, from, kBlock<T>, whole ? to : last.data(),
               whole ? t.slot() : kBlock<T>, whole && streaming);
      if (!whole)
        for (int64_t s = 0; s < group.slots; ++s)
          std::copy_n(last.data() + s * kBlock<T>, count, to + s * t.slot());
      to += group.slots * t.slot();
      from += depth * kBlock<T>;
      down += group.slots * depth;
    }
  }
  _mm_sfence();
}

// Memory for the transform of a block.
template <typename T>
struct Buffers {
  explicit Buffers(const TileTransform<T>& t)
      : values(t.slots * kBlock<T>),
        columns(t.columns * t.height.length * kBlock<T>),
        pixels(t.width.length * kBlock<T>) {}
  Scratch<T> values, columns, pixels;
};

// One tile of a plane from its slots, which lie `slot` elements apart, for `count` channels.
template <typename T>
void tile_to_plane(const TileTransform<T>& t, const T* from, int64_t slot, int64_t tile,
                   int64_t phase, int64_t count, T* plane, bool add, Buffers<T>* buffers) {
  const auto &height = t.height, &width = t.width;
  T *values = buffers->values.data(), *pixels = buffers->pixels.data();
  const T* down = t.down;
  T* columns = buffers->columns.data();
  for (const auto& group : t.groups) {
    const int64_t rows = group.columns * height.length;
    for (int64_t s = 0; s < group.slots; ++s)
      copy<kBlock<T>>(values + s * kBlock<T>, from + s * slot, count);
    multiply(down, rows, group.slots, values, kBlock<T>, columns, kBlock<T>);
    from += group.slots * slot;
    columns += rows * kBlock<T>;
    down += group.slots * rows;
  }
  columns = buffers->columns.data();
  for (int64_t i = 0; i < height.length; ++i) {
    const int64_t y = height.pixel(tile / width.tiles, i, phase / width.stride);
    if (!height.has(y)) continue;
    multiply(t.across, width.length, t.columns, columns + i * kBlock<T>,
             height.length * kBlock<T>, pixels, kBlock<T>);
    for (int64_t j = 0; j < width.length; ++j) {
      const int64_t x = width.pixel(tile % width.tiles, j, phase % width.stride);
      if (!width.has(x)) continue;
      T* pixel = plane + (y * width.size + x) * t.channels;
      if (add)
        add_block(pixel, pixels + j * kBlock<T>, count);
      else
        copy<kBlock<T>>(pixel, pixels + j * kBlock<T>, count);
    }
  }
}

// The adjoint for blocks [begin, end), which count as (plane, part, phase, channels). The parts of
// a plane are tiles if they cover it once, else all tiles are one part. Pixels where tiles overlap
// get the sum of theirs, those of no tile zero.
template <typename T>
void slots_to_planes(const TileTransform<T>& t, const T* slots, T* planes, int64_t begin,
                     int64_t end) {
  const auto &height = t.height, &width = t.width;
  const bool add = height.overlaps() || width.overlaps();
  const int64_t tiles = t.tiles() / t.parts();
  const int64_t blocks = ceil_divide(t.channels, kBlock<T>);
  Buffers<T> buffers(t);
  for (int64_t at = begin; at < end; ++at) {
    const int64_t channel = at % blocks * kBlock<T>, phase = at / blocks % t.phases();
    const int64_t part = at / blocks / t.phases() % t.parts();
    const int64_t image = at / blocks / t.phases() / t.parts();
    const int64_t count = std::min<int64_t>(kBlock<T>, t.channels - channel);
    T* plane = planes + image * height.size * width.size * t.channels + channel;
    if (!t.covered_once())
      for (int64_t y = height.first(phase / width.stride); y < height.size; y += height.stride)
        for (int64_t x = width.first(phase % width.stride); x < width.size; x += width.stride)
          std::fill_n(plane + (y * width.size + x) * t.channels, count, T(0));
    const T* from = slots + image * t.tiles() * t.row() + phase * t.channels + channel;
    for (int64_t tile = part * tiles; tile < (part + 1) * tiles; ++tile)
      tile_to_plane(t, from + tile * t.row(), t.slot(), tile, phase, count, plane, add, &buffers);
  }
}

// Rows of left and right whose products are summed in registers.
constexpr int64_t kDepth = 128;

// Asks for `count` elements of each of the rows [begin, end).
template <typename T>
inline void prefetch(const T* from, int64_t stride, int64_t count, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row)
    for (int64_t i = 0; i < count; i += 64 / sizeof(T))
      _mm_prefetch(reinterpret_cast<const char*>(from + row * stride + i), _MM_HINT_T1);
}

// For blocks [begin, end) of a kernel, (phase channels, filters): left^T * right of each slot, and
// at once from slots to the kernel. left is (slots, rows, phases x channels), right (slots, rows,
// filters), and the plane's channels are channels x filters.
template <typename T>
void products_to_plane(const TileTransform<T>& t, const T* left, const T* right,
                       int64_t rows, int64_t filters, T* plane, int64_t begin, int64_t end) {
  constexpr int R = kVectorBytes == 64 ? 12 : 6, V = 2, N = V * kWidth<T>;
  const int64_t blocks = ceil_divide(filters, kBlock<T>);
  const int64_t channels = t.channels / filters, talls = t.phases() * channels;
  Scratch<T> products(t.slots * kTall * kBlock<T>);
  Scratch<T> lefts(kDepth * kTall), rights(kDepth * kBlock<T>);
  Buffers<T> buffers(t);
  for (int64_t at = begin; at < end; ++at) {
    const int64_t filter = at % blocks * kBlock<T>, tall = at / blocks * kTall;
    const int64_t count = std::min<int64_t>(kBlock<T>, filters - filter);
    const int64_t height = std::min<int64_t>(kTall, talls - tall);
    for (int64_t s = 0; s < t.slots; ++s) {
      T* to = products.data() + s * kTall * kBlock<T>;
      for (int64_t row = 0; row == 0 || row < rows; row += kDepth) {  // no rows give zeros
        const T* from = left + (s * rows + row) * talls + tall;
        const T* by = right + (s * rows + row) * filters + filter;
        const int64_t depth = std::min<int64_t>(kDepth, rows - row);
        for (int64_t k = 0; k < depth; ++k) {
          copy<kTall>(lefts.data() + k * kTall, from + k * talls, height);
          copy<kBlock<T>>(rights.data() + k * kBlock<T>, by + k * filters, count);
        }
        // While this is multiplied, the next rows, of this slot or the next, are on their way.
        const int64_t ahead = std::min((t.slots - s) * rows - row - depth, kDepth);
        int64_t tile = 0, tiles = ceil_divide(height, R) * ceil_divide(count, N);
        for (int64_t f = 0; f < count; f += N)
          for (int64_t r = 0; r < height; r += R, ++tile) {
            const int64_t first = tile * ahead / tiles, last = (tile + 1) * ahead / tiles;
            prefetch(from + depth * talls, talls, height, first, last);
            prefetch(by + depth * filters, filters, count, first, last);
            multiply_rows<R, V>(lefts.data() + r, 1, kTall, depth, rights.data() + f, kBlock<T>,
                                to + r * kBlock<T> + f, kBlock<T>, row > 0, false);
          }
      }
    }
    for (int64_t r = 0; r < height; ++r) {
      const int64_t phase = (tall + r) / channels, channel = (tall + r) % channels;
      tile_to_plane(t, products.data() + r * kBlock<T>, kTall * kBlock<T>, 0, phase, count,
                    plane + channel * filters + filter, false, &buffers);
    }
  }
}
