// A program linked statically with three kernel families: the others must not be in it.
#include "thalweg/thalweg.h"

using namespace thalweg;  // NOLINT(google-build-using-namespace)

int main() {
  Library library;
  register_ops(library.ops);
  kernels::register_array(library.kernels);
  kernels::register_control(library.kernels);
  kernels::register_elementwise(library.kernels);
  Graph graph(library.ops);
  Scope scope(graph);
  Out x = constant(Tensor::vector<float>({1, 2, 3}));
  Out y = x * x;
  Out dx = gradients({y}, {x})[0];
  Session session(graph, library);
  auto values = session.run({}, {y, dx});
  return values[0].flat<float>()[2] == 9 && values[1].flat<float>()[2] == 6 ? 0 : 1;
}
