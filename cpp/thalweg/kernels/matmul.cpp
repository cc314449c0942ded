// CPU kernels of the matrix products, bias additions and L2Loss.
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/reduce.h"
#include "thalweg/kernels/right_factor.h"
#include "thalweg/kernels/weight_gradient.h"

namespace thalweg::kernels {
namespace {

/// The number of pieces that batches are shared out in; each has its own scratch memory.
constexpr int64_t kPieces = 16;

/// Complex products: rare, and written plainly. A conjugated operand is conjugated as it is read.
template <class T>
void complex_product(const MatrixView<T>& a, bool conj_a, const MatrixView<T>& b, bool conj_b, T* c, int64_t begin,
                     int64_t end) {
  using R = typename T::value_type;
  for (int64_t i = begin; i < end; ++i) {
    T* row = c + i * b.cols;
    std::fill_n(row, b.cols, T(0));
    for (int64_t p = 0; p < a.cols; ++p) {
      T x = a.data[i * a.row_stride + p * a.col_stride];
      R re = x.real(), im = conj_a ? -x.imag() : x.imag();
      const T* from = b.data + p * b.row_stride;
      for (int64_t j = 0; j < b.cols; ++j) {
        T y = from[j * b.col_stride];
        R yi = conj_b ? -y.imag() : y.imag();
        row[j] += T(re * y.real() - im * yi, re * yi + im * y.real());
      }
    }
  }
}

template <class T>
struct MatMul {
  bool ta;
  RightFactor<T> b;
  explicit MatMul(const KernelInit& init)
      : ta(init.attr<bool>("transpose_a")), b(init, 1, init.attr<bool>("transpose_b")) {}

  void operator()(KernelContext& k) const {
    b.multiply(k, MatrixView<T>(k.in<T>(0), k.in(0).dim(0), k.in(0).dim(1), ta), k.out<T>(0));
  }
};

template <class T>
struct ComplexMatMul {
  bool ta, tb;
  explicit ComplexMatMul(const KernelInit& init)
      : ta(init.attr<bool>("transpose_a")), tb(init.attr<bool>("transpose_b")) {}

  void operator()(KernelContext& k) const {
    MatrixView<T> a(k.in<T>(0), k.in(0).dim(0), k.in(0).dim(1), ta), b(k.in<T>(1), k.in(1).dim(0), k.in(1).dim(1), tb);
    T* c = k.out<T>(0);
    double cost = double(a.cols) * double(b.cols) * 1.5;
    k.parallel_for(a.rows, cost, [&](int64_t i, int64_t end) { complex_product(a, false, b, false, c, i, end); });
  }
};

template <class T>
struct BatchMatMul {
  bool ax, ay;
  explicit BatchMatMul(const KernelInit& init) : ax(init.attr<bool>("adj_x")), ay(init.attr<bool>("adj_y")) {}

  void operator()(KernelContext& k) const {
    const Shape &x = k.in(0).shape(), &y = k.in(1).shape(), &out = k.out(0).shape();
    const T *px = k.in<T>(0), *py = k.in<T>(1);
    T* c = k.out<T>(0);
    MatrixView<T> a(px, x[-2], x[-1], ax), b(py, y[-2], y[-1], ay);
    int64_t batch = out.size(0, out.rank() - 2), size_x = x[-2] * x[-1], size_y = y[-2] * y[-1];
    int64_t size_out = a.rows * b.cols;
    if (batch == 0 || size_out == 0) return;
    auto matrix = [&](const Shape& s, int64_t index) {  // which matrix of an operand serves the index-th of the output
      int64_t at = 0, stride = 1;
      for (int d = 1; d <= out.rank() - 2; ++d) {
        int64_t size = out[out.rank() - 2 - d], i = index % size;
        index /= size;
        if (d > s.rank() - 2) continue;
        int64_t own = s[s.rank() - 2 - d];
        at += (own == 1 ? 0 : i) * stride;
        stride *= own;
      }
      return at;
    };
    if constexpr (is_complex<T>) {
      double cost = double(size_out) * double(a.cols) * 1.5;
      k.parallel_for(batch, cost, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          MatrixView<T> left = a, right = b;
          left.data = px + matrix(x, i) * size_x;
          right.data = py + matrix(y, i) * size_y;
          complex_product(left, ax, right, ay, c + i * size_out, 0, left.rows);
        }
      });
    } else {
      GemmPlan<T> plan(a, b);
      if (y.size() == size_y && out.rank() == x.rank() && !ax) {
        // One right-hand side for all: the batches are rows of one product.
        MatrixView<T> rows(px, batch * x[-2], x[-1], false);
        return gemm(k, rows, b, c);
      }
      bool few = batch < 4;  // then threads share out each product instead
      int64_t pieces = few ? 1 : std::min(batch, kPieces);
      auto* scratch = plan.scratch() > 0 ? k.scratch<SumType<T>>(plan.scratch() * pieces) : nullptr;
      auto piece = [&](int64_t index, ThreadPool* pool) {
        MatrixView<T> left = a, right = b;
        for (int64_t i = index * batch / pieces; i < (index + 1) * batch / pieces; ++i) {
          left.data = px + matrix(x, i) * size_x;
          right.data = py + matrix(y, i) * size_y;
          gemm(plan, left, right, c + i * size_out, b.cols, scratch + index * plan.scratch(), pool);
        }
      };
      if (few) return piece(0, &k.pool());
      k.parallel_for(pieces, plan.cost_ns() * double(batch) / double(pieces), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) piece(i, nullptr);
      });
    }
  }
};

/// A tensor as [outer, channels, inner] around its channel axis.
struct ChannelView {
  int64_t outer, channels, inner;
  ChannelView(const Shape& s, bool nchw) {
    int axis = nchw ? 1 : s.rank() - 1;
    outer = s.size(0, axis);
    channels = s[axis];
    inner = s.size(axis + 1, s.rank());
  }
};

bool is_nchw(const KernelInit& init) { return init.attrs.get_or<std::string>("data_format", "NHWC") == "NCHW"; }

/// Addition as the type has it: 16-bit formats add in float, integers wrap around.
template <class T>
T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
  else
    return T(a + b);
}

template <class T>
struct BiasAdd {
  bool nchw;
  explicit BiasAdd(const KernelInit& init) : nchw(is_nchw(init)) {}

  void operator()(KernelContext& k) const {
    ChannelView v(k.in(0).shape(), nchw);
    const T *in = k.in<T>(0), *bias = k.in<T>(1);
    T* out = k.out<T>(0);
    if (v.inner == 1) {
      k.parallel_for(v.outer, double(v.channels) * sizeof(T) / 20, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T* from = in + i * v.channels;
          T* to = out + i * v.channels;
          for (int64_t c = 0; c < v.channels; ++c) to[c] = plus(from[c], bias[c]);
        }
      });
    } else {
      k.parallel_for(v.outer * v.channels, double(v.inner) * sizeof(T) / 20, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T* from = in + i * v.inner;
          T *to = out + i * v.inner, b = bias[i % v.channels];
          for (int64_t j = 0; j < v.inner; ++j) to[j] = plus(from[j], b);
        }
      });
    }
  }
};

template <class T>
struct BiasAddGrad {
  bool nchw;
  explicit BiasAddGrad(const KernelInit& init) : nchw(is_nchw(init)) {}

  void operator()(KernelContext& k) const {
    using A = std::conditional_t<std::is_integral_v<T>, SumType<T>, Compute<T>>;
    const Shape& s = k.in(0).shape();
    uint32_t mask = ((1u << s.rank()) - 1) & ~(1u << (nchw ? 1 : s.rank() - 1));
    reduce<Add, A>(k, ReduceShape(s, mask), k.in<T>(0), k.out<T>(0), [](A x, int64_t) { return T(x); });
  }
};

template <class T>
struct L2Loss {
  void operator()(KernelContext& k) const {
    using A = Compute<T>;
    reduce<AddSquares, A>(k, ReduceShape(k.in(0).shape(), ~0u), k.in<T>(0), k.out<T>(0),
                          [](A x, int64_t) { return T(x / 2); });
  }
};

}  // namespace

void register_matmul(KernelRegistry& r) {
  register_weight_gradient(r);
  constexpr DTypeSet kMatMulTypes = kInexact | kUnsigned | DTypeSet{DType::int32, DType::int64};
  r.add_all<MatMul, kMatMulTypes - kComplex>("MatMul", kCpu);
  r.add_all<ComplexMatMul, kComplex>("MatMul", kCpu);
  r.add_all<BatchMatMul, kMatMulTypes>("BatchMatMul", kCpu);
  r.add_all<BatchMatMul, kMatMulTypes | DTypeSet{DType::int16}>("BatchMatMulV2", kCpu);
  r.add_all<BiasAdd, kNumeric>("BiasAdd", kCpu);
  r.add_all<BiasAdd, kNumeric>("BiasAddV1", kCpu);
  r.add_all<BiasAddGrad, kNumeric>("BiasAddGrad", kCpu);
  r.add_all<L2Loss, kFloating>("L2Loss", kCpu);
}

}  // namespace thalweg::kernels
