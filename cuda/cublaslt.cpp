#include "cuda/cublaslt.h"

#include <dlfcn.h>
#include <library_types.h>

#include <array>
#include <memory>

#include "cuda/device.h"

namespace thalweg::cuda {
namespace {

// The part of cuBLASLt's C interface that is used here, declared anew: its headers are not part of every toolkit. The
// numbers are those of cuBLAS 11 to 13.
using Status = int;  // 0: success
struct LayoutOpaque;
struct DescOpaque;
struct PreferenceOpaque;
using Handle = void*;
using Layout = LayoutOpaque*;
using Desc = DescOpaque*;
using Preference = PreferenceOpaque*;
struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  Status status;
  float waves;
  int reserved[4];
};
enum : int { kCompute32F = 68, kCompute64F = 70 };
enum : int { kDescTransposeA = 3, kDescTransposeB = 4 };
enum : int { kLayoutBatch = 5, kLayoutBatchStride = 6 };
enum : int { kPreferWorkspace = 1, kPreferAlignmentA = 5 };  // A, B, C, D follow each other

constexpr size_t kMaxWorkspace = size_t(32) << 20;

/// The functions, found by name.
struct Lt {
  Status (*create)(Handle*);
  Status (*desc_create)(Desc*, int compute, int scale);
  Status (*desc_destroy)(Desc);
  Status (*desc_set)(Desc, int what, const void*, size_t);
  Status (*layout_create)(Layout*, int dtype, uint64_t rows, uint64_t cols, int64_t ld);
  Status (*layout_destroy)(Layout);
  Status (*layout_set)(Layout, int what, const void*, size_t);
  Status (*preference_create)(Preference*);
  Status (*preference_destroy)(Preference);
  Status (*preference_set)(Preference, int what, const void*, size_t);
  Status (*heuristic)(Handle, Desc, Layout a, Layout b, Layout c, Layout d, Preference, int wanted, Heuristic*,
                      int* got);
  Status (*matmul)(Handle, Desc, const void* alpha, const void* a, Layout, const void* b, Layout, const void* beta,
                   const void* c, Layout, void* d, Layout, const Algorithm*, void* workspace, size_t, cudaStream_t);
};

template <class F>
bool find(void* library, const char* name, F& f) {
  f = reinterpret_cast<F>(dlsym(library, name));
  return f != nullptr;
}

void* open_library() {
  const std::string name = str("libcublasLt.so.", CUDART_VERSION / 1000);
  // This library lies in site-packages/thalweg/plugins, the wheel's in site-packages/nvidia.
  Dl_info here{};
  if (dladdr(reinterpret_cast<void*>(&open_library), &here) && here.dli_fname) {
    std::string folder = here.dli_fname;
    folder = folder.substr(0, folder.rfind('/') + 1);
    for (std::string wheel : {str("cu", CUDART_VERSION / 1000), std::string("cublas")}) {
      std::string path = folder + "../../nvidia/" + wheel + "/lib/" + name;
      if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    }
  }
  if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  return dlopen(("/usr/local/cuda/lib64/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
}

/// Null if there is no usable cuBLASLt. Opened once and never closed.
const Lt* lt() {
  static const std::unique_ptr<Lt> functions = []() -> std::unique_ptr<Lt> {
    void* l = open_library();
    if (!l) return nullptr;
    auto f = std::make_unique<Lt>();
    bool all = find(l, "cublasLtCreate", f->create) && find(l, "cublasLtMatmulDescCreate", f->desc_create) &&
               find(l, "cublasLtMatmulDescDestroy", f->desc_destroy) &&
               find(l, "cublasLtMatmulDescSetAttribute", f->desc_set) &&
               find(l, "cublasLtMatrixLayoutCreate", f->layout_create) &&
               find(l, "cublasLtMatrixLayoutDestroy", f->layout_destroy) &&
               find(l, "cublasLtMatrixLayoutSetAttribute", f->layout_set) &&
               find(l, "cublasLtMatmulPreferenceCreate", f->preference_create) &&
               find(l, "cublasLtMatmulPreferenceDestroy", f->preference_destroy) &&
               find(l, "cublasLtMatmulPreferenceSetAttribute", f->preference_set) &&
               find(l, "cublasLtMatmulAlgoGetHeuristic", f->heuristic) && find(l, "cublasLtMatmul", f->matmul);
    return all ? std::move(f) : nullptr;
  }();
  return functions.get();
}

/// One handle per device, made on first need; null if cuBLASLt does not start.
Handle handle(int device) {
  constexpr int kMaxDevices = 64;
  static std::mutex mutex;
  static std::array<Handle, kMaxDevices> handles{};
  if (device >= kMaxDevices) return nullptr;
  std::lock_guard lock(mutex);
  Handle& h = handles[size_t(device)];
  if (!h && lt()->create(&h) != 0) h = nullptr;
  return h;
}

int cuda_type(DType t) {
  switch (t) {
    case DType::float32:
      return CUDA_R_32F;
    case DType::float64:
      return CUDA_R_64F;
    case DType::float16:
      return CUDA_R_16F;
    case DType::bfloat16:
      return CUDA_R_16BF;
    default:
      return -1;
  }
}

/// A product described to cuBLASLt. It thinks in columns: a row-major matrix is its transpose there, so that
/// c = a b is asked for as c' = b' a', with the operands exchanged and nothing copied.
class Request {
 public:
  Request(const Lt& lt, DType dtype, const Product& p) : lt_(lt) {
    int type = cuda_type(dtype);
    bool wide = dtype == DType::float64;
    require(lt.desc_create(&desc, wide ? kCompute64F : kCompute32F, wide ? CUDA_R_64F : CUDA_R_32F));
    int32_t first = p.transpose_b, second = p.transpose_a;
    require(lt.desc_set(desc, kDescTransposeA, &first, sizeof first));
    require(lt.desc_set(desc, kDescTransposeB, &second, sizeof second));
    int64_t a_cols = p.transpose_a ? p.m : p.k, b_cols = p.transpose_b ? p.k : p.n;
    matrix(b, type, b_cols, p.transpose_b ? p.n : p.k, p.batch, p.stride_b);
    matrix(a, type, a_cols, p.transpose_a ? p.k : p.m, p.batch, p.stride_a);
    matrix(c, type, p.n, p.m, p.batch, p.m * p.n);
  }
  ~Request() {
    for (Layout l : {a, b, c}) {
      if (l) lt_.layout_destroy(l);
    }
    if (desc) lt_.desc_destroy(desc);
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  bool ok() const { return ok_; }
  /// The best algorithm for pointers that are multiples of `alignment` bytes.
  bool choose(Handle handle, int alignment, Heuristic& best) const {
    Preference preference = nullptr;
    if (lt_.preference_create(&preference) != 0) return false;
    size_t workspace = kMaxWorkspace;
    uint32_t bytes = uint32_t(alignment);
    bool fine = lt_.preference_set(preference, kPreferWorkspace, &workspace, sizeof workspace) == 0;
    for (int i = 0; i < 4; ++i) {
      fine = fine && lt_.preference_set(preference, kPreferAlignmentA + i, &bytes, sizeof bytes) == 0;
    }
    int got = 0;
    fine =
        fine && lt_.heuristic(handle, desc, b, a, c, c, preference, 1, &best, &got) == 0 && got > 0 && best.status == 0;
    lt_.preference_destroy(preference);
    return fine;
  }

  Desc desc = nullptr;
  Layout a = nullptr, b = nullptr, c = nullptr;

 private:
  void require(Status s) { ok_ = ok_ && s == 0; }
  void matrix(Layout& out, int type, int64_t rows, int64_t cols, int64_t batch, int64_t stride) {
    require(lt_.layout_create(&out, type, uint64_t(rows), uint64_t(cols), rows));
    if (batch == 1 || !ok_) return;
    int32_t count = int32_t(batch);
    require(lt_.layout_set(out, kLayoutBatch, &count, sizeof count));
    require(lt_.layout_set(out, kLayoutBatchStride, &stride, sizeof stride));
  }

  const Lt& lt_;
  bool ok_ = true;
};

/// The largest power of two up to 256 that divides all three addresses.
int common_alignment(const void* a, const void* b, const void* c) {
  auto bits = reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b) | reinterpret_cast<uintptr_t>(c) | 256;
  return int(bits & (~bits + 1));
}

}  // namespace

bool LtMatMul::run(KernelContext& k, DType dtype, const Product& p, const void* a, const void* b, void* c) {
  const Lt* lt = cuda::lt();
  if (!lt || cuda_type(dtype) < 0 || p.batch > INT32_MAX) return false;
  make_current(k.device());
  Handle h = handle(k.device().index());
  if (!h) return false;
  Request request(*lt, dtype, p);
  if (!request.ok()) return false;
  int alignment = common_alignment(a, b, c);
  Choice choice;
  {
    std::lock_guard lock(mutex_);
    if (!(last_.product == p) || last_.alignment != alignment) {
      Heuristic best{};
      last_ = Choice{p, alignment, request.choose(h, alignment, best), {}, best.workspace};
      std::copy_n(best.algorithm.data, 8, last_.algorithm);
    }
    choice = last_;
  }
  if (!choice.usable) return false;
  Algorithm algorithm;
  std::copy_n(choice.algorithm, 8, algorithm.data);
  void* workspace = choice.workspace ? k.scratch<char>(int64_t(choice.workspace)) : nullptr;
  float one = 1, zero = 0;
  double one64 = 1, zero64 = 0;
  bool wide = dtype == DType::float64;
  const void* alpha = wide ? static_cast<const void*>(&one64) : &one;
  const void* beta = wide ? static_cast<const void*>(&zero64) : &zero;
  Status status = lt->matmul(h, request.desc, alpha, b, request.b, a, request.a, beta, c, request.c, c, request.c,
                             &algorithm, workspace, choice.workspace, static_cast<cudaStream_t>(k.device().stream()));
  if (status != 0)
    TW_FAIL(Internal, "cuBLASLt: a product of [", p.m, ",", p.k, "] and [", p.k, ",", p.n, "] failed with status ",
            status);
  return true;
}

}  // namespace thalweg::cuda
