// Kernels that work row by row, reductions over short axes, random numbers and casts, of the sizes that small networks
// have.
#include "bench.h"

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

int main(int argc, char** argv) {
  Report report(argc, argv);
  Graph graph(library().ops);
  Scope scope(graph);
  Session session(graph, library());
  auto row = [&](const std::string& name, const Shape& shape, auto&& make) {
    Out x = placeholder(shape);
    auto run = session.prepare({x.endpoint()}, {Out(make(x)).endpoint()});
    std::vector<Tensor> feed{noise(shape)};
    report.row(name, 0, [&] { run->run(feed); });
  };
  auto axis = [&](int32_t d) { return ints({d}); };
  row("softmax_100x10", {100, 10}, [](Out x) { return node("Softmax", {x}); });
  row("log_softmax_100x10", {100, 10}, [](Out x) { return node("LogSoftmax", {x}); });
  row("xent_100x10", {100, 10}, [](Out x) { return node("SoftmaxCrossEntropyWithLogits", {x, x}); });
  row("softmax_100x1000", {100, 1000}, [](Out x) { return node("Softmax", {x}); });
  row("argmax_100x10", {100, 10}, [](Out x) { return node("ArgMax", {x, int_scalar(1)}); });
  for (int rows : {100, 1000, 78400}) {
    for (int columns : {4, 10, 32}) {
      std::string size = str(rows, "x", columns);
      row("column_sums_" + size, {rows, columns}, [&](Out x) { return node("Sum", {x, axis(0)}); });
      row("row_sums_" + size, {rows, columns}, [&](Out x) { return node("Sum", {x, axis(1)}); });
    }
  }
  row("mean_100", {100}, [&](Out x) { return node("Mean", {x, axis(0)}); });
  row("sum_4M", {1 << 22}, [&](Out x) { return node("Sum", {x, axis(0)}); });
  for (const char* op : {"RandomUniform", "RandomStandardNormal", "TruncatedNormal"}) {
    row(str(op, "_50x1024"), {1}, [&](Out) { return node(op, {ints({50, 1024})}, {{"dtype", DType::float32}}); });
  }
  for (DType to : {DType::float16, DType::bfloat16, DType::int32, DType::float64, DType::boolean}) {
    row(str("cast_16K_", name_of(to)), {16384}, [&](Out x) { return node("Cast", {x}, {{"DstT", to}}); });
  }
}
