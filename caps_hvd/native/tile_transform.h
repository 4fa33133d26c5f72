// What the kernels of tile_transform.cc work on.

#ifndef CAPS_HVD_NATIVE_TILE_TRANSFORM_H_
#define CAPS_HVD_NATIVE_TILE_TRANSFORM_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace caps_hvd {

// Channels that are transformed together. A block of a tile of 10 x 10 pixels is 25 KiB.
template <typename T>
constexpr int kBlock = 256 / sizeof(T);

// Phase channels of a kernel whose gradient is computed together, kBlock filters each.
constexpr int kTall = 48;

inline int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// One axis of the planes, divided into tiles of pixels `stride` apart.
struct TiledAxis {
  int64_t size;    // pixels of the plane
  int64_t before;  // pixels of padding in front of it
  int64_t stride;  // phases: pixels between two pixels of a tile
  int64_t tiles;
  int64_t step;    // pixels of a phase from one tile to the next
  int64_t length;  // pixels of a tile

  // Where in the plane pixel i of a tile lies, or outside of 0 to size.
  int64_t pixel(int64_t tile, int64_t i, int64_t phase) const {
    return (tile * step + i) * stride + phase - before;
  }
  bool has(int64_t pixel) const { return 0 <= pixel && pixel < size; }
  int64_t first(int64_t phase) const { return ((phase - before) % stride + stride) % stride; }
  bool overlaps() const { return tiles > 1 && step < length; }
  // Whether each pixel of the plane is in one tile.
  bool covered_once() const {
    return pixel(tiles - 1, length, 0) >= size && (tiles == 1 || step == length);
  }
};

// Packed columns of the first transform that give slots together in the second.
struct Group {
  int64_t columns;
  int64_t slots;
};

// Planes (planes, height, width, channels) and slots (slots, planes x tiles, phases x channels).
template <typename T>
struct TileTransform {
  TiledAxis height, width;
  std::vector<Group> groups;
  int64_t planes, channels;
  int64_t slots, columns;  // sums over the groups
  const T* across;  // planes to slots: (columns, width.length); slots to planes: its transpose
  const T* down;    // for each group (slots, columns x height.length), or its transpose

  int64_t phases() const { return height.stride * width.stride; }
  int64_t tiles() const { return height.tiles * width.tiles; }
  bool covered_once() const { return height.covered_once() && width.covered_once(); }
  int64_t parts() const { return covered_once() ? tiles() : 1; }  // written independently
  int64_t row() const { return phases() * channels; }  // elements of one row of a slot
  int64_t slot() const { return planes * tiles() * row(); }
};

// Memory of one thread, at the start of a cache line.
template <typename T>
class Scratch {
 public:
  explicit Scratch(int64_t size)
      : memory_(static_cast<T*>(std::aligned_alloc(64, (size * sizeof(T) + 63) / 64 * 64)),
                std::free) {}
  T* data() { return memory_.get(); }

 private:
  std::unique_ptr<T, void (*)(void*)> memory_;
};

}  // namespace caps_hvd

#endif  // CAPS_HVD_NATIVE_TILE_TRANSFORM_H_
