// Elementwise functions of 4096 floats, which stay in the first-level cache: a microsecond is a quarter of a nanosecond
// an element. 0.2 us of each row are the run itself.
#include "bench.h"

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

int main(int argc, char** argv) {
  Report report(argc, argv);
  Graph graph(library().ops);
  Scope scope(graph);
  Out x = placeholder(Shape{4096});
  Session session(graph, library());
  std::vector<Tensor> feed{noise(Shape{4096})};
  auto row = [&](const std::string& name, Out y) {
    auto run = session.prepare({x.endpoint()}, {y.endpoint()});
    report.row(name, 0, [&] { run->run(feed); });
  };
  for (const char* op : {"Neg", "Sqrt", "Rsqrt", "Exp", "Expm1", "Log", "Log1p", "Tanh", "Sigmoid", "Softplus", "Sin",
                         "Cos", "Tan", "Erf", "Erfc", "Atan"}) {
    row(op, node(op, {x}));
  }
  row("Add", x + x);
  row("Pow", node("Pow", {x, x}));
  row("Sum", node("Sum", {x, ints({0})}));
}
