// Overheads of a run: a null run, a scalar, a chain of a thousand scalar sines.
#include "bench.h"

using namespace thalweg;         // NOLINT(google-build-using-namespace)
using namespace thalweg::bench;  // NOLINT(google-build-using-namespace)

int main(int argc, char** argv) {
  Report report(argc, argv);
  Graph graph(library().ops);
  Scope scope(graph);
  Out x = placeholder(Shape());
  Out chain = x;
  for (int i = 0; i < 1000; ++i) chain = node("Sin", {chain});
  Out sum = x + 1.0;
  Node& nothing = scope.add("NoOp", {});

  Session session(graph, library());
  Tensor half = Tensor::scalar(0.5f);
  auto null_run = session.prepare({}, {}, {&nothing});
  auto scalar_run = session.prepare({x.endpoint()}, {sum.endpoint()});
  auto chain_run = session.prepare({x.endpoint()}, {chain.endpoint()});
  std::vector<Tensor> none, feed{half};
  report.row("null_run", 0, [&] { null_run->run(none); });
  report.row("scalar_add", 0, [&] { scalar_run->run(feed); });
  report.row("chain_1000_sin", 0, [&] { chain_run->run(feed); });
}
