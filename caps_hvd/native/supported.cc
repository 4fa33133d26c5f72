// Whether this processor can run the operations: they need AVX2 and FMA at least.

extern "C" __attribute__((visibility("default"))) bool caps_hvd_supported() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
