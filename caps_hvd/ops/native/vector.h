// One source of kernels, compiled for AVX2 and for AVX-512 into the same file, and chosen from on
// the processor where it runs:
//
//   #define KERNELS "some_kernels.h"
//   #include "vector.h"
//   ... CAPS_HVD_DISPATCH(some_kernel)(arguments);
//
// KERNELS has no include guard, includes nothing, and writes its functions over `Vector<T>`, which
// has the operators of T.  It is seen twice, as `avx2::some_kernel` and `avx512::some_kernel`.

#ifndef CAPS_HVD_OPS_NATIVE_VECTOR_H_
#define CAPS_HVD_OPS_NATIVE_VECTOR_H_

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

// CAPS_HVD_NATIVE_OPS=avx2 keeps to AVX2 where there is more, for tests and measurements.
inline bool caps_hvd_avx512() {
  static const bool supported = __builtin_cpu_supports("avx512f") &&
                                __builtin_cpu_supports("avx512dq") &&
                                __builtin_cpu_supports("avx512vl");
  const char* wanted = std::getenv("CAPS_HVD_NATIVE_OPS");
  return supported && !(wanted && std::strcmp(wanted, "avx2") == 0);
}

#define CAPS_HVD_DISPATCH(function) (caps_hvd_avx512() ? avx512::function : avx2::function)

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace {
namespace avx2 {
constexpr int kVectorBytes = 32;
#include "vector_type.h"
inline void stream(void* to, Vector<float> x) { _mm256_stream_ps((float*)to, (__m256)x); }
inline void stream(void* to, Vector<double> x) { _mm256_stream_pd((double*)to, (__m256d)x); }
#include KERNELS
}  // namespace avx2
}  // namespace
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512dq,avx512vl")
namespace {
namespace avx512 {
constexpr int kVectorBytes = 64;
#include "vector_type.h"
inline void stream(void* to, Vector<float> x) { _mm512_stream_ps((float*)to, (__m512)x); }
inline void stream(void* to, Vector<double> x) { _mm512_stream_pd((double*)to, (__m512d)x); }
#include KERNELS
}  // namespace avx512
}  // namespace
#pragma GCC pop_options

#endif  // CAPS_HVD_OPS_NATIVE_VECTOR_H_
