// gemm.h for integers: sums wrap around.
#include "thalweg/kernels/gemm_engine.h"

namespace thalweg::kernels {

template TileFn<uint32_t> tile_fn<uint32_t>(int, int);
template TileFn<uint64_t> tile_fn<uint64_t>(int, int);

template struct GemmPlan<int8_t>;
template struct PackedMatrix<int8_t>;
template void gemm(const GemmPlan<int8_t>&, const MatrixView<int8_t>&, const MatrixView<int8_t>&, int8_t*, int64_t,
                   SumType<int8_t>*, ThreadPool*, const GemmExtras<int8_t>&);
template void gemm(const GemmPlan<int8_t>&, const MatrixView<int8_t>&, const PackedMatrix<int8_t>&, int8_t*, int64_t,
                   SumType<int8_t>*, ThreadPool*, const Finish&);
template struct GemmPlan<uint8_t>;
template struct PackedMatrix<uint8_t>;
template void gemm(const GemmPlan<uint8_t>&, const MatrixView<uint8_t>&, const MatrixView<uint8_t>&, uint8_t*, int64_t,
                   SumType<uint8_t>*, ThreadPool*, const GemmExtras<uint8_t>&);
template void gemm(const GemmPlan<uint8_t>&, const MatrixView<uint8_t>&, const PackedMatrix<uint8_t>&, uint8_t*,
                   int64_t, SumType<uint8_t>*, ThreadPool*, const Finish&);
template struct GemmPlan<int16_t>;
template struct PackedMatrix<int16_t>;
template void gemm(const GemmPlan<int16_t>&, const MatrixView<int16_t>&, const MatrixView<int16_t>&, int16_t*, int64_t,
                   SumType<int16_t>*, ThreadPool*, const GemmExtras<int16_t>&);
template void gemm(const GemmPlan<int16_t>&, const MatrixView<int16_t>&, const PackedMatrix<int16_t>&, int16_t*,
                   int64_t, SumType<int16_t>*, ThreadPool*, const Finish&);
template struct GemmPlan<uint16_t>;
template struct PackedMatrix<uint16_t>;
template void gemm(const GemmPlan<uint16_t>&, const MatrixView<uint16_t>&, const MatrixView<uint16_t>&, uint16_t*,
                   int64_t, SumType<uint16_t>*, ThreadPool*, const GemmExtras<uint16_t>&);
template void gemm(const GemmPlan<uint16_t>&, const MatrixView<uint16_t>&, const PackedMatrix<uint16_t>&, uint16_t*,
                   int64_t, SumType<uint16_t>*, ThreadPool*, const Finish&);
template struct GemmPlan<int32_t>;
template struct PackedMatrix<int32_t>;
template void gemm(const GemmPlan<int32_t>&, const MatrixView<int32_t>&, const MatrixView<int32_t>&, int32_t*, int64_t,
                   SumType<int32_t>*, ThreadPool*, const GemmExtras<int32_t>&);
template void gemm(const GemmPlan<int32_t>&, const MatrixView<int32_t>&, const PackedMatrix<int32_t>&, int32_t*,
                   int64_t, SumType<int32_t>*, ThreadPool*, const Finish&);
template struct GemmPlan<uint32_t>;
template struct PackedMatrix<uint32_t>;
template void gemm(const GemmPlan<uint32_t>&, const MatrixView<uint32_t>&, const MatrixView<uint32_t>&, uint32_t*,
                   int64_t, SumType<uint32_t>*, ThreadPool*, const GemmExtras<uint32_t>&);
template void gemm(const GemmPlan<uint32_t>&, const MatrixView<uint32_t>&, const PackedMatrix<uint32_t>&, uint32_t*,
                   int64_t, SumType<uint32_t>*, ThreadPool*, const Finish&);
template struct GemmPlan<int64_t>;
template struct PackedMatrix<int64_t>;
template void gemm(const GemmPlan<int64_t>&, const MatrixView<int64_t>&, const MatrixView<int64_t>&, int64_t*, int64_t,
                   SumType<int64_t>*, ThreadPool*, const GemmExtras<int64_t>&);
template void gemm(const GemmPlan<int64_t>&, const MatrixView<int64_t>&, const PackedMatrix<int64_t>&, int64_t*,
                   int64_t, SumType<int64_t>*, ThreadPool*, const Finish&);
template struct GemmPlan<uint64_t>;
template struct PackedMatrix<uint64_t>;
template void gemm(const GemmPlan<uint64_t>&, const MatrixView<uint64_t>&, const MatrixView<uint64_t>&, uint64_t*,
                   int64_t, SumType<uint64_t>*, ThreadPool*, const GemmExtras<uint64_t>&);
template void gemm(const GemmPlan<uint64_t>&, const MatrixView<uint64_t>&, const PackedMatrix<uint64_t>&, uint64_t*,
                   int64_t, SumType<uint64_t>*, ThreadPool*, const Finish&);

}  // namespace thalweg::kernels
