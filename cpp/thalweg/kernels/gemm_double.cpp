// gemm.h for double.
#include "thalweg/kernels/gemm_engine.h"

namespace thalweg::kernels {

template TileFn<double> tile_fn<double>(int, int);

template struct GemmPlan<double>;
template struct PackedMatrix<double>;
template void gemm(const GemmPlan<double>&, const MatrixView<double>&, const MatrixView<double>&, double*, int64_t,
                   SumType<double>*, ThreadPool*, const GemmExtras<double>&);
template void gemm(const GemmPlan<double>&, const MatrixView<double>&, const PackedMatrix<double>&, double*, int64_t,
                   SumType<double>*, ThreadPool*, const Finish&);

template void gemm_blocks(const GemmPlan<double>&, const MatrixView<double>&, const MatrixView<double>&, double*,
                          ThreadPool*, const Finish&);

}  // namespace thalweg::kernels
