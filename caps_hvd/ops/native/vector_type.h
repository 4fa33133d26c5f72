// A vector of kVectorBytes, with the operators of its elements.  Included by vector.h only, once
// for each instruction set.

template <typename T>
struct VectorOf {
  typedef T Type __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Vector = typename VectorOf<T>::Type;

template <typename T>
constexpr int kWidth = kVectorBytes / sizeof(T);

// Whole vectors, from and to any address.
template <typename T>
inline Vector<T> load(const T* from) {
  Vector<T> x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

template <typename T>
inline void store(T* to, Vector<T> x) {
  std::memcpy(to, &x, sizeof x);
}

// The first `count` elements, zeros behind them.
template <typename T>
inline Vector<T> load(const T* from, int count) {
  Vector<T> x = {};
  std::memcpy(&x, from, count * sizeof(T));
  return x;
}

template <typename T>
inline void store(T* to, Vector<T> x, int count) {
  std::memcpy(to, &x, count * sizeof(T));
}
