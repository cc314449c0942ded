// gemm.h for float, half and bfloat16: products are summed in float.
#include "thalweg/kernels/gemm_engine.h"

namespace thalweg::kernels {

template TileFn<float> tile_fn<float>(int, int);

template struct GemmPlan<float>;
template struct PackedMatrix<float>;
template void gemm(const GemmPlan<float>&, const MatrixView<float>&, const MatrixView<float>&, float*, int64_t,
                   SumType<float>*, ThreadPool*, const GemmExtras<float>&);
template void gemm(const GemmPlan<float>&, const MatrixView<float>&, const PackedMatrix<float>&, float*, int64_t,
                   SumType<float>*, ThreadPool*, const Finish&);
template void gemm_blocks(const GemmPlan<float>&, const MatrixView<float>&, const MatrixView<float>&, float*,
                          ThreadPool*, const Finish&);
template struct GemmPlan<half>;
template struct PackedMatrix<half>;
template void gemm(const GemmPlan<half>&, const MatrixView<half>&, const MatrixView<half>&, half*, int64_t,
                   SumType<half>*, ThreadPool*, const GemmExtras<half>&);
template void gemm(const GemmPlan<half>&, const MatrixView<half>&, const PackedMatrix<half>&, half*, int64_t,
                   SumType<half>*, ThreadPool*, const Finish&);
template void gemm_blocks(const GemmPlan<half>&, const MatrixView<half>&, const MatrixView<half>&, float*, ThreadPool*,
                          const Finish&);
template struct GemmPlan<bfloat16>;
template struct PackedMatrix<bfloat16>;
template void gemm(const GemmPlan<bfloat16>&, const MatrixView<bfloat16>&, const MatrixView<bfloat16>&, bfloat16*,
                   int64_t, SumType<bfloat16>*, ThreadPool*, const GemmExtras<bfloat16>&);
template void gemm(const GemmPlan<bfloat16>&, const MatrixView<bfloat16>&, const PackedMatrix<bfloat16>&, bfloat16*,
                   int64_t, SumType<bfloat16>*, ThreadPool*, const Finish&);

template void gemm_blocks(const GemmPlan<bfloat16>&, const MatrixView<bfloat16>&, const MatrixView<bfloat16>&, float*,
                          ThreadPool*, const Finish&);

}  // namespace thalweg::kernels
